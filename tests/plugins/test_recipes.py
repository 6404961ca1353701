"""docs/collections.md: in each layout that it draws, its commands run as they stand and say what it shows.

A folder that is called as a repository of the hub stands in for it, because `datasets` looks for a folder first.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import celeba_copies
import collections_made as made
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "collections.md"
CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

pytestmark = pytest.mark.usefixtures("cache_of_datasets", "small_trainings")


class Recipe(NamedTuple):
    """A layout's section: the paths it draws, its commands, and lines that they print."""

    paths: list[str]
    commands: list[str]
    printed: list[str]


def recipes() -> dict[str, Recipe]:
    """By heading."""
    found = {}
    for section in re.split(r"^### ", PAGE.read_text("utf-8"), flags=re.M)[1:]:
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.M | re.S)
        (_, tree), (language, commands), *rest = blocks
        assert [language, *(kind for kind, _ in rest)] == ["sh", "text"][: len(rest) + 1], section
        printed = [line for _, text in rest for line in text.splitlines()]
        found[section.partition("\n")[0]] = Recipe(drawn(tree), commands.splitlines(), printed)
    return found


def drawn(tree: str) -> list[str]:
    """The paths of a drawn tree."""
    paths: list[str] = []
    folders: list[str] = []
    for line in tree.splitlines():
        prefix, _, name = line.rpartition("── ")
        del folders[(len(prefix) + 3) // 4 :]
        if name != "...":
            folders.append(name.rstrip("/"))
            paths.append("/".join(folders))
    return paths


def classes_in(folder: Path, classes: tuple[str, ...], *splits: str) -> None:
    for split in splits:
        for i, name in enumerate(classes):
            made.save(folder / split / name, [f"{split}{i}{j}.png" for j in range(4)])


def cifar10(folder: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, Image as Images

    (folder / "plain_text").mkdir(parents=True)
    features = Features({"img": Images(), "label": ClassLabel(names=CIFAR10)})
    for split in ("train", "test"):
        columns = {"img": [made.picture(i) for i in range(10)], "label": list(range(10))}
        Dataset.from_dict(columns, features).to_parquet(folder / "plain_text" / f"{split}-00000-of-00001.parquet")


def identity(folder: Path, file: str = "img_align+identity+attr/{}-00000-of-00001.parquet") -> None:
    celeba_copies.parquet(folder, file=file)


def attrs(folder: Path) -> None:
    celeba_copies.parquet(folder, lambda v: [int(2 * x - 1) for x in v], valid="validation")


MADE: dict[str, Callable[[Path], Any]] = {
    "The official files": lambda here: celeba_copies.official(here / "celeba"),
    "Kaggle's copy": lambda here: celeba_copies.kaggle(here / "archive"),
    "CelebA in the wild, with boxes": lambda here: celeba_copies.download(here / "celeba"),
    "Copies in parquet files": lambda here: identity(here / "celeba-clone"),
    "flwrlabs/celeba, from the hub": lambda here: identity(here / "flwrlabs" / "celeba"),
    "tpremoli/CelebA-attrs, from the hub": lambda here: attrs(here / "tpremoli" / "CelebA-attrs"),
    "huggan/CelebA-faces-with-attributes, from the hub": lambda here: celeba_copies.all_for_training(
        here / "huggan" / "CelebA-faces-with-attributes"
    ),
    "CelebAMask-HQ": lambda here: celeba_copies.high_quality(here / "CelebAMask-HQ"),
    "CelebA-HQ, one folder a class": lambda here: classes_in(here / "celeba_hq", ("female", "male"), "train", "val"),
    "A data set of the hub": lambda here: cifar10(here / "uoft-cs" / "cifar10"),
    "A folder for `load_dataset`": lambda here: classes_in(here / "birds", ("finch", "wren"), "train", "test"),
    "metadata.csv": lambda here: made.metadata_csv(here / "portraits"),
    "metadata.jsonl, in folders of splits": lambda here: made.metadata_jsonl(here / "portraits"),
    "Faces anywhere in the picture, metadata.csv with boxes": lambda here: made.boxed_csv(here / "crowd"),
    "Faces anywhere in the picture, metadata.jsonl with bbox": lambda here: made.boxed_jsonl(here / "crowd"),
    "A table of labels, CSV": lambda here: made.bare_csv(here / "shoot"),
    "A table of labels, TSV": lambda here: made.bare_tsv(here / "shoot"),
    "A table of labels, parquet": lambda here: made.bare_parquet(here / "shoot"),
    "One sub-folder a class": lambda here: made.classes(here / "species"),
    "One sub-folder a class, below splits": lambda here: made.classes_below_splits(here / "species"),
}


def test_every_recipe_has_its_layout() -> None:
    assert list(recipes()) == list(MADE)
    for recipe in recipes().values():
        assert {command.split()[1] for command in recipe.commands} - {"edit"} == {"train", "datasets"}
        assert len(recipe.paths) > 2


@pytest.mark.parametrize("layout", MADE)
def test_a_recipe_works(layout: str, tmp_path: Path, attredit_command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    MADE[layout](tmp_path)
    recipe = recipes()[layout]
    assert [path for path in recipe.paths if not (tmp_path / path).exists()] == []
    printed = ""
    for command in recipe.commands:
        program, *words = shlex.split(command)
        assert program == "attredit"
        printed += attredit_command(*words).output
    assert list((tmp_path / "runs").glob("*/model.safetensors"))
    lines = {" ".join(line.split()) for line in printed.splitlines()}
    assert [line for line in recipe.printed if " ".join(line.split()) not in lines] == []
