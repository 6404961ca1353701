"""A run is measured on collections that it was not trained on, and its own figures stay."""

from __future__ import annotations

import functools
import json
import re
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import attredit
from attredit import Evaluation
from attredit.attributes import Attribute, AttributeSchema
from attredit.errors import DataError, DataWarning, RunError, UsageError
from attredit.evaluation.elsewhere import Elsewhere, require_attributes
from attredit.evaluation.judge_training import JudgeSettings
from attredit.evaluation.result import file_of
from attredit.evaluation.values import read_values
from attredit.launch import resume, train
from attredit.report.card import write_card
from attredit.report.write import write_report
from attredit.runs.directory import RunDirectory

evaluate = functools.partial(attredit.evaluate, judge=JudgeSettings(width=4, epochs=1, steps=20))


def collection(folder: Path, *columns: str, count: int = 120, seed: int = 0) -> Path:
    """Faces of noise, wider than high; without splits, with a column of 0 and 1 for each attribute."""
    drawn = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    rows = [",".join(["file_name", *columns])]
    for i in range(count):
        pixels = drawn.integers(0, 256, (36, 48, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
        rows.append(",".join([f"{i:03d}.png", *(str(drawn.integers(2)) for _ in columns)]))
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def trained(tiny_request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny_request(run_dir=str(tmp_path_factory.mktemp("elsewhere") / "run"), steps=2))


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> RunDirectory:
    return RunDirectory(shutil.copytree(trained, tmp_path / "run"))


def test_figures_of_another_collection_stand_beside_the_runs_own(run: RunDirectory, tmp_path: Path) -> None:
    own = evaluate(run.path, limit=20, device="cpu")
    before = {file.name: file.read_bytes() for file in run.path.iterdir() if file.is_file()}
    loose = collection(tmp_path / "loose", "Smiling", "Hat")
    found = evaluate(run.path, device="cpu", elsewhere=Elsewhere(f"folder:{loose}"))
    after = {file.name: file.read_bytes() for file in run.path.iterdir() if file.is_file()}
    assert after.keys() - before.keys() == {"evaluation-loose.json", "evaluation-loose.safetensors"}
    # All that is there stays as it is, but for the model card, which tells of both.
    assert {name for name in before if after[name] != before[name]} == {"README.md"}
    assert b"loose" in after["README.md"]
    assert found.data == {**found.data, "name": "folder", "label": "loose", "place": str(loose)}
    assert json.loads(after["evaluation-loose.json"]) == found.to_json()
    assert (Evaluation.read(run), Evaluation.read(run, "loose")) == (own, found)
    # attredit made the splits: a tenth of the images is for tests. The run's own judge reads what both know.
    assert found.split == "test"
    assert 10 <= found.images <= 14
    assert found.judge.hash == own.judge.hash
    assert set(found.judge.accuracy) == {"Smiling"}
    assert read_values(run, "loose").figures["mse"].values[None].shape == (found.images, 1)
    assert "cannot draw" in found.not_measured["counterfactual_mse"]


def test_another_split_can_be_chosen(run: RunDirectory, tmp_path: Path) -> None:
    where = Elsewhere("folder", str(collection(tmp_path / "loose", "Smiling")))
    assert evaluate(run.path, split="train", device="cpu", elsewhere=where).images > 90
    with pytest.raises(UsageError, match=r"split 'tset'.*test, train, valid"):
        evaluate(run.path, split="tset", device="cpu", elsewhere=where)


def test_a_collection_that_lacks_what_the_run_edits_is_refused_by_name(run: RunDirectory, tmp_path: Path) -> None:
    where = Elsewhere("folder", str(collection(tmp_path / "loose", "Hat", "Male")))
    with pytest.raises(DataError) as error:
        evaluate(run.path, device="cpu", elsewhere=where)
    assert re.fullmatch(r"loose\b.* Smiling\..* Hat, Male\.", str(error.value))
    assert not list(run.path.glob("evaluation*"))


def test_attributes_of_one_name_and_other_values_are_refused() -> None:
    hair = AttributeSchema((Attribute("Hair", ("fair", "dark")),))
    require_attributes(hair, hair, "loose")
    for values in (("dark", "fair"), ("0", "1")):
        with pytest.raises(DataError, match=r"Hair\b.* fair, dark\b.* loose"):
            require_attributes(AttributeSchema((Attribute("Hair", values),)), hair, "loose")


def test_two_collections_of_one_name_have_a_file_each(run: RunDirectory, tmp_path: Path) -> None:
    first, second = (collection(tmp_path / d / "images", "Smiling", seed=s) for s, d in enumerate("ab"))
    for place, label in ((first, "images"), (second, "images-2"), (first, "images"), (second, "images-2")):
        assert evaluate(run.path, device="cpu", elsewhere=Elsewhere(f"folder:{place}")).data["label"] == label
    assert [found.data["place"] for found in Evaluation.elsewhere(run)] == [str(first), str(second)]
    # The same images under another roof are the same collection.
    moved = first.rename(tmp_path / "images")
    assert evaluate(run.path, device="cpu", elsewhere=Elsewhere(f"folder:{moved}")).data["label"] == "images"
    assert len(Evaluation.elsewhere(run)) == 2


def test_a_drawn_collection_has_its_true_edits(run: RunDirectory) -> None:
    other = Elsewhere("synthfaces", options={"train": 64, "valid": 8, "test": 16, "seed": 5}, label="others / 5")
    found = evaluate(run.path, device="cpu", elsewhere=other)
    assert "counterfactual_mse" in found.metrics
    assert file_of(run, found.label).name == "evaluation-others-5.json"
    assert Evaluation.elsewhere(run) == [found]


def test_whatever_shows_a_run_shows_them(run: RunDirectory, tmp_path: Path) -> None:
    loose = collection(tmp_path / "<loose>", "Smiling")
    evaluate(run.path, limit=20, device="cpu")
    evaluate(run.path, device="cpu", elsewhere=Elsewhere(f"folder:{loose}"))
    write_card(run, run.config())
    assert "### On <loose>" in (run.path / "README.md").read_text()
    page, _ = write_report(run.path)
    assert "<h2>On &lt;loose&gt;</h2>" in page.read_text()
    # Of a model that was trained further, nobody has measured anything.
    resume(run.path, steps=3, device="cpu")
    write_card(run, run.config())
    assert "### On" not in (run.path / "README.md").read_text()
    assert Evaluation.elsewhere(run) == []


def test_what_is_white_is_looked_up_in_each_collection(tiny_request: Any, tmp_path: Path) -> None:
    # Of images of its own, whose store nobody else has.
    where = {"dataset": f"folder:{collection(tmp_path / 'own', 'Smiling')}", "data_options": {}}
    run = RunDirectory(train(tiny_request(**where, run_dir=str(tmp_path / "run"), steps=2)))
    config = run.config()
    run.write_config(config.model_copy(update={"geometry": replace(config.geometry, white=4095.0)}))
    deep = collection(tmp_path / "deep", "Smiling")
    for file in deep.glob("*.png"):
        pixels = np.random.default_rng(int(file.stem)).integers(0, 65536, (36, 36)).astype(np.uint16)
        Image.fromarray(pixels).save(file)
    evaluate(run.path, device="cpu", elsewhere=Elsewhere(f"folder:{deep}"))
    assert run.config().geometry.white == 4095.0


def test_what_is_left_out_of_it_is_said(run: RunDirectory, tmp_path: Path) -> None:
    loose = collection(tmp_path / "loose", "Smiling")
    (loose / "007.png").write_bytes(b"")
    with pytest.warns(DataWarning, match="empty files"):
        evaluate(run.path, device="cpu", elsewhere=Elsewhere(f"folder:{loose}"))


@pytest.fixture
def own_run(tiny_request: Any, tmp_path: Path) -> tuple[RunDirectory, Path]:
    """A run of a folder that has moved, and where it is now."""
    old = collection(tmp_path / "here", "Smiling")
    where = {"dataset": f"folder:{old}", "data_options": {}, "run_dir": str(tmp_path / "run"), "steps": 2}
    run = RunDirectory(train(tiny_request(**where)))
    return run, old.rename(tmp_path / "there")


def test_data_that_moved_are_found_where_they_are_said_to_be(own_run: tuple[RunDirectory, Path]) -> None:
    run, place = own_run
    for ask in (evaluate, write_report, resume):
        with pytest.raises(DataError, match=r"are not in .*here\. Say with --data-dir"):
            ask(run.path)
    found = evaluate(run.path, device="cpu", data_dir=place)
    assert "label" not in found.data
    page, _ = write_report(run.path, data_dir=place)
    assert page.is_file()
    resume(run.path, steps=3, device="cpu", data_dir=place)
    assert run.config().request.data_dir == str(place)
    resume(run.path, steps=4, device="cpu")  # the run has learnt where they are


def test_another_collection_needs_the_runs_own_data(own_run: tuple[RunDirectory, Path], tmp_path: Path) -> None:
    run, place = own_run
    loose = Elsewhere(f"folder:{collection(tmp_path / 'loose', 'Smiling', seed=3)}")
    with pytest.raises(DataError, match=rf"are not in .*here\..*attredit train --resume {run.path} --data-dir PATH"):
        evaluate(run.path, device="cpu", elsewhere=loose)
    resume(run.path, device="cpu", data_dir=place)
    assert evaluate(run.path, device="cpu", elsewhere=loose).label == "loose"


def test_other_data_are_refused_wherever_they_are(own_run: tuple[RunDirectory, Path], tmp_path: Path) -> None:
    run, place = own_run
    collection(tmp_path / "other", "Smiling", seed=9)
    for ask in (evaluate, write_report, resume):
        with pytest.raises(RunError, match=r"fingerprint|have changed") as error:
            ask(run.path, data_dir=tmp_path / "other")
        assert "--data-dir" in error.value.hint
    Image.new("RGB", (9, 9)).save(place / "003.png")
    with pytest.raises(RunError, match="fingerprints differ"):
        evaluate(run.path, data_dir=place)


def test_nothing_is_said_of_data_that_are_whole(run: RunDirectory, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(run.path, device="cpu", elsewhere=Elsewhere(f"folder:{collection(tmp_path / 'loose', 'Smiling')}"))
