"""A built site, as tests look at it: pages by their path, each with its text, anchors, links and what it loads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src", "object": "data"}


class Page(HTMLParser):
    """One page.

    Attributes:
        anchors: What its own and other pages' links may lead to.
        links: Targets of links.
        loaded: What a browser fetches to show it.
        words: Its text.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors, self.links, self.loaded, self.words = set[str](), list[str](), list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.anchors.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADING and LOADING[tag] in given and given.get("rel") not in ("prev", "next", "canonical"):
            self.loaded.append(given[LOADING[tag]])

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@dataclass
class Site:
    """A directory of pages."""

    path: Path
    pages: dict[str, Page] = field(init=False)

    def __post_init__(self) -> None:
        # The page for what is not found has addresses of a server.
        files = [file for file in sorted(self.path.rglob("*.html")) if file.name != "404.html"]
        self.pages = {file.relative_to(self.path).as_posix(): Page(file.read_text()) for file in files}

    @cached_property
    def anchors(self) -> set[str]:
        return set().union(*(page.anchors for page in self.pages.values()))

    def broken(self) -> Iterator[str]:
        """Links and pictures within the site that lead nowhere."""
        for name, page in self.pages.items():
            for target in [*page.links, *page.loaded]:
                parts = urlsplit(target)
                if parts.scheme in ("http", "https", "mailto", "data"):
                    continue
                file = (self.path / name).parent / unquote(parts.path) if parts.path else self.path / name
                whole = file / "index.html" if file.is_dir() else file
                if not whole.is_file():
                    yield f"{name}: {target}"
                elif parts.fragment:
                    other = whole.resolve().relative_to(self.path.resolve()).as_posix()
                    if unquote(parts.fragment) not in self.pages[other].anchors:
                        yield f"{name}: {target}"

    def foreign(self) -> Iterator[str]:
        """What pages and their style sheets would fetch from elsewhere."""
        for name, page in self.pages.items():
            yield from (f"{name}: {url}" for url in page.loaded if urlsplit(url).netloc)
