"""Distances in the judge's features, by hand and of its network."""

from __future__ import annotations

import pytest
import quadrants as q
import torch

from attredit.evaluation.judge import Judge, Reading
from attredit.evaluation.judge_networks import JudgePair
from attredit.evaluation.measure import measure
from attredit.evaluation.perceptual import distance


def reading(*maps):
    nothing = torch.zeros(1, 1)
    return Reading(nothing, torch.zeros(2, 1, 1), nothing, nothing, tuple(torch.tensor([m]) for m in maps))


def test_by_hand():
    # Channels (3, 4) and (4, 3) have cosine 0.96, hence 0.08 between their directions; (1, 0) and (0, 2) have 2.
    a = reading([[[3.0, 1.0]], [[4.0, 0.0]]], [[[5.0]]])
    b = reading([[[4.0, 0.0]], [[3.0, 2.0]]], [[[7.0]]])
    assert distance(a, b).tolist() == pytest.approx([((0.08 + 2) / 2 + 0) / 2])
    assert distance(a, a).tolist() == [0]


def test_the_judge_reads_the_same_whether_it_looks_or_tells():
    network = JudgePair(3, 32, 4, 4).eval()
    images = torch.rand(5, 3, 32, 32)
    judge = Judge(network, q.BINARY, "hash", torch.device("cpu"))
    seen = judge.look(images)
    assert torch.equal(seen.logits, judge.logits(images))
    assert torch.equal(seen.agreed, judge.read(images))
    assert torch.equal(seen.features, judge.features(images))
    assert torch.equal(seen.verdicts.float(), (network(images) > 0).float())
    assert seen.features.shape == (5, 16)
    assert [m.shape[1] for m in seen.maps] == [4, 8, 8, 16]
    assert [m.shape[2] for m in seen.maps] == [16, 8, 8, 4]


def test_rows_of_readings():
    network = JudgePair(1, 16, 4, 4).eval()
    judge = Judge(network, q.BINARY, "hash", torch.device("cpu"))
    images, others, where = torch.rand(4, 1, 16, 16), torch.rand(2, 1, 16, 16), torch.tensor([True, False, False, True])
    with torch.inference_mode():
        before = judge.look(images)
        mixed = before.clone()
        mixed.put(where, judge.look(others))
        images[where] = others
        wanted = judge.look(images)
    for got, want in zip(mixed.maps, wanted.maps, strict=True):
        assert torch.allclose(got, want, atol=1e-5)
    assert torch.allclose(mixed.logits, wanted.logits, atol=1e-5)
    assert not torch.allclose(before.logits, wanted.logits, atol=1e-3)
    assert torch.equal(wanted[where].features, wanted.features[where])


def test_of_reconstructions_and_of_edits_beside_the_truth():
    labels = q.labels_of(100)
    data = q.data_of(labels, source=q.DrawingSource(labels))
    found = measure(q.Quadrants(), data, lambda stage, done, total: None)
    got = found.table.metrics()
    having = int(labels[:, 0].sum())
    # The one map has channels (x, 1 - x): in a quarter of the places it turns from (191, 64) to (64, 191).
    cosine = 2 * 64 * 191 / (64**2 + 191**2)
    assert got["perceptual_judge"].value == pytest.approx(0, abs=1e-9)
    assert got["counterfactual_perceptual_judge"].value == pytest.approx(0, abs=1e-9)
    assert got["counterfactual_perceptual_judge"].n == having
    assert got["composite_counterfactual_perceptual_judge"].value == pytest.approx(0, abs=1e-9)
    assert got["copy_perceptual_judge"].value == pytest.approx(0.25 * (2 - 2 * cosine), rel=1e-4)
