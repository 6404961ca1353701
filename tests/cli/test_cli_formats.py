"""``attredit edit`` on a folder of every format and mode that Pillow can write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

MODES = {
    ".png": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    ".jpg": ["L", "RGB", "CMYK"],
    ".webp": ["RGB", "RGBA"],
    ".gif": ["P"],
    ".bmp": ["1", "L", "P", "RGB"],
    ".tif": ["L", "RGB", "RGBA", "CMYK", "I;16"],
    ".jp2": ["RGB"],
    ".ppm": ["RGB"],
}


def picture(mode: str) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (37, 52, 3), np.uint8)
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("ending", MODES)
def test_a_folder_of_each_format(attredit: Any, run: Path, tmp_path: Path, ending: str) -> None:
    folder, target = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for mode in MODES[ending]:
        picture(mode).save(folder / f"{mode.replace(';', '')}{ending}")
    result = attredit("edit", run, folder, "--set", "Smiling=1", "-o", target)
    assert result.exit_code == 0, result.output
    for path in folder.iterdir():
        with Image.open(path) as before, Image.open(target / path.name) as after:
            assert after.size == before.size
            assert after.format == before.format
            assert ("A" in after.getbands()) == ("A" in before.getbands())
