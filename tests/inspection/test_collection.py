"""What is warned of, what is not, and the page that shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attredit.attributes import Attribute, AttributeSchema
from attredit.errors import UsageError
from attredit.inspection import Inspection, inspect, warnings_of
from attredit.inspection.page import inspection_page

SCHEMA = AttributeSchema((Attribute("Hat"), Attribute("Coat<b>"), Attribute("Hair", ("black", "brown", "blond"))))


def noise(n: int, seed: int = 0) -> np.ndarray:
    """Images that have nothing in common."""
    return np.random.default_rng(seed).integers(0, 256, (n, 8, 8, 3), np.uint8)


def balanced(n: int) -> np.ndarray:
    """Labels of which every combination is equally frequent; n is a multiple of 12."""
    rows = np.arange(n)
    return np.stack([rows % 2, rows // 2 % 2, rows // 4 % 3], axis=1)


@pytest.fixture(scope="module")
def bad(faces: np.ndarray, store_of: Any) -> Inspection:
    """Everything is wrong with it."""
    labels = balanced(240)
    labels[:, 1] = labels[:, 0]  # go together in both splits
    labels[:180, 2] = [0, 0, 1, 1] * 45
    labels[0, 2] = 2  # 1 of 180 is blond
    labels[180:, 2] = 1
    labels[[10, 200], 2] = -1
    images = faces.copy()
    images[6] = images[5]  # no label is the same
    images[190] = images[7]  # Hair is the same
    stores = {
        "train": store_of(images[:180], labels[:180], SCHEMA),
        "test": store_of(images[180:], labels[180:], SCHEMA),
    }
    return inspect("mine", stores)


def test_every_trouble_is_a_warning_the_worst_first(bad: Inspection) -> None:
    found = warnings_of(bad)
    expected = [
        r"1 image of test is also in train: .* Take every picture out",
        r"Hair is brown in all of test: .* Leave the attribute out",
        r"4 images are in groups of identical ones that disagree on Hat: ",
        r"4 images are in groups of identical ones that disagree on Coat<b>: ",
        r"2 images are in groups of identical ones that disagree on Hair: ",
        r"Hair = blond is rare in train: 0\.56 %, 1 image\. .* train with --balance Hair, add",
        r"Hat and Coat<b> go together in train \(correlation 1\.00\): .* off_target",
        r"There are only 180 images in train, fewer than 1,000: ",
        r"There are only 60 images in test, fewer than 100: ",
        r"1 image of train repeats an earlier one",
        r"1 image of train has no label of Hair\.",
        r"1 image of test has no label of Hair\.",
    ]
    assert [line for line, wanted in zip(found, expected, strict=False) if not re.match(wanted, line)] == []
    assert len(found) == len(expected)


def test_nothing_is_warned_of_where_nothing_is_wrong(store_of: Any) -> None:
    stores = {
        "train": store_of(noise(1200), balanced(1200), SCHEMA),
        "test": store_of(noise(120, 1), balanced(120), SCHEMA),
    }
    inspection = inspect("fine", stores)
    assert warnings_of(inspection) == []
    assert '<p class="fine">None.</p>' in inspection_page(inspection, "")


@pytest.mark.parametrize("n, warned", [(23, True), (24, False)])
def test_rare_is_less_than_two_in_a_hundred(n: int, warned: bool, store_of: Any) -> None:
    labels = np.zeros((1200, 1))
    labels[:n] = 1
    assert any("is rare" in w for w in warnings_of(inspect("x", {"train": store_of(noise(1200), labels)}))) == warned


def test_what_is_said_is_what_json_says(bad: Inspection) -> None:
    plain = bad.to_json()
    assert plain["warnings"] == warnings_of(bad)
    train = plain["splits"]["train"]
    assert train["values"] == {
        "Hat": {"0": 90, "1": 90},
        "Coat<b>": {"0": 90, "1": 90},
        "Hair": {"black": 89, "brown": 89, "blond": 1},
    }
    assert (train["images"], train["image_size"]) == (180, 32)
    assert train["correlations"][0][1] == 1
    assert plain["splits"]["test"]["correlations"][0][2] is None
    assert train["missing"] == {"Hat": 0, "Coat<b>": 0, "Hair": 1}
    assert bad.unlabelled(SCHEMA.attributes[0]) == []
    assert bad.unlabelled(SCHEMA.attributes[2]) == [("0.56 %", 1), ("1.67 %", 1)]
    assert plain["duplicates"]["within"] == {"train": 1, "test": 0}
    assert plain["duplicates"]["across"] == {"test in train": 1}
    assert plain["duplicates"]["groups"] == [[("train", 5), ("train", 6)], [("train", 7), ("test", 10)]]


def test_examples_have_the_value_and_are_drawn_from_all(store_of: Any) -> None:
    labels = balanced(1200)
    inspection = inspect("x", {"train": store_of(noise(1200), labels, SCHEMA)})
    for value in range(3):
        rows = inspection.examples(SCHEMA.attributes[2], value)
        assert len(set(rows)) == 10
        assert (labels[rows, 2] == value).all()
        assert rows.max() > 300
        assert rows.tolist() == inspection.examples(SCHEMA.attributes[2], value).tolist()


def test_some_attributes_only(store_of: Any) -> None:
    stores = {"valid": store_of(noise(120), balanced(120), SCHEMA)}
    assert inspect("x", stores, ["Hair"]).schema.names == ("Hair",)
    assert inspect("x", stores, ["Hair"]).first == "valid"
    with pytest.raises(UsageError, match=r"Unknown attribute 'Hare'\. Did you mean Hair\?"):
        inspect("x", stores, ["Hare"])


def test_the_page_shows_it_all_and_needs_no_other_file(bad: Inspection) -> None:
    text = inspection_page(bad, "attredit datasets inspect mine")
    assert "<b>0.56 %</b> 1<" in text
    assert "Coat&lt;b&gt;" in text
    assert "Coat<b>" not in text
    for title in ("with Hat", "without Hat", "Hair blond"):
        assert f"<figcaption>{title}</figcaption>" in text
    assert text.count("<svg") == 1
    assert "<figcaption>train 5</figcaption>" in text
    assert "attredit datasets inspect mine</pre>" in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the browser chromium")
def test_a_browser_shows_every_picture(bad: Inspection, tmp_path: Path) -> None:
    probe = """<script>addEventListener("load", () => {
      const missing = [...document.images].filter((image) => !image.complete || !image.naturalWidth).length;
      const wide = document.documentElement.scrollWidth > innerWidth;
      document.title = [document.images.length, missing, wide].join(";");
    });</script>"""
    text = inspection_page(bad, "").replace(' loading="lazy"', "").replace("</body>", f"{probe}</body>")
    (tmp_path / "page.html").write_text(text)
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    shown = ["--window-size=1200,3000", f"--screenshot={tmp_path / 'page.png'}", "--dump-dom"]
    dom = subprocess.run(
        [*words, *shown, (tmp_path / "page.html").as_uri()], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    # Two values of two attributes, three of the third; two groups of two.
    assert re.findall("<title>(.*)</title>", dom) == ["11;0;false"]
    with Image.open(tmp_path / "page.png") as picture:
        assert len(picture.convert("RGB").getcolors(10**7) or ()) > 1000
