"""The page in a browser: what people do on it, and that nothing is fetched from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import chromium
import numpy as np
import pytest
from chromium import Chromium
from PIL import Image

from attredit.app.studio import Studio
from attredit.data.frames import Frame

pytestmark = pytest.mark.skipif(not chromium.PRESENT, reason="needs the browser chromium")

DONE = (
    "!document.querySelector('.waiting, .busy') && [...document.querySelectorAll('.after')].every(i => i.naturalWidth)"
)
SLIDE = """(() => {{ const slider = document.getElementById('attribute-{0}');
slider.value = {1}; slider.dispatchEvent(new Event('input')); }})()"""
PIXELS = """(() => {{
const image = document.querySelector('[data-run="{0}"] .{1}'), canvas = document.createElement('canvas');
[canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
const drawn = canvas.getContext('2d');
drawn.drawImage(image, 0, 0);
const {{ data }} = drawn.getImageData(0, 0, canvas.width, canvas.height);
return data.reduce((sum, value) => (sum * 31 + value) % 1000003, 0);
}})()"""


def pixels(browser: Chromium, run: int, side: str) -> int:
    """A number that pictures of other pixels do not share."""
    found: int = browser.run(PIXELS.format(run, side))
    return found


def slide(browser: Chromium, attribute: str, value: float) -> None:
    browser.run(SLIDE.format(attribute, value))
    browser.until(DONE)


def begin(browser: Chromium, port: int, photo: Path) -> None:
    browser.open(f"http://127.0.0.1:{port}/")
    browser.drop("#drop", photo)
    browser.until(f"document.getElementById('original').src && {DONE}")


def test_people_drop_slide_compare_move_the_frame_and_download(
    visit: Any, studio: Studio, port: int, photo: Path
) -> None:
    browser = visit()
    browser.size(1280, 900)
    begin(browser, port, photo)
    assert pixels(browser, 0, "before") == pixels(browser, 0, "after") == pixels(browser, 1, "before")
    slide(browser, "Smiling", -0.5)
    smiling = pixels(browser, 0, "after")
    slide(browser, "Eyeglasses", 1.5)
    assert len({pixels(browser, 0, "before"), smiling, pixels(browser, 0, "after")}) == 3
    said = "[...document.querySelectorAll('.said')].map((each) => each.textContent)"
    assert browser.run(said) == ["", "It does not edit Eyeglasses."]

    # One divider for all runs.
    browser.drag(".divider", 100, 0)
    stages = browser.run(
        "[...document.querySelectorAll('.stage')].map((s) => "
        "[parseFloat(s.style.getPropertyValue('--at')) / 100, 0.5 + 100 / s.getBoundingClientRect().width])"
    )
    assert [at for at, _ in stages] == pytest.approx([stages[0][1]] * 2, abs=0.01)
    assert "inset(0px 0px 0px 7" in browser.run("getComputedStyle(document.querySelector('.after')).clipPath")

    # The frame goes where it is dragged to, and its corner changes its size.
    scale = browser.run("1200 / document.getElementById('frames').getBoundingClientRect().width")
    before = pixels(browser, 0, "after")
    found, usual = browser.run("looks.map((look) => look.frame)")
    assert usual == [600, 450, 900, 0]
    browser.drag("#frames g:last-child .frame", 30, 10)
    browser.until(DONE)
    browser.drag("#frames g:last-child .corner", -20, -20)
    browser.until(DONE)
    frame, usual = browser.run("looks.map((look) => look.frame)")
    times = (900 - 40 * scale) / 900
    assert usual == pytest.approx([600 + 30 * scale, 450 + 10 * scale, 900 * times, 0], abs=2)
    expected = [found[0] + 30 * scale, found[1] + 10 * scale, found[2] * times, found[3]]
    assert frame == pytest.approx(expected, abs=2)
    assert pixels(browser, 0, "after") != before

    saved = browser.downloaded(".download")
    assert saved.name == "my photo-edited-1.png"
    wanted = studio.editors[0].edit(photo, Smiling=-0.5, Eyeglasses=1.5, box=Frame(*frame))
    with Image.open(saved) as image:
        assert np.array_equal(np.asarray(image), np.asarray(wanted))

    browser.click("[value=decoded] + span")
    browser.until(DONE)
    assert browser.run("document.querySelector('.after').naturalWidth") == 64
    browser.click("#reset")
    browser.until(DONE)
    assert browser.run("[document.getElementById('reset').disabled, Object.keys(wanted).length]") == [True, 0]
    assert {url.split("/")[2] for url in browser.fetched if url.startswith("http")} == {f"127.0.0.1:{port}"}
    assert {url.split(":")[0] for url in browser.fetched} <= {"http", "blob", "data"}


def test_two_users_at_once_see_each_their_own(visit: Any, port: int, photo: Path, tmp_path: Path) -> None:
    with Image.open(photo) as picture:
        picture.crop((150, 0, 1050, 900)).resize((90, 90)).save(tmp_path / "other.png")
    one, two = visit(), visit()
    begin(one, port, photo)
    begin(two, port, tmp_path / "other.png")
    for browser, value in ((one, 1.5), (two, -0.5)):
        browser.run(SLIDE.format("Smiling", value))
    for browser in (one, two):
        browser.until(DONE)
    widths = [browser.run("document.querySelector('.after').naturalWidth") for browser in (one, two)]
    assert widths == [1024, 90]
    assert [browser.run("wanted.Smiling") for browser in (one, two)] == [1.5, -0.5]


def test_a_broken_file_is_a_sentence_and_the_page_goes_on(visit: Any, port: int, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    browser = visit()
    begin(browser, port, photo)
    browser.drop("#drop", tmp_path / "broken.jpg")
    browser.until("!document.getElementById('error').hidden")
    assert browser.run("document.getElementById('error').textContent").startswith("broken.jpg cannot be read: it is no")
    slide(browser, "Smiling", 1)  # of the picture that was there
    browser.click("[data-sample='0']")
    browser.until(f"document.getElementById('error').hidden && picture.name === 'sample-1.png' && {DONE}")
    assert browser.run("document.querySelector('.after').naturalWidth") == 256


@pytest.mark.parametrize(("width", "phone"), [(390, True), (1280, False)])
def test_everything_fits(visit: Any, port: int, photo: Path, width: int, phone: bool) -> None:
    browser = visit()
    browser.size(width, 844, phone=phone)
    begin(browser, port, photo)
    assert browser.run("document.documentElement.scrollWidth") <= width
    missing = "[...document.images].filter((image) => !image.complete || !image.naturalWidth).length"
    assert browser.run(missing) == 0
    places = browser.run(
        "['.stage', '#attribute-Smiling', '.download', '#drop', '#frames .corner'].map((each) => "
        "document.querySelector(each).getBoundingClientRect().toJSON())"
    )
    assert all(place["left"] >= 0 and place["right"] <= width for place in places)
    assert all(place["height"] >= 30 and place["width"] >= 40 for place in places[:4])
    if phone:
        # The picture stays in sight while sliders are moved.
        browser.run("document.getElementById('attribute-Eyeglasses').scrollIntoView({block: 'end'})")
        stage, slider = browser.run(
            "['.stage', '#attribute-Eyeglasses'].map((each) => "
            "document.querySelector(each).getBoundingClientRect().toJSON())"
        )
        assert 0 <= stage["top"] < stage["bottom"] < slider["top"]
