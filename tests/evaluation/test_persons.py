"""Identity of photographs: whom they show, says a table or CelebA's file, and a network learns to tell them apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from attredit.data import Geometry, cache_dir, prepare
from attredit.data.subset import as_images
from attredit.errors import DataError
from attredit.evaluation.identity import IdentitySettings, identity_of
from attredit.evaluation.judge_training import JudgeSettings
from attredit.evaluation.persons import persons_of
from attredit.evaluation.table import Table
from attredit_collections.folder import Folder
from attredit_synthfaces.source import SynthFaces

CPU = torch.device("cpu")
SIZE = 32


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Three photographs each of 60 drawn persons, of whom 20 are in the test split, and strangers whom nobody knows."""
    root = tmp_path_factory.mktemp("people")
    faces = SynthFaces(image_size=SIZE, train=64, valid=8, test=8)
    lines = ["file_name,person,Smiling,split"]
    for i, smiling in enumerate((0, 1, 0)):
        wanted = {"Smiling": smiling, "Eyeglasses": int(i == 2)}
        for face, image in enumerate(faces.counterfactual("train", range(60), wanted)[:, 0]):
            Image.fromarray(image).save(root / f"{face}-{i}.png")
            lines.append(f"{face}-{i}.png,p{face},{smiling},{'train' if face < 40 else 'test'}")
    for face, image in enumerate(faces.image("test", range(4))):
        Image.fromarray(image).save(root / f"stranger-{face}.png")
        lines.append(f"stranger-{face}.png,,{face % 2},train")
    (root / "metadata.csv").write_text("\n".join(lines))
    return root


def test_a_column_person_is_no_attribute(people):
    source = Folder(image_size=SIZE, data_dir=people)
    assert source.schema.names == ("Smiling",)
    assert {m.column: m.reason for m in source.mapping}["person"] == "names whom an image shows"
    train, test = (persons_of(source, split) for split in ("train", "test"))
    assert (len(train), len(test)) == (124, 60)
    assert train.count(None) == 4
    assert not set(train) & set(test)


def test_where_splits_are_made_nobody_is_in_two(people, tmp_path):
    rows = [line.rsplit(",", 1)[0] for line in (people / "metadata.csv").read_text().splitlines()]
    (people / "again.csv").write_text("\n".join(rows))
    source = Folder(image_size=SIZE, data_dir=people, table="again.csv")
    (people / "again.csv").unlink()
    found = [{person for person in persons_of(source, split) if person} for split in source.splits]
    assert len(found) == 3
    assert sum(map(len, found)) == 60


def test_the_same_person_is_nearer_than_another(people):
    source = Folder(image_size=SIZE, data_dir=people)
    train, test = (prepare(source, split, Geometry(SIZE, 3, "none"), name="people") for split in ("train", "test"))
    settings = IdentitySettings(steps=60, batch_size=16, trunk=JudgeSettings(width=4))
    known = persons_of(source, "train")
    identity = identity_of(train, source, known, cache=cache_dir(), device=CPU, settings=settings)
    identity.persons = [persons_of(source, "test")[row] for row in test.rows]
    table, images = Table(len(test)), as_images(test, np.arange(len(test)))
    for part in np.split(np.arange(len(test)), 3):
        identity.see(images[part], images[part], part, table)
    got = table.metrics()
    assert (got["identity_same"].n, got["identity_other"].n) == (40, 59)
    assert got["identity_same"].high < got["identity_other"].low
    assert got["identity_reconstruction"].value == pytest.approx(0, abs=1e-5)
    few = IdentitySettings(batch_size=64)
    with pytest.raises(DataError, match=r"\b40 persons"):
        identity_of(train, source, known, cache=cache_dir(), device=CPU, settings=few)


def test_persons_of_other_splits_are_not_trained_on(people):
    source = Folder(image_size=SIZE, data_dir=people)
    train = prepare(source, "train", Geometry(SIZE, 3, "none"), name="people")
    claimed = [f"p{40 + i % 20}" for i in range(124)]  # as if the training images showed those of the test split
    with pytest.raises(DataError, match="0 persons"):
        identity_of(train, source, claimed, cache=cache_dir(), device=CPU)


def test_sources_that_know_nobody(people):
    assert persons_of(SynthFaces(image_size=SIZE, train=4, valid=4, test=4), "train") is None
