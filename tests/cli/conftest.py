"""One tiny trained run for all tests of the command line, and ways to call it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

Attredit = Callable[..., Result]

# The data of other tests, so that all need one judge.
_TRAIN = [
    "train", "--attr", "Smiling", "--attr", "Eyeglasses", "--image-size", "32", "--batch-size", "8",
    "--data-option", "train=96", "--data-option", "valid=16", "--data-option", "test=32", "--device", "cpu",
    "--set", "parts.encoder.options.width=4", "--set", "parts.decoder.options.width=4", "--set", "latent_dim=8",
]  # fmt: skip


@pytest.fixture(scope="session")
def attredit() -> Attredit:
    """Call the command line in this process; the result has exit_code, stdout and stderr."""
    from attredit.cli.group import cli

    def call(*arguments: Any, **environment: str) -> Result:
        result = CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="attredit", env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


@pytest.fixture(scope="session")
def train_arguments() -> list[str]:
    """Arguments of a training of seconds; only its length and directory are missing."""
    return _TRAIN


@pytest.fixture(scope="session")
def trained(attredit: Attredit, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A run of a few steps, and what training it printed."""
    run = tmp_path_factory.mktemp("cli") / "run"
    result = attredit(*_TRAIN, "--steps", 6, "--log-every", 2, "--save-every", 4, "--run-dir", run)
    assert result.exit_code == 0, result.output
    return run, result


@pytest.fixture(scope="session")
def run(trained: tuple[Path, Result]) -> Path:
    """The tiny run. Tests may add an evaluation to it, but not change what it is."""
    return trained[0]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a PNG, a JPEG and a text file."""
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (48, 60, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    Image.fromarray(pixels[:, ::-1].copy()).save(folder / "b.jpg")
    (folder / "notes.txt").write_text("not a picture")
    return folder
