"""A table with empty cells, from the command line to the figures: trained on, counted, and an error where asked for."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attredit import load
from attredit.attributes import MISSING
from attredit.data import Geometry, prepare, require_nothing_left_out
from attredit.errors import DataError
from attredit.evaluation.judge_training import JudgeSettings
from attredit.launch import evaluate, train, trainer_of
from attredit.request import Request
from attredit.runs.directory import RunDirectory
from attredit_collections.folder import Folder
from attredit_collections.hub import HuggingFace

WIDTH = {"parts.encoder.options.width": 4, "parts.decoder.options.width": 4, "latent_dim": 8}
N, TEST = 90, range(60, 90)
LEFT = [str(i % 2) if i % 3 else "" for i in range(N)]
HAIR = [("dark", "grey", "light")[i // 2 % 3] if i % 5 else " " for i in range(N)]
BARE = [i for i in range(N) if not LEFT[i] and not HAIR[i].strip()]

pytestmark = pytest.mark.usefixtures("cache_of_datasets")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images with a half whose light is Left, and a table with holes; some have no label at all."""
    place, random = tmp_path_factory.mktemp("holes"), np.random.default_rng(0)
    for i in range(N):
        pixels = random.integers(0, 100, (32, 32, 3), np.uint8)
        pixels[:, :16] += np.uint8(120 * (i % 2))
        pixels[16:, 16:] += np.uint8(60 * (i // 2 % 3))
        Image.fromarray(pixels).save(place / f"{i:02}.png")
    with (place / "metadata.csv").open("w", newline="") as file:
        split = ["test" if i in TEST else "train" for i in range(N)]
        rows = zip([f"{i:02}.png" for i in range(N)], split, LEFT, HAIR, strict=True)
        csv.writer(file).writerows([("file_name", "split", "Left", "Hair"), *rows])
    return place


def expected(rows: range) -> list[list[int]]:
    values = ("dark", "grey", "light")
    return [[int(LEFT[i]) if LEFT[i] else MISSING, values.index(HAIR[i]) if HAIR[i].strip() else MISSING] for i in rows]


def test_every_image_is_there_with_the_labels_that_it_has(folder: Path) -> None:
    assert BARE
    source = Folder(image_size=32, data_dir=folder)
    for split, rows in (("train", range(60)), ("test", TEST)):
        assert prepare(source, split, Geometry(32), name="holes", workers=1).labels.tolist() == expected(rows)
    by_name = {row.column: row for row in source.mapping}
    assert (by_name["Left"].missing, by_name["Hair"].missing) == (LEFT.count(""), HAIR.count(" "))
    (warning,) = source.warnings
    count = sum(not left or not hair.strip() for left, hair in zip(LEFT, HAIR, strict=True))
    assert f"images of which a label is missing ({count}): 00.png, 03.png" in warning
    with pytest.raises(DataError, match="images of which a label is missing"):
        require_nothing_left_out(source)


def test_the_same_through_load_dataset(folder: Path, tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, Image as Images, Value

    names = ["dark", "grey", "light"]
    features = Features(
        {"image": Images(), "Left": Value("float32"), "Hair": ClassLabel(names=names), "Old": Value("bool")}
    )
    rows = range(60)
    columns = {
        "image": [str(folder / f"{i:02}.png") for i in rows],
        "Left": [float(LEFT[i]) if LEFT[i] else float("nan") for i in rows],
        # What `datasets` has where there is no class: -1, or nothing.
        "Hair": [names.index(HAIR[i]) if HAIR[i].strip() else (-1 if i % 2 else None) for i in rows],
        "Old": [None if i % 7 == 0 else i % 4 == 0 for i in rows],
    }
    Dataset.from_dict(columns, features=features).to_parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
    given = Dataset.from_dict({"image": [str(folder / "60.png")], "Left": [1.0], "Hair": [0], "Old": [True]}, features)
    given.to_parquet(tmp_path / "data" / "test-00000-of-00001.parquet")
    source = HuggingFace(image_size=32, name=str(tmp_path / "data"))
    store = prepare(source, "train", Geometry(32), name="hf", workers=1)
    found = store.label_columns(["Left", "Hair", "Old"])
    assert found[:, :2].tolist() == expected(rows)
    assert found[:, 2].tolist() == [MISSING if i % 7 == 0 else int(i % 4 == 0) for i in rows]
    with pytest.raises(DataError, match="images of which a label is missing"):
        require_nothing_left_out(source)


def test_from_the_command_line_to_the_figures(folder: Path, tmp_path: Path, attredit_command: Any) -> None:
    run = tmp_path / "run"
    of, small = ["--dataset", f"folder:{folder}"], ["--image-size", 32, "--batch-size", 8, "--device", "cpu"]
    width = [f"--set={key}={value}" for key, value in WIDTH.items()]
    both = ["--attr", "Left", "--attr", "Hair"]
    said = attredit_command("train", *of, *small, *width, *both, "--steps", 12, "--run-dir", run).output
    missing = {"Left": sum(not LEFT[i] for i in range(60)), "Hair": sum(not HAIR[i].strip() for i in range(60))}
    assert f"without a label {missing['Left']} of 60 images; Hair" in " ".join(said.split())
    assert f"; {LEFT.count('')} missing" in said
    data = json.loads((run / "config.json").read_text())["data"]
    assert data["missing"] == missing
    assert sum(share for share, _ in data["prevalence"]["Left"].values()) == pytest.approx(1)
    assert f"without a label {missing['Hair']} of 60 images" in (run / "README.md").read_text()
    for line in RunDirectory(run).metrics():
        assert all(np.isfinite(value) for value in line.values())
    evaluate(run, device="cpu", judge=JudgeSettings(width=4, epochs=1, steps=20))
    attributes = json.loads((run / "evaluation.json").read_text())["attributes"]
    assert attributes["Left"]["label_accuracy"]["n"] == sum(bool(LEFT[i]) for i in TEST)
    assert attributes["Hair"]["label_accuracy"]["n"] == sum(bool(HAIR[i].strip()) for i in TEST)
    attredit_command("report", run)
    found = json.loads(attredit_command("datasets", "inspect", of[1], "--image-size", 32, "--json").stdout)
    assert found["splits"]["train"]["missing"] == missing
    shown = attredit_command("datasets", "inspect", of[1], "--image-size", 32, "-o", tmp_path / "page.html").output
    assert shown.count("no label, of all") == (tmp_path / "page.html").read_text().count("no label, of all") == 2
    refused = attredit_command("train", *of, *small, *both, "--strict", exit_code=2)
    assert "a label is missing" in refused.output


def request(folder: Path, **more: Any) -> Request:
    fixed: dict[str, Any] = {"dataset": "folder", "image_size": 32, "batch_size": 8, "steps": 4, "device": "cpu"}
    return Request(data_dir=str(folder), overrides=WIDTH, **fixed, **more)


def test_images_without_any_label_are_trained_on(folder: Path) -> None:
    trainer = trainer_of(request(folder, attributes=("Left", "Hair")))
    drawn = np.concatenate([trainer.order.indices(step) for step in range(8)])
    assert {i for i in BARE if i < 60} <= set(drawn)
    trainer.labels.fill_(MISSING)
    values = trainer.step(0)
    assert all(value.isfinite() for value in values.values())
    assert values["autoencoder/class"] == values["autoencoder/penalty"] == 0
    assert values["autoencoder/rec"] > 0


def test_balancing_draws_no_image_whose_label_is_missing(folder: Path) -> None:
    trainer = trainer_of(request(folder, attributes=("Hair",), balance=("Left",)))
    for step in range(12):
        rows = trainer.order.indices(step)
        assert np.bincount(trainer.store.label_columns(["Left"])[rows, 0]).tolist() == [4, 4]
    assert trainer.config.data.missing == {"Left": 20, "Hair": 12}


def test_values_that_only_images_have_which_are_not_drawn(folder: Path, tmp_path: Path) -> None:
    for file in folder.glob("*.png"):
        (tmp_path / file.name).symlink_to(file)
    # A wig is seen only where nobody said whether there is a hat.
    rows = [f"{i:02}.png,train,{'' if i == 7 else i % 2},{int(i == 7)}" for i in range(40)]
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name,split,Hat,Wig", *rows]))
    run = train(request(tmp_path, attributes=("Wig",), run_dir=str(tmp_path / "run")))
    assert load(run).predict(folder / "07.png").keys() == {"Wig"}
    with pytest.raises(DataError, match=r"Wig\b.* value 1\b"):
        train(request(tmp_path, attributes=("Wig",), balance=("Hat",)))
