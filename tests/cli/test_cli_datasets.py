"""`attredit datasets` and the commands below it."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attredit.cli.datasets import SUMMARIES
from attredit.cli.datasets_rm import size_of
from attredit.errors import UsageError

FACES = [f"--data-option={split}={n}" for split, n in {"train": 40, "valid": 10, "test": 20}.items()]
SYNTHFACES = ["synthfaces", *FACES, "--image-size", 32]


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's stores are."""
    monkeypatch.setenv("ATTREDIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "stores"


@pytest.fixture
def listed(attredit: Any) -> Any:
    """What `attredit datasets ls` says, as JSON."""
    return lambda: json.loads(attredit("datasets", "ls", "--json").stdout)


def test_help_lists_the_commands_below_and_each_has_its_own(attredit: Any) -> None:
    text = attredit("datasets", "--help").stdout
    for name, summary in SUMMARIES.items():
        assert summary.rstrip(".") in text
        assert f"attredit datasets {name}" in attredit("datasets", name, "--help").stdout


def test_listing_prepared_data_needs_no_torch(stores: Path) -> None:
    probe = "import sys; from attredit.cli.group import cli; cli.main(sys.argv[1:], standalone_mode=False); "
    probe += "assert 'torch' not in sys.modules"
    for command in (["ls"], ["verify"], ["rm", "--to", "1GB"]):
        subprocess.run([sys.executable, "-c", probe, "datasets", *command], check=True, capture_output=True)


def test_prepared_listed_verified_removed(attredit: Any, listed: Any, stores: Path) -> None:
    prepared = attredit("datasets", "prepare", *SYNTHFACES)
    assert prepared.exit_code == 0, prepared.stderr
    assert "preparing train: 40 of 40" in prepared.stderr
    assert f"attredit train --dataset synthfaces {' '.join(f.replace('=', ' ', 1) for f in FACES)}" in prepared.stdout
    found = listed()
    assert {(s["dataset"], s["split"], s["images"], s["image_size"], s["whole"]) for s in found} == {
        ("synthfaces", "train", 40, 32, True),
        ("synthfaces", "valid", 10, 32, True),
        ("synthfaces", "test", 20, 32, True),
    }
    assert all(s["path"] in prepared.stdout for s in found)
    assert "preparing" not in attredit("datasets", "prepare", *SYNTHFACES).stderr
    assert "whole" in attredit("datasets", "ls").stdout
    assert attredit("datasets", "verify").stdout.count("as it was written.") == 3
    removed = attredit("datasets", "rm", "synthfaces", "--yes")
    assert removed.stdout.splitlines()[-1].startswith("Removed 3, ")
    assert listed() == []
    assert {path.suffix for path in stores.iterdir()} == {".lock"}


def test_a_changed_byte_is_told_with_what_to_type(attredit: Any, listed: Any, stores: Path) -> None:
    attredit("datasets", "prepare", *SYNTHFACES)
    (valid,) = (s for s in listed() if s["split"] == "valid")
    file = next(Path(valid["path"]).glob("images-*.npy"))
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    result = attredit("datasets", "verify")
    assert result.exit_code == 1
    assert f"{file.parent.name}: {file.name} is not what was written." in result.stdout
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: 1 of 3 prepared splits is damaged. Remove them")
    command = last.partition(": attredit ")[2].split()
    assert attredit(*command, "--yes").exit_code == 0
    assert {s["split"] for s in listed()} == {"train", "test"}
    assert attredit("datasets", "verify", "synthfaces").exit_code == 0


def test_it_asks_first(attredit: Any, listed: Any, stores: Path) -> None:
    from click.testing import CliRunner

    from attredit.cli.group import cli

    attredit("datasets", "prepare", *SYNTHFACES)
    for answer, left in (("", 3), ("n\n", 3), ("y\n", 0)):
        CliRunner().invoke(cli, ["datasets", "rm", "synthfaces"], input=answer)
        assert len(listed()) == left


def test_the_least_recently_used_go(attredit: Any, listed: Any, stores: Path) -> None:
    attredit("datasets", "prepare", *SYNTHFACES)
    sizes = {s["split"]: s["bytes"] for s in listed()}
    for used, split in enumerate(["valid", "train", "test"], 1000):
        (path,) = stores.glob(f"synthfaces-{split}-*[0-9a-f]")
        os.utime(path, (used, used))
    assert attredit("datasets", "rm", "--to", "1GB", "--yes").stdout == "Nothing to remove.\n"
    attredit("datasets", "rm", "--to", f"{sizes['train'] + sizes['test']}", "--yes")
    assert {s["split"] for s in listed()} == {"train", "test"}
    attredit("datasets", "rm", "--to", f"{sizes['train'] + sizes['test'] - 1}", "--yes")
    assert {s["split"] for s in listed()} == {"test"}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["rm"], "Give names, or --to SIZE."),
        (["rm", "synthfaces", "--to", "1GB"], "Give names, or --to SIZE."),
        (["rm", "--to", "plenty"], "'plenty' is no size. Write it as 500MB or 10GB."),
        (["rm", "nothing"], "No prepared data are called 'nothing'."),
        (["verify", "nothing"], "No prepared data are called 'nothing'."),
        (["inspect", "synthfacs"], "Did you mean synthfaces?"),
        (["prepare", "celeba"], "data-dir"),
        (["prepare", "synthfaces", "--data-option", "train"], "train"),
        (["inspect", *SYNTHFACES, "--attr", "Smilin"], "Did you mean Smiling?"),
        (["inpsect"], "Did you mean inspect?"),
    ],
)
def test_refusals_leave_with_2_and_one_line(arguments: list[Any], message: str, attredit: Any, stores: Path) -> None:
    result = attredit("datasets", *arguments)
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert message in last
    assert not stores.exists()  # minutes of preparing come after everything that can be refused


