"""For the tests of CelebA's copies in the Hugging Face format."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def cache_of_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies that `datasets` makes stay out of the user's cache, and its progress bars off the screen."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    datasets.disable_progress_bars()
