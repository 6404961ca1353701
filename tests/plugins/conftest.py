"""For tests of plugins: the command line, and copies of CelebA in the Hugging Face format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result


@pytest.fixture
def cache_of_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies that `datasets` makes stay out of the user's cache, and its progress bars off the screen."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    datasets.disable_progress_bars()


@pytest.fixture
def small_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of the command line are two small steps."""
    from attredit import launch

    usual = launch.train
    small = {"image_size": 32, "steps": 2, "epochs": None, "batch_size": 4, "device": "cpu"}
    width = {"parts.encoder.options.width": 4, "parts.decoder.options.width": 4, "latent_dim": 8}
    monkeypatch.setattr(
        launch, "train", lambda request, **more: usual(request.replaced(**small, overrides=width), **more)
    )


@pytest.fixture
def attredit_command() -> Callable[..., Result]:
    """Call the command line in this process; a test fails with its output when the exit code is another."""
    from attredit.cli.group import cli

    def call(*arguments: Any, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="attredit")
        assert result.exit_code == exit_code, result.output
        return result

    return call
