"""Folders and data sets of the hub, in the layouts in which people have them."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import collections_made as made
import pytest
from celeba_copies import parquet
from collections_made import HAIR, SMILING

from attredit.data import Geometry, prepare, require_nothing_left_out
from attredit.errors import DataError, UsageError
from attredit.plugin.registry import installed
from attredit.request import CollectionRequest
from attredit_collections.folder import Folder
from attredit_collections.hub import HuggingFace

pytestmark = pytest.mark.usefixtures("cache_of_datasets")
Make = Callable[[Path], Path]


def open_folder(folder: Path, **options: Any) -> Folder:
    return Folder(image_size=16, data_dir=folder, **options)


def whole_folder(folder: Path) -> Folder:
    source = open_folder(folder)
    require_nothing_left_out(source)
    return source


def open_hub(folder: Path, **options: Any) -> HuggingFace:
    return HuggingFace(image_size=16, name=str(folder), **options)


def contents(source: Any) -> dict[int, dict[str, str]]:
    """What the prepared store says of each image, by its number: names of values, and the split."""
    found: dict[int, dict[str, str]] = {}
    for split in source.splits:
        store = prepare(source, split, Geometry(16), name="made", workers=1)
        for pixels, labels in zip(store.images, store.labels, strict=True):
            number = made.number_of(pixels)
            assert number not in found
            found[number] = {a.name: a.values[v] for a, v in zip(source.schema, labels, strict=True)} | {"in": split}
    return found


@pytest.mark.parametrize("make", made.TABLES)
def test_each_image_has_the_labels_that_its_table_gives_it(make: Make, tmp_path: Path) -> None:
    source = pickle.loads(pickle.dumps(whole_folder(make(tmp_path / "x"))))
    found = contents(source)
    assert sorted(found) == list(range(made.N))
    for i, labels in found.items():
        assert (labels["Smiling"], labels["Hair"]) == (str(SMILING[i]), HAIR[i])
    assert set(source.schema.names) == {"Smiling", "Hair"}
    assert source.warnings == ()


@pytest.mark.parametrize("make", made.CLASSES)
def test_each_image_has_the_class_of_its_folder(make: Make, tmp_path: Path) -> None:
    source = whole_folder(make(tmp_path / "x"))
    assert {i: labels["label"] for i, labels in contents(source).items()} == dict(enumerate(HAIR))


@pytest.mark.parametrize("make", [made.metadata_jsonl, made.classes_below_splits, made.hub_parquet])
def test_splits_are_those_of_the_layout(make: Make, tmp_path: Path) -> None:
    folder = make(tmp_path / "x")
    source = open_hub(folder) if make is made.hub_parquet else open_folder(folder)
    assert source.splits == ("train", "valid", "test")
    assert {i: labels["in"] for i, labels in contents(source).items()} == {
        i: {"validation": "valid"}.get(part, part) for i, part in enumerate(made.PARTS)
    }


def test_a_column_called_split_gives_the_splits(tmp_path: Path) -> None:
    folder = made.save(tmp_path / "x")
    rows = [f"{name},{SMILING[i]}, {('Train', 'val', 'dev')[min(i // 4, 2)]} \n" for i, name in enumerate(made.FILES)]
    (folder / "labels.csv").write_text("name,Smiling,split\n" + "".join(rows))
    source = open_folder(folder)
    assert source.splits == ("train", "valid")
    assert [labels["in"] for _, labels in sorted(contents(source).items())] == ["train"] * 4 + ["valid"] * 8
    (folder / "labels.csv").write_text("name,Smiling,split\nim00.png,1,trian\n")
    with pytest.raises(DataError, match=r"Column split of the table in .* has 'trian'"):
        open_folder(folder)


def test_what_load_dataset_opens(tmp_path: Path) -> None:
    source = pickle.loads(pickle.dumps(open_hub(made.hub_parquet(tmp_path / "x"))))
    found = contents(pickle.loads(pickle.dumps(source)))
    for i, labels in found.items():
        assert (labels["hair"], labels["Smiling"], labels["Young"]) == (HAIR[i], str(SMILING[i]), str(1 - SMILING[i]))
    assert len(found) == made.N
    rows = {row.column: row for row in source.mapping}
    assert {name for name, row in rows.items() if row.attribute} == {"hair", "Smiling", "Young"}
    assert rows["hair"].values == ("red", "black", "blond")
    assert rows["Young"].values == ("-1", "1")
    assert "images" in rows["img"].reason
    assert "numbers" in rows["score"].reason
    assert "text" in rows["caption"].reason
    assert len({source.fingerprint(split) for split in source.splits}) == 3


def test_a_folder_for_load_dataset_alone_or_with_its_format(tmp_path: Path) -> None:
    folder = made.metadata_jsonl(tmp_path / "x")
    alone = HuggingFace(image_size=16, data_dir=folder)
    named = HuggingFace(image_size=16, name="imagefolder", data_dir=folder)
    assert alone.splits[0] == "train"
    assert contents(alone) == contents(named)
    assert {i: labels["Hair"] for i, labels in contents(alone).items()} == dict(enumerate(HAIR))


def test_what_is_prepared_by_hand_is_what_a_training_finds(
    tmp_path: Path, attredit_command: Any, small_trainings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.bare_csv(tmp_path / "x")
    monkeypatch.setenv("ATTREDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    prepared = attredit_command("datasets", "prepare", "folder:x", "--image-size", "32")
    assert "What the columns became" in prepared.stderr
    stores = stores_in(tmp_path / "cache")
    assert len(stores) == len(open_folder(tmp_path / "x").splits)
    trained = attredit_command("train", "--dataset", "folder:x", "--attr", "Smiling")
    assert "Preparing" not in trained.stderr
    assert stores_in(tmp_path / "cache") == stores


def stores_in(cache: Path) -> list[Path]:
    return sorted(path for path in (cache / "stores").glob("folder-*") if path.is_dir())


def test_a_run_goes_on_from_elsewhere(tmp_path: Path, request_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from attredit.launch import resume, train

    made.bare_csv(tmp_path / "x")
    made.classes(tmp_path / "y")
    (tmp_path / "other").mkdir()
    data = {"a": ("folder:x", {}, "Smiling"), "b": ("hf:y", {}, "label"), "c": ("hf", {"name": "y"}, "label")}
    for name, (dataset, options, attribute) in data.items():
        monkeypatch.chdir(tmp_path)
        asked = {"dataset": dataset, "attributes": (attribute,), "data_options": options, "steps": 1}
        run = train(request_for(run_dir=str(tmp_path / name), **asked))
        monkeypatch.chdir(tmp_path / "other")
        assert resume(run, steps=2, device="cpu") == run


def test_files_that_are_here_are_nobody_elses_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[Any] = []
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", True)  # as it is when nobody has been here yet
    monkeypatch.setattr("datasets.load.get_session", lambda: asked.append("a session") or SimpleNamespace())
    monkeypatch.setattr(socket, "getaddrinfo", lambda *where, **_: asked.append(where) or [])
    made.classes(tmp_path / "x")
    for folder in (HuggingFace(image_size=16, name="imagefolder", data_dir=tmp_path / "x"), open_hub(tmp_path / "x")):
        assert contents(folder)
    copy = parquet(tmp_path / "celeba")
    source = installed().load("dataset", "celeba")(image_size=16, data_dir=copy)
    assert len(source.open("train"))
    assert asked == []


def test_the_home_directory_may_follow_the_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from attredit.data.collection import choose_dataset

    made.classes(tmp_path / "x")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("folder:~/x", "hf:~/x"):
        collection = CollectionRequest(dataset=name, image_size=16).collection(installed())
        assert collection.schema.names == ("label",)
    # No name is no folder, least of all the one that somebody is in.
    monkeypatch.chdir(tmp_path / "x")
    assert choose_dataset(installed(), "hf", None, {"name": ""})[2] == {"name": ""}


def test_a_folder_without_splits_is_divided_so_that_all_have_each_class(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    for i in range(40):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        made.picture(1).save(folder / "ab"[i % 2] / f"{i}.png")
    source = whole_folder(folder)
    (attribute,) = source.schema
    for split, number in {"train": 16, "valid": 2, "test": 2}.items():
        labels = source.open(split)[attribute.name]
        assert [labels.count(value) for value in range(2)] == [number, number]
    assert open_folder(folder).fingerprint("test") == source.fingerprint("test")


def test_fingerprints_follow_images_tables_and_columns(tmp_path: Path) -> None:
    folder = made.bare_csv(tmp_path / "x")
    fingerprints = [open_folder(folder).fingerprint("train")]
    assert open_folder(folder).fingerprint("train") == fingerprints[0]

    def changed(**options: Any) -> None:
        fingerprints.append(open_folder(folder, **options).fingerprint("train"))

    changed(columns="Hair")
    table = folder / "labels.csv"
    table.write_text(table.read_text().replace("im03.png,1", "im03.png,0"))
    changed()
    with (folder / "images" / "im05.png").open("ab") as file:
        file.write(b"x")
    changed()
    assert len(set(fingerprints)) == 4


def test_columns_can_be_chosen(tmp_path: Path) -> None:
    source = open_folder(made.bare_csv(tmp_path / "x"), columns="Hair", files="image_id", table="labels.csv")
    assert source.schema.names == ("Hair",)
    assert {row.column: row.reason for row in source.mapping}["Smiling"] == "not asked for"
    with pytest.raises(UsageError, match="no column 'Hat'"):
        open_folder(tmp_path / "x", columns="Hat")
    with pytest.raises(DataError, match="names the images"):
        open_folder(tmp_path / "x", columns=["Hair", "image_id"])
    with pytest.raises(UsageError, match=r"no table 'no\.csv'"):
        open_folder(tmp_path / "x", table="no.csv")
    with pytest.raises(DataError, match="no column 'file'"):
        open_folder(tmp_path / "x", files="file")


def test_the_conformance_kit_finds_no_fault(tmp_path: Path) -> None:
    from attredit.testing import check_plugin

    checks = ("data-source", "fingerprints")
    assert check_plugin("collections", only=checks).counts == {"skipped": 4}
    folder = made.metadata_jsonl(tmp_path / "x")
    report = check_plugin("collections", only=checks, data_dir=folder)
    assert report.counts == {"passed": 4}


@pytest.mark.parametrize(
    "name, message",
    [
        ("folder:", "Nothing follows the colon of 'folder:'"),
        ("synthfaces:x", "Data set synthfaces takes nothing after a colon"),
        ("foldr:x", "Unknown dataset 'foldr'. Did you mean folder"),
        ("folder:x", "Data set folder is given data_dir twice"),
    ],
)
def test_an_argument_that_cannot_be_right(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        CollectionRequest(dataset=name, image_size=16, data_dir=tmp_path).collection(installed())


def test_an_argument_of_another_source_is_its_own_option(monkeypatch: pytest.MonkeyPatch) -> None:
    from attredit.data.collection import choose_dataset
    from attredit_synthfaces.source import SynthFaces

    monkeypatch.setattr(SynthFaces, "argument", "train", raising=False)
    chosen = choose_dataset(installed(), "synthfaces:a:b", None, {"test": 3})
    assert chosen == ("synthfaces/synthfaces", None, {"test": 3, "train": "a:b"})
    with pytest.raises(UsageError, match="given train twice"):
        choose_dataset(installed(), "synthfaces:9", None, {"train": 3})
