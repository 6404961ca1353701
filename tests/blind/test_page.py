"""The page of a blind comparison: what it shows, what it hides, and how people vote on it in a browser."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import chromium
import pytest
from chromium import Chromium
from PIL import Image

from attredit.blind.compare import Asked, BlindComparison, comparison_of, names_of
from attredit.blind.page import comparison_page
from attredit.blind.votes import count, read_ballot
from attredit.errors import RunError, UsageError
from attredit.launch import train

needs_browser = pytest.mark.skipif(not chromium.PRESENT, reason="needs the browser chromium")


def shown_on(page: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(re.findall(r'id="shown">(.*?)</script>', page.read_text())[0])
    return found


def test_both_edit_what_the_pair_says_and_the_page_shows_it(compared: BlindComparison, page: Path) -> None:
    shown = shown_on(page)
    assert len(shown["pairs"]) == 8
    for pair, place in zip(compared.pairs, shown["pairs"], strict=True):
        for side, number in (("left", pair.left), ("right", pair.right)):
            edit = compared.edits[number][pair.image, pair.attribute, pair.label]
            data = base64.b64decode(shown["pictures"][place[side]].partition(",")[2])
            (page.parent / "side.png").write_bytes(data)
            with Image.open(page.parent / "side.png") as image:
                assert image.tobytes() == edit.tobytes()
        assert place["question"] == compared.questions[pair.attribute, pair.label]
    assert {place["question"] for place in shown["pairs"]} <= {
        f"Which looks more like the same subject, {words}?"
        for words in ("smiling", "not smiling", "with eyeglasses", "without eyeglasses")
    }


def test_the_same_seed_gives_the_same_page_and_another_one_another(runs: list[Path], compared: BlindComparison) -> None:
    again = comparison_page(comparison_of(runs, Asked(pairs=6, again=2, seed=3)))
    assert again == comparison_page(compared)
    assert comparison_page(comparison_of(runs, Asked(pairs=6, again=2, seed=4))) != again


def test_nothing_that_can_be_read_names_a_run(page: Path) -> None:
    text = page.read_text()
    for name in ("plain", "factorized", "naive", "ifcvaegan"):
        assert not re.search(rf"\b{name}\b", re.sub(r"<style>.*?</style>|text/plain", "", text, flags=re.S)), name
    assert not re.findall(r"(?:src|href)=.(?!data:)", re.sub(r"<script.*?</script>", "", text, flags=re.S))


def test_a_noun_may_be_said_and_is_only_text(runs: list[Path]) -> None:
    found = comparison_page(
        comparison_of(runs, Asked(attributes=["Smiling"], pairs=2, again=0, noun="</script><b>shoe"))
    )
    assert "<b>shoe" not in found
    assert "&lt;/script&gt;&lt;b&gt;shoe" in found


def test_what_cannot_be_compared_is_refused(runs: list[Path], tiny_request: Any, tmp_path: Path) -> None:
    for wrong in (runs[:1], [runs[0], runs[0]], [*runs, runs[1]]):
        with pytest.raises(UsageError, match="two runs or more, each named once"):
            comparison_of(wrong, Asked())
    with pytest.raises(UsageError, match=r"Smilin\. .* Smiling\?"):
        comparison_of(runs, Asked(attributes=["Smilin"]))
    with pytest.raises(UsageError, match="has no split 'tset'"):
        comparison_of(runs, Asked(split="tset"))
    other = train(tiny_request(run_dir=str(tmp_path / "other"), steps=1, data_options={"train": 40, "test": 8}))
    with pytest.raises(RunError, match="were trained on different data"):
        comparison_of([runs[0], other], Asked())


def test_runs_are_called_as_briefly_as_tells_them_apart() -> None:
    assert names_of([Path("/a/one"), Path("/b/two")]) == ["one", "two"]
    assert names_of([Path("/a/k1/run"), Path("/a/k2/run"), Path("/a/x")]) == ["k1/run", "k2/run", "a/x"]


@needs_browser
def test_people_vote_by_keys_and_clicks_and_save_a_file(
    page: Path, compared: BlindComparison, browser: Chromium
) -> None:
    browser.size(1200, 800)
    browser.open(page)
    shown = shown_on(page)
    status = "document.getElementById('status').textContent"
    assert browser.run(status) == "1 of 8"
    assert browser.run("document.getElementById('question').textContent") == shown["pairs"][0]["question"]
    browser.press("ArrowLeft")
    browser.press("ArrowRight", held=3)  # one vote
    assert browser.run(status) == "3 of 8"
    browser.press("Backspace")
    assert browser.run(status) == "2 of 8"
    browser.click("#right")
    browser.press("ArrowDown")
    assert browser.run("document.getElementById('progress').value") == 3
    sources = browser.run("['#original', '#left img', '#right img'].map((id) => document.querySelector(id).src)")
    place = shown["pairs"][3]
    assert sources == [shown["pictures"][place[name]] for name in ("original", "left", "right")]
    words = browser.run("document.body.innerText + document.title + [...document.images].map((i) => i.alt).join()")
    for name in ("plain", "factorized", "naive", "ifcvaegan", *(f"{n}/run" for n in ("plain", "factorized"))):
        assert name not in words.lower()
    # Kept, when the page is closed and opened again.
    browser.open(page)
    assert browser.run(status) == "4 of 8"
    # By keyboard alone: the first thing that is reached is the left picture.
    browser.press("Tab")
    assert browser.run("document.activeElement.id") == "left"
    browser.press("Enter")
    assert (browser.run(status), browser.run("document.activeElement.id")) == ("5 of 8", "left")
    browser.click("#voter")
    browser.type("me ← & <b>")
    browser.press("ArrowLeft")  # moves the cursor, and votes on nothing
    assert browser.run(status) == "5 of 8"
    browser.run("document.activeElement.blur()")
    for _ in range(4):  # one more than there are
        browser.press("ArrowRight")
    assert browser.run("[document.getElementById('done').hidden, document.getElementById('voting').hidden]") == [
        False,
        True,
    ]
    ballot = read_ballot(browser.downloaded("#save"))
    assert [vote.choice for vote in ballot.votes] == ["left", "right", "none", "left", *["right"] * 4]
    assert ballot.voter == "me ← & <b>"
    assert [run.name for run in ballot.runs] == ["plain/run", "factorized/run"]
    for pair, vote in zip(compared.pairs, ballot.votes, strict=True):
        assert (vote.number, vote.image, vote.left, vote.right) == (pair.number, pair.image, pair.left, pair.right)
        assert vote.again == pair.again
    assert sum(found.preferred.n + found.undecided for found in count([ballot]).preferences if not found.attribute) == 6
    assert {url.split(":")[0] for url in browser.fetched} <= {"file", "data", "blob"}
    assert len([url for url in browser.fetched if url.startswith("file:")]) == 2  # the page, twice


@needs_browser
@pytest.mark.parametrize(("width", "phone"), [(360, True), (1200, False)])
def test_everything_fits_and_is_seen(page: Path, browser: Chromium, width: int, phone: bool, tmp_path: Path) -> None:
    browser.size(width, 740, phone=phone)
    browser.open(page)
    assert browser.run("document.documentElement.scrollWidth") <= width
    missing = "[...document.images].filter((image) => !image.complete || !image.naturalWidth).length"
    assert (browser.run("document.images.length"), browser.run(missing)) == (3, 0)
    # Both choices are there without scrolling, side by side, and large enough for a thumb.
    boxes = browser.run(
        "['left', 'right', 'none'].map((id) => document.getElementById(id).getBoundingClientRect().toJSON())"
    )
    assert all(box["bottom"] <= 740 and box["width"] >= 44 and box["height"] >= 44 for box in boxes)
    assert boxes[0]["right"] <= boxes[1]["left"]
    assert boxes[0]["top"] == boxes[1]["top"]
    browser.picture(tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as picture:
        assert len(picture.convert("RGB").getcolors(10**7) or ()) > 100


@needs_browser
def test_votes_of_another_page_are_not_taken_for_this_one(
    runs: list[Path], page: Path, browser: Chromium, tmp_path: Path
) -> None:
    shutil.copy(page, tmp_path / "blind.html")
    browser.open(tmp_path / "blind.html")
    browser.press("ArrowLeft")
    (tmp_path / "blind.html").write_text(comparison_page(comparison_of(runs, Asked(pairs=4, again=0, seed=5))))
    browser.open(tmp_path / "blind.html")
    assert browser.run("document.getElementById('status').textContent") == "1 of 4"


def test_sides_tell_nothing(compared: BlindComparison) -> None:
    sides = Counter((pair.left, pair.right) for pair in compared.pairs)
    assert set(sides) == {(0, 1), (1, 0)}
