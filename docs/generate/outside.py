"""A hook of mkdocs: what a page links to in the repository, but outside docs/, is a page of the site as well.

So a link works on a forge, where it is a path, and on the site, which is read offline and points to no forge.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
HOME = "README.md"
LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?=[)#])")
LANGUAGES = {".py": "python", ".toml": "toml", ".yml": "yaml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README as the first page, and whatever pages link to."""
    todo, found = [HOME, *(f"docs/{file.src_uri}" for file in files.documentation_pages())], {HOME}
    while todo:
        path = todo.pop()
        if path in found:
            files.append(_page(path, config))
        if path.endswith(".md"):
            new = {target for target in _targets(path) if _is_outside(target)} - found
            found |= new
            todo += sorted(new)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to where the pages are on the site."""
    inside = (Path(config.docs_dir) / page.file.src_uri).is_file()
    path = f"docs/{page.file.src_uri}" if inside else _PATHS[page.file.src_uri]

    def replaced(link: re.Match[str]) -> str:
        target = _resolved(path, link["path"])
        if (inside and not _is_outside(target)) or not (ROOT / target).is_file():
            return link["path"]
        return posixpath.relpath(_place(target), posixpath.dirname(page.file.src_uri) or ".")

    return LINK.sub(replaced, markdown)


_PATHS: dict[str, str] = {}  # in the repository, of pages from outside docs/, by their place on the site


def _page(path: str, config: MkDocsConfig) -> File:
    place, source = _place(path), ROOT / path
    _PATHS[place] = path
    if path.endswith(".md"):
        return File.generated(config, place, abs_src_path=str(source), inclusion=InclusionLevel.NOT_IN_NAV)
    language = LANGUAGES.get(source.suffix, "text")
    content = f"# {path}\n\n````{language}\n{source.read_text()}\n````\n"
    return File.generated(config, place, content=content, inclusion=InclusionLevel.NOT_IN_NAV)


def _targets(path: str) -> set[str]:
    return {_resolved(path, link["path"]) for link in LINK.finditer((ROOT / path).read_text())}


def _resolved(path: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), link))


def _is_outside(target: str) -> bool:
    return not target.startswith("docs/") and (ROOT / target).is_file()


def _place(path: str) -> str:
    """Where a file of the repository is on the site."""
    if path == HOME:
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return path if path.endswith(".md") else f"{path}.md"
