"""Composition, reversibility, effectiveness and minimality of editors whose faults are known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import quadrants as q
import torch

from attredit.errors import RunError
from attredit.evaluation import lpips
from attredit.evaluation.axes import LPIPS, REPEATED, cld, effects, f1
from attredit.evaluation.lpips import Lpips, lpips_of
from attredit.evaluation.measure import measure

CPU = torch.device("cpu")


def figures(editor, data):
    found = measure(editor, data, lambda *stage: None)
    return found.table.metrics(), found


def darker(editor, levels):
    """Loses some levels of brightness, of 255, at every pass through the decoder."""
    decoding = editor.decoding
    editor.decoding = lambda images, attrs: decoding(images, attrs) - levels / 255
    return editor


def test_a_perfect_editor_loses_nothing():
    labels = q.labels_of(300)
    got, found = figures(q.Quadrants(("Smiling", "Male")), dataclasses.replace(q.data_of(labels), full=True))
    for name in (
        "composition",
        "composition_10",
        "reversibility",
        "reversibility_10_mse",
        "composite_reversibility_10",
    ):
        assert got[name].value == pytest.approx(0, abs=1e-4), name
    assert (got["composition"].n, got["composition_10"].n, got["reversibility"].n) == (300, 200, 400)
    assert got["effectiveness"].value == got["composite_effectiveness"].value == 1
    assert not set(REPEATED) & set(found.reasons)
    matrix = effects(q.BINARY.select(("Smiling", "Male")), q.BINARY, found.cells)
    assert {name: set(row) for name, row in matrix.items()} == {"Smiling": set(q.NAMES), "Male": set(q.NAMES)}
    assert all(cell.decoded.value == cell.composite.value == 1 for row in matrix.values() for cell in row.values())


def test_what_is_lost_at_every_pass_adds_up():
    data = dataclasses.replace(q.data_of(q.labels_of(60)), full=True)
    got, _ = figures(darker(q.Quadrants(), 0.5), data)
    # A quadrant is drawn anew at every pass, the three others lose half a level.
    assert got["composition"].value == pytest.approx(0.5, rel=1e-3)
    assert got["composition_10"].value == pytest.approx(0.5 * (3 * 10 + 1) / 4, rel=1e-3)
    assert got["reversibility"].value == pytest.approx(0.5 * (3 * 2 + 1) / 4, rel=1e-3)
    assert got["reversibility_10"].value == pytest.approx(0.5 * (3 * 20 + 1) / 4, rel=1e-3)
    assert got["reversibility_mse"].value == pytest.approx((3 + 0.25) / 4 / 255**2, rel=1e-3)
    # A composite keeps what the edit does not change.
    assert got["composite_reversibility_10"].value < got["reversibility_10"].value


def test_without_full_nothing_is_repeated():
    _, found = figures(q.Quadrants(), q.data_of(q.labels_of(40)))
    assert all("10 passes" in found.reasons[name] for name in REPEATED)
    assert set(LPIPS) <= set(found.reasons)


def test_f1_of_an_editor_that_puts_on_only_and_moves_another_attribute():
    def decoding(images, attrs):
        """Smiles are put on and never taken off; with each comes a hat."""
        on = attrs[:, 0] > 0.5
        for place in (q.PLACES[0], q.PLACES[3]):
            images[on, 0, *place] = q.LEVELS[1] / 255
        return images

    labels = q.labels_of(300)
    got, found = figures(q.Quadrants(decoding=decoding), q.data_of(labels))
    smiling, hat = labels[:, 0] == 1, labels[:, 3] == 1
    read_hat = hat | ~smiling
    # All end up smiling, and those who did not should.
    assert got["effectiveness"].value == pytest.approx(2 * (~smiling).sum() / (300 + (~smiling).sum()))
    row = effects(q.BINARY.select(("Smiling",)), q.BINARY, found.cells)["Smiling"]
    expected = 2 * (read_hat & hat).sum() / (read_hat.sum() + hat.sum())
    assert row["Hat"].decoded.value == pytest.approx(expected)
    assert row["Hat"].decoded.low < expected < row["Hat"].decoded.high
    assert row["Male"].decoded.value == 1


def test_f1_is_of_all_images_and_not_of_batches():
    generator = torch.Generator().manual_seed(0)
    read, wanted = (torch.rand(200, generator=generator) < 0.05 for _ in range(2))
    hits = int((read & wanted).sum())
    assert float(f1(read, wanted).mean()) == pytest.approx(2 * hits / int(read.sum() + wanted.sum()))
    assert f1(torch.zeros(5, dtype=torch.bool), torch.zeros(5, dtype=torch.bool)) is None
    assert f1(read, torch.zeros_like(read)).mean() == 0


def test_cld_of_edits_that_do_nothing_go_too_far_or_just_far_enough():
    labels = torch.tensor([0] * 11 + [1] * 11)
    features = torch.cat([torch.arange(11.0), 20 + torch.arange(11.0)])[:, None]
    rows = torch.tensor([5])
    edits = {"nothing": 5.0, "enough": 12.0, "there": 25.0, "beyond": 60.0}
    got = {name: float(cld(features, torch.tensor([[to]]), labels, rows, 2)) for name, to in edits.items()}
    assert got["nothing"] == pytest.approx(math.log(0.8 + 0.2 * math.e))  # no other image is as near
    assert got["enough"] == pytest.approx(0)  # farther than its own kind, nearer than the other
    assert got["there"] == pytest.approx(math.log(0.8 * math.exp(6 / 11) + 0.2))
    assert got["beyond"] == pytest.approx(math.log(0.8 * math.e + 0.2))
    alone = cld(features, torch.zeros(1, 1), torch.tensor([0] + [1] * 21), torch.tensor([0]), 2)
    assert alone.isnan().all()  # there is no other image of its value to compare with


def test_a_categorical_attribute():
    labels = q.labels_of(300, q.MIXED)
    got, found = figures(q.Quadrants(("Hair",), q.MIXED), q.data_of(labels, q.MIXED))
    assert (got["effectiveness"].value, got["effectiveness"].n) == (1, 900)
    row = effects(q.MIXED.select(("Hair",)), q.MIXED, found.cells)["Hair"]
    assert list(row) == ["Smiling", "Hair=black", "Hair=brown", "Hair=blond"]
    assert got["reversibility"].value == pytest.approx(0, abs=1e-4)


def test_lpips_is_of_pairs_in_chunks():
    class Network(torch.nn.Module):
        def forward(self, a, b):
            assert a.shape[1] == 3
            assert a.min() >= -1
            return (a - b).abs().mean((1, 2, 3), keepdim=True)

    a, b = torch.rand(70, 1, 8, 8), torch.rand(70, 1, 8, 8)
    found = Lpips(Network()).distance(a, b)
    assert torch.allclose(found, 2 * (a - b).abs().mean((1, 2, 3)))
    data = dataclasses.replace(q.data_of(q.labels_of(20)), full=True, lpips=Lpips(Network()))
    got, found = figures(darker(q.Quadrants(), 1.0), data)
    assert got["lpips"].value == pytest.approx(2 / 255, rel=1e-3)
    assert set(LPIPS) <= set(got)


def test_lpips_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert lpips_of(CPU)[0] is None
    assert str(tmp_path / "checkpoints") in lpips_of(CPU)[1]
    (tmp_path / "checkpoints").mkdir()
    lpips.WEIGHTS.file.write_bytes(b"something else")
    with pytest.raises(RunError, match="damaged"):
        lpips_of(CPU)
    monkeypatch.setattr("attredit.evaluation.weights.find_spec", lambda name: None)
    assert "attredit[lpips]" in lpips_of(CPU)[1]


def test_an_attribute_that_is_nowhere_has_no_f1():
    labels = q.labels_of(40)
    labels[:, 3] = 0
    _, found = figures(q.Quadrants(), q.data_of(labels))
    row = effects(q.BINARY.select(("Smiling",)), q.BINARY, found.cells)["Smiling"]
    assert "Hat" not in row
    assert np.isfinite(row["Male"].decoded.value)
