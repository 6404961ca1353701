"""A run that leaves sane ground stops, names the term, and keeps the last good checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attredit import DivergenceError, load
from attredit.files import read_tensors
from attredit.launch import train


def spoil_class(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The term of the batch itself is not a number at a step."""
    from attredit.training import losses

    original = losses.class_

    def spoilt(view: Any, of: Any = "real") -> Any:
        return original(view, of) * (float("nan") if (view.step, of) == (step, "real") else 1.0)

    monkeypatch.setattr(losses, "class_", spoilt)


def test_non_finite_loss_names_the_term_and_keeps_the_checkpoint(
    request_for: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_class(monkeypatch, 5)
    with pytest.raises(DivergenceError, match=r"autoencoder/class stopped being finite at step 5") as caught:
        train(request_for())
    assert "players.autoencoder.terms.class.weight" in str(caught.value)
    assert "last good checkpoint" in str(caught.value)
    image = load(tmp_path / "run").sample(1)[0]
    assert image.size == (32, 32)


def test_the_first_term_is_named_although_not_every_step_computes_all(
    request_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three more steps follow, with all terms spoilt and some of them left out, before anybody looks."""
    spoil_class(monkeypatch, 4)
    lazy = {"players.autoencoder.terms.class_edit.every": 2}
    with pytest.raises(DivergenceError, match=r"diverged: autoencoder/class stopped being finite at step 4\."):
        train(request_for(log_every=8, overrides=lazy))


def test_weights_that_a_finite_loss_spoils_are_not_saved(
    request_for: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attredit.training import losses

    original = losses.class_

    def root_at_zero(view: Any, of: Any = "real") -> Any:
        """Adds 0 at the step before a checkpoint, whose gradient is not a number."""
        logits = view.code("real").attrs
        return original(view, of) + (0 * logits).sum().sqrt() if view.step == 3 else original(view, of)

    monkeypatch.setattr(losses, "class_", root_at_zero)
    message = r"weights of encoder stopped being finite by step 4, by a gradient of .*autoencoder/class.*clip=1"
    with pytest.raises(DivergenceError, match=message):
        train(request_for(save_every=2))
    kept, metadata = read_tensors(tmp_path / "run" / "training.safetensors")
    assert metadata["step"] == 2
    assert all(tensor.isfinite().all() for tensor in kept.values())


def test_runaway_kl_is_caught_by_its_limit(request_for: Any) -> None:
    with pytest.raises(DivergenceError, match=r"autoencoder/kl ran away: .* over its limit of 0.0001"):
        train(request_for(overrides={"players.autoencoder.terms.kl.limit": 1e-4}))


def test_an_exploding_optimiser_is_caught(request_for: Any, tmp_path: Path) -> None:
    with pytest.raises(DivergenceError):
        train(request_for(steps=200, overrides={"players.autoencoder.optimizer.lr": 1e30}))
    assert json.loads((tmp_path / "run" / "config.json").read_text())["format"] == 2