@pytest.mark.parametrize(
    "text, size", [("10GB", 10**10), ("1.5 gb", 15 * 10**8), ("7K", 7000), ("12", 12), ("3B", 3), ("2TB", 2 * 10**12)]
)
def test_sizes(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1e9", "10 PB", "ten"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(UsageError):
        size_of(text)


def test_inspect_warns_first_and_writes_a_page(attredit: Any, stores: Path, tmp_path: Path) -> None:
    entangled = "--data-option=correlation.Smiling.Male=0.9"
    asked = ["datasets", "inspect", *SYNTHFACES, entangled, "--attr", "Smiling", "--attr", "Male"]
    result = attredit(*asked, "-o", tmp_path / "page.html")
    assert result.exit_code == 0, result.stderr
    first = result.stdout.splitlines()[0]
    assert first.startswith("! Smiling and Male go together in train (correlation 0.")
    assert "train (40)" in result.stdout
    assert "Eyeglasses" not in result.stdout
    assert "looking for duplicates: 70 of 70" in result.stderr
    text = (tmp_path / "page.html").read_text()
    assert "go together in train" in text
    assert "--data-option correlation.Smiling.Male=0.9 --image-size 32 --attr Smiling --attr Male" in text
    plain = json.loads(attredit(*asked, "--json").stdout)
    assert plain["splits"]["train"]["correlations"][0][1] > 0.5
    assert f"! {plain['warnings'][0]}" == first


def test_inspect_shows_labels_that_readers_contradict(
    attredit: Any, stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attredit.inspection import mislabelled

    quick = functools.partial(mislabelled.doubts, width=4, steps=2)
    monkeypatch.setattr(mislabelled, "doubts", quick)
    asked = ["datasets", "inspect", *SYNTHFACES, "--attr", "Smiling"]
    result = attredit(*asked, "--labels", tmp_path / "sheet.png")
    assert result.exit_code == 0, result.stderr
    assert "Labels of train that readers contradict: " in result.stdout
    assert "Reading labels: 16 of 16" in result.stderr
    assert (tmp_path / "sheet.png").is_file() == ("Contact sheet: " in result.stdout)


def test_a_folder_is_inspected_by_the_name_that_trains_on_it(attredit: Any, stores: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 30, 3), np.uint8)
    for i in range(12):
        Image.fromarray(pixels[i]).save(folder / f"{i}.png")
    rows = "".join(f"{i}.png,{i % 2}\n" for i in range(12))
    (folder / "metadata.csv").write_text(f"file_name,Hat\n{rows}")
    result = attredit("datasets", "inspect", f"folder:{folder}", "--image-size", 16, "--crop", "none")
    assert result.exit_code == 0, result.stderr
    assert "Hat" in result.stderr  # what became of the columns
    assert f"--dataset 'folder:{folder}' --image-size 16 --crop none --attr Hat" in result.stdout
    found = json.loads(attredit("datasets", "ls", "--json").stdout)
    assert {store["dataset"] for store in found} == {"folder"}
    assert sum(store["images"] for store in found) == 12


@pytest.fixture
def partly_broken(tmp_path: Path) -> Path:
    """Ten images for training, of which the third is a web page, and two for tests."""
    folder = tmp_path / "from the web"
    folder.mkdir()
    for i in range(12):
        pixels = np.random.default_rng(i).integers(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    (folder / "2.png").write_text("<!DOCTYPE html><title>Quota exceeded</title>")
    rows = "".join(f"{i}.png,{i % 2},{'train' if i < 10 else 'test'}\n" for i in range(12))
    (folder / "metadata.csv").write_text(f"file_name,Hat,split\n{rows}")
    return folder


@pytest.mark.filterwarnings("default::attredit.errors.DataWarning", "ignore:unclosed file:ResourceWarning")
def test_broken_images_are_told_by_every_command(attredit: Any, listed: Any, stores: Path, partly_broken: Path) -> None:
    source = [f"folder:{partly_broken}", "--image-size", 16]
    prepared = attredit("datasets", "prepare", *source)
    assert prepared.exit_code == 0
    said = f"Warning: 1 of 10 images of split train of folder cannot be used: {partly_broken}/2.png (it is no image)."
    (line,) = (line for line in prepared.stderr.splitlines() if line.startswith("Warning"))
    assert line.startswith(said)
    assert re.search(r"train +9 +1 ", prepared.stdout)
    assert {s["split"]: (s["images"], s["broken"], s["whole"]) for s in listed()} == {
        "train": (9, 1, True),
        "test": (2, 0, True),
    }
    assert "whole, 1 broken left out" in attredit("datasets", "ls").stdout
    assert attredit("datasets", "verify").stdout.count("as it was written.") == 2
    inspected = attredit("datasets", "inspect", *source, "-o", partly_broken / "page.html")
    assert said in inspected.stderr
    assert "! 1 image of train cannot be decoded, and is left out." in inspected.stdout
    assert re.search(r"2\.png +train +it is no image", inspected.stdout)
    assert "2.png</td><td>it is no image" in (partly_broken / "page.html").read_text()
    plain = json.loads(attredit("datasets", "inspect", *source, "--json").stdout)
    assert plain["splits"]["train"]["broken"] == [
        {"row": 2, "file": f"{partly_broken}/2.png", "reason": "it is no image"}
    ]
    assert plain["splits"]["test"]["broken"] == []


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("command", ["prepare", "inspect"])
def test_strict_makes_errors_of_them(command: str, attredit: Any, stores: Path, partly_broken: Path) -> None:
    refused = attredit("datasets", command, f"folder:{partly_broken}", "--image-size", 16, "--strict")
    assert refused.exit_code == 2
    line = refused.stderr.splitlines()[-1]
    assert re.match(r"Error: 1 of 10 images .*train of folder\b", line)
    assert "--strict" in line


def test_strict_is_typed_again_in_what_to_do_next(attredit: Any, stores: Path) -> None:
    assert "--image-size 32 --strict --attr" in attredit("datasets", "prepare", *SYNTHFACES, "--strict").stdout


def test_what_is_unfinished_is_listed_and_can_be_removed(attredit: Any, listed: Any, stores: Path) -> None:
    attredit("datasets", "prepare", *SYNTHFACES)
    (valid,) = (Path(store["path"]) for store in listed() if store["split"] == "valid")
    part = valid.with_name(f".{valid.name}.part")
    valid.rename(part)
    (part / "done.jsonl").touch()
    found = {store["split"]: store["unfinished"] for store in listed()}
    assert found == {"train": False, "valid": True, "test": False}
    assert "unfinished: goes on when it is needed" in attredit("datasets", "ls").stdout
    verified = attredit("datasets", "verify")
    assert (verified.exit_code, verified.stdout.count("as it was written.")) == (0, 2)
    assert attredit("datasets", "rm", "--to", "1", "--yes").exit_code == 0
    assert {path.suffix for path in stores.iterdir()} == {".lock"}
