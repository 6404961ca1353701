"""Fixtures for tests of plugins. pytest finds this wherever attredit is installed, so it imports next to nothing.

def test_my_method_trains(tiny_run):
    run = tiny_run("mine")
    assert (run / "model.safetensors").is_file()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from attredit.plugin.registry import Registry
    from attredit.testing.squares import Squares


@pytest.fixture(scope="session")
def attredit_registry() -> Registry:
    """Everything that is registered: ``attredit_registry.find("factorizer", "mine")``."""
    from attredit.plugin.registry import installed

    return installed()


@pytest.fixture
def tiny_dataset() -> Callable[..., Squares]:
    """Make the data set of the kit: ``tiny_dataset(image_size=32, channels=1)``; see `attredit.testing.squares`.

    A data source of 48 drawn images with two binary attributes, ``Left`` and ``Right``, and one of three values,
    ``Below``. Its registered name is ``core/conformance``.
    """
    from attredit.testing.squares import Squares

    def make(image_size: int = 32, **options: Any) -> Squares:
        return Squares(image_size=image_size, **options)

    return make


@pytest.fixture
def tiny_run(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Train in seconds: ``tiny_run("mine", overrides={"players.autoencoder.terms.kl": 0})`` is a run's directory.

    Two steps with batches of 8 images of ``core/conformance`` at 32x32 pixels, on the CPU; whatever
    `attredit.Request` has can be given to change that. Prepared images stay out of the user's cache.
    """

    def run(method: str, **changes: Any) -> Path:
        from attredit.launch import train
        from attredit.request import Request

        home = tmp_path_factory.mktemp("attredit")
        monkeypatch.setenv("ATTREDIT_CACHE", str(home / "cache"))
        tiny = {
            "dataset": "core/conformance", "attributes": ("Left", "Right"), "image_size": 32, "batch_size": 8,
            "steps": 2, "log_every": 1, "device": "cpu", "run_dir": str(home / "run"),
        }  # fmt: skip
        return train(Request(method=method, **{**tiny, **changes}))

    return run
