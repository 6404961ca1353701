"""The identity network: learns what attributes do not say, is kept, and measures what it should."""

from __future__ import annotations

import numpy as np
import pytest
import quadrants as q
import torch
import torch.nn.functional as F

from attredit.data.degrading import DamageLimits
from attredit.errors import DataError, RunError
from attredit.evaluation import identity as identifying
from attredit.evaluation.identity import NAMES, Identity, IdentitySettings, identity_of
from attredit.evaluation.judge_training import JudgeSettings
from attredit.evaluation.measure import measure
from attredit.evaluation.run import identity_for

CPU = torch.device("cpu")
MILD = DamageLimits(blur=1.4, noise=0.02, light=0.1, contrast=0.1, shift=0.0, zoom=0.03, coarseness=0.0, hole=0.0)
QUICK = IdentitySettings(dim=16, faces=256, steps=150, batch_size=32, trunk=JudgeSettings(width=8, augmentation=MILD))


class Faces:
    """Who a face is is the pattern of its last two quadrants; its attributes are the levels of the first two."""

    channels, splits, schema = 1, ("train",), q.BINARY.select(("Smiling", "Male"))

    def __init__(self, n):
        self.labels = q.labels_of(n, self.schema)
        self.patterns = np.random.default_rng(0).integers(0, 256, (n, 4, 8)).astype(np.uint8)
        self.asked = []

    def draw(self, indices, labels):
        images = q.draw(labels, self.schema)
        images[:, q.HALF :, :, 0] = np.kron(self.patterns[indices], np.ones((2, 2), np.uint8))
        return images

    def store(self):
        return q.store_of(self.labels, self.schema, self.draw(np.arange(len(self.labels)), self.labels))

    def counterfactual(self, split, indices, changes, styles=1):
        self.asked.append((split, list(indices), dict(changes)))
        labels = self.labels[np.asarray(indices)].copy()
        for name, value in changes.items():
            labels[:, self.schema.index(name)] = value
        return self.draw(np.asarray(indices), labels)[:, None]


def test_it_tells_faces_apart_whatever_their_attributes(tmp_path):
    source = Faces(300)
    told = []
    network = identity_of(
        source.store(), source, cache=tmp_path, device=CPU, settings=QUICK, progress=lambda *n: told.append(n)
    )
    assert told[-1] == (8 + 150, 8 + 150)
    fresh = Faces(60)
    fresh.patterns = np.random.default_rng(9).integers(0, 256, (60, 4, 8)).astype(np.uint8)
    images = [
        torch.from_numpy(fresh.draw(np.arange(60), np.full((60, 2), value))).permute(0, 3, 1, 2).float() / 255
        for value in (0, 1)
    ]
    cosines = network.embed(images[0]) @ network.embed(images[1]).T
    assert (cosines.argmax(1) == torch.arange(60)).float().mean() > 0.9
    assert cosines.diagonal().mean() > cosines.mean() + 0.4


def test_partners_are_the_same_faces_with_attributes_drawn_for_the_whole_batch(tmp_path):
    source = Faces(300)
    identity_of(source.store(), source, cache=tmp_path, device=CPU, settings=QUICK)
    assert len(source.asked) == 8
    assert {len(rows) for _, rows, _ in source.asked} == {32}
    assert len({i for _, rows, _ in source.asked for i in rows}) == 256
    assert {split for split, _, _ in source.asked} == {"train"}
    assert len({tuple(changes.items()) for _, _, changes in source.asked}) > 1
    assert all(set(changes) == {"Smiling", "Male"} for _, _, changes in source.asked)


def test_it_is_trained_once_and_repeatably(tmp_path, monkeypatch):
    settings = IdentitySettings(dim=4, faces=64, steps=3, batch_size=16, trunk=JudgeSettings(width=4))
    source, state = Faces(80), torch.get_rng_state()
    images = torch.rand(5, 1, q.SIZE, q.SIZE, generator=torch.Generator().manual_seed(0))
    a, b = (
        identity_of(source.store(), source, cache=tmp_path / name, device=CPU, settings=settings) for name in ("a", "b")
    )
    assert torch.equal(a.embed(images), b.embed(images))
    assert torch.equal(state, torch.get_rng_state())
    monkeypatch.setattr(identifying, "fit_identity", None)
    again = identity_of(source.store(), source, cache=tmp_path / "a", device=CPU, settings=settings)
    assert torch.equal(a.embed(images), again.embed(images))
    home = tmp_path / "a" / "identities" / a.hash
    assert sorted(p.name for p in home.iterdir()) == ["identity.safetensors"]
    (home / "identity.safetensors").write_text("{}")
    with pytest.raises(RunError, match="identity") as error:
        identity_of(source.store(), source, cache=tmp_path / "a", device=CPU, settings=settings)
    assert f"delete {home} and evaluate again." in error.value.hint


def test_too_few_faces(tmp_path):
    source = Faces(40)
    with pytest.raises(DataError, match="40 training images are too few"):
        identity_of(source.store(), source, cache=tmp_path, device=CPU, settings=QUICK)
    # An evaluation goes on without it, and says why.
    found, reason = identity_for(source, source.store(), CPU, lambda *_: None)
    assert found is None
    assert "40 training images are too few" in reason


class Means(torch.nn.Module):
    """Levels of two quadrants as an embedding; neither is the edited one's unless `edited`."""

    def __init__(self, places):
        super().__init__()
        self.places = places

    def forward(self, images):
        return torch.stack([images[:, 0, *q.PLACES[i]].mean((1, 2)) for i in self.places], 1)


def figures(places, chunked=None, decoding=None):
    labels = q.labels_of(300)
    data = q.data_of(labels, source=q.DrawingSource(labels))
    fields = ("split", "indices", "store", "train", "schema", "source", "judge")
    data = q.EvaluationData(*(getattr(data, name) for name in fields), Identity(Means(places), "means"))
    found = measure(q.Quadrants(decoding=decoding), data, lambda stage, done, total: None)
    assert not set(NAMES) & set(found.reasons)
    return found.table.metrics(), labels


def test_who_a_face_is_does_not_depend_on_the_edited_attribute():
    got, labels = figures((1, 2))
    for name in ("identity", "composite_identity", "identity_reconstruction", "identity_true", "identity_true_on"):
        assert got[name].value == pytest.approx(0, abs=1e-6)
    assert (got["identity"].n, got["identity_true"].n + got["identity_true_on"].n) == (300, 300)
    levels = torch.tensor(q.LEVELS).float()[torch.from_numpy(labels[:, 1:3].astype(np.int64))]
    faces = F.normalize(levels, dim=1)
    # Every face beside the one before it, across chunks of 256 too.
    expected = 1 - (faces[1:] * faces[:-1]).sum(1)
    assert got["identity_other"].value == pytest.approx(float(expected.mean()), rel=1e-4)
    assert got["identity_other"].n == 299


def test_edits_that_change_who_a_face_is():
    got, labels = figures((0, 1))
    levels = torch.tensor(q.LEVELS).float()[torch.from_numpy(labels[:, :2].astype(np.int64))]
    turned = levels.clone()
    turned[:, 0] = sum(q.LEVELS) - levels[:, 0]
    expected = 1 - F.cosine_similarity(levels, turned)
    assert got["identity"].value == pytest.approx(float(expected.mean()), rel=1e-4)
    assert got["identity_true"].value == pytest.approx(float(expected[labels[:, 0] == 1].mean()), rel=1e-4)
