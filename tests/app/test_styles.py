"""Styles on the page: a row of small edits to choose from."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromium
import numpy as np
import pytest

from attredit.app.server import serve
from attredit.app.studio import Studio, View
from attredit.data.frames import Frame


@pytest.fixture(scope="module")
def one(tiny: Path) -> Studio:
    return Studio.of([tiny])


@pytest.fixture
def page(one: Studio) -> Iterator[str]:
    with serve(one, 0) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_an_edit_takes_the_style_that_is_asked_for(one: Studio) -> None:
    [described] = one.described()
    assert described["attributes"][0]["styles"] > 1
    sample = one.album.add(one.samples[0], "sample.png")
    frame, view = Frame(64, 64, 128), View("decoded")
    first, other = (one.edit(0, sample, frame, {"Smiling": 1}, view, {"Smiling": n})[0] for n in (1, 2))
    wanted = one.editors[0].edit(sample.pixels, Smiling=1, style={"Smiling": 2}, box=frame, mode="decoded")
    assert np.array_equal(np.asarray(other), np.asarray(wanted))
    assert not np.array_equal(np.asarray(first), np.asarray(other))


@pytest.mark.skipif(not chromium.PRESENT, reason="needs the browser chromium")
def test_people_choose_a_style_from_a_row_of_small_edits(one: Studio, page: str, visit: Any) -> None:
    browser = visit()
    browser.size(390, 844, phone=True)
    browser.open(page)
    browser.click("[data-sample='0']")
    browser.until("picture && !document.querySelector('.waiting, .busy')")
    browser.click(".styles summary")
    thumbs = "[...document.querySelectorAll('.styles img')]"
    browser.until(f"{thumbs}.length && {thumbs}.every((image) => image.naturalWidth)")
    count = one.described()[0]["attributes"][0]["styles"]
    assert browser.run(f"{thumbs}.length") == count
    browser.click(".styles button:nth-child(2)")
    browser.until("!document.querySelector('.busy') && shown[0].after.includes('%22Smiling%22%3A2')")
    assert browser.run("[wanted.Smiling, styled.Smiling]") == [1, 2]
    pressed = "[...document.querySelectorAll('.styles button')].map((button) => button.ariaPressed)"
    assert browser.run(pressed) == ["false", "true", *["false"] * (count - 2)]
    assert browser.run("document.documentElement.scrollWidth") <= 390
