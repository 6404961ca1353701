"""The documentation builds as a site, complete and readable offline; the same Markdown reads well in the repository."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from built import Page, Site

ROOT = Path(__file__).parents[2]
MARKDOWN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_link_and_picture_leads_somewhere(site: Site) -> None:
    assert len(site.pages) > 20
    assert sum(len(page.links) for page in site.pages.values()) > 500
    assert list(site.broken()) == []


def test_a_missing_page_anchor_or_picture_would_be_found(tmp_path: Path) -> None:
    page = '<h1 id="top">x</h1><a href="#top">.</a><a href="b.html">.</a><a href="#c">.</a><img src="d.png">'
    (tmp_path / "a.html").write_text(page + '<script src="https://elsewhere.example/e.js"></script>')
    site = Site(tmp_path)
    assert list(site.broken()) == ["a.html: b.html", "a.html: #c", "a.html: d.png"]
    assert list(site.foreign()) == ["a.html: https://elsewhere.example/e.js"]


def test_what_documents_link_to_outside_docs_is_part_of_the_site(site: Site) -> None:
    assert {"index.html", "CONTRIBUTING.html", "benchmarks/results/quick.html"} <= set(site.pages)
    example = site.pages["examples/train_from_python.py.html"].text
    assert " ".join((ROOT / "examples" / "train_from_python.py").read_text().split()[:20]) in example


def test_nothing_is_fetched_from_elsewhere(site: Site) -> None:
    assert list(site.foreign()) == []
    for sheet in site.path.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet
    # The theme's script would fetch a library for these.
    assert not [name for name in site.pages if 'class="mermaid"' in (site.path / name).read_text()]


@pytest.mark.parametrize("document", MARKDOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_are_paths_that_a_forge_can_follow(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s#:]+)(?:#[^)]*)?\)", text):
        assert (document.parent / target).exists(), target


@pytest.fixture
def served(site: Site) -> Iterator[str]:
    """The address of a server of the site."""
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(site.path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


PROBE = """<script>addEventListener("load", () => {
  const fetched = performance.getEntriesByType("resource").map((entry) => entry.name);
  const missing = [...document.images].filter((image) => !image.complete || !image.naturalWidth).length;
  const foreign = fetched.filter((name) => !name.startsWith(location.origin) && !name.startsWith("blob:")).length;
  const colour = getComputedStyle(document.querySelector(".md-header")).backgroundColor;
  document.title = [document.images.length, missing, fetched.length, foreign, colour].join(";");
});</script>"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the browser chromium")
def test_a_page_with_a_picture_looks_whole_in_a_browser(site: Site, served: str, tmp_path: Path) -> None:
    page = (site.path / "concepts.html").read_text()
    (site.path / "probed.html").write_text(page.replace("</body>", f"{PROBE}</body>"))
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [*words, "--dump-dom", f"{served}/probed.html"]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    (site.path / "probed.html").unlink()
    images, missing, fetched, foreign, colour = re.findall("<title>(.*)</title>", dom)[0].split(";")
    assert (missing, foreign) == ("0", "0")
    assert int(images) == 1
    assert int(fetched) > 3
    assert colour != "rgba(0, 0, 0, 0)"  # as it is without its style sheet


def test_the_diagram_is_drawn_on_its_own_ground() -> None:
    """So its text has the same contrast on a light and on a dark page."""
    drawing = (ROOT / "docs" / "images" / "concepts.svg").read_text()
    (sheet,) = re.findall(r'<rect x="1" y="1" width="(\d+)" height="(\d+)" rx="14" fill="#f7f9fb"', drawing)
    (size,) = re.findall(r'<svg .*viewBox="0 0 (\d+) (\d+)"', drawing)
    assert [int(a) + 2 for a in sheet] == [int(a) for a in size]
    assert "http://" not in drawing.replace("http://www.w3.org/2000/svg", "")
    assert Page(drawing).text.startswith("The concepts of attredit")
