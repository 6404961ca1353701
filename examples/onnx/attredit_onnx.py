"""Edit pictures with what `attredit export` wrote, on onnxruntime, NumPy and Pillow alone. Copy both files.

python examples/onnx/attredit_onnx.py MODEL photo.png smiling.png Smiling=1
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from attredit_frame import Frame, find, floats, looked_up, resized
from PIL import Image, ImageOps


class Editor:
    """Edits pictures of 8 bits, over white, as `attredit edit` does, with the graphs and model.json of a folder."""

    def __init__(self, folder: str | Path) -> None:
        self.about = json.loads((Path(folder) / "model.json").read_text("utf-8"))
        self.graphs = {file.stem: onnxruntime.InferenceSession(file) for file in Path(folder).glob("*.onnx")}

    def edit(self, picture: Image.Image, changes: dict[str, Any], box: tuple[int, ...] = ()) -> Image.Image:
        """Change attributes to numbers or named values; a box is left, top, width and height of the subject."""
        picture = ImageOps.exif_transpose(picture).convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert(self.about["mode"])
        frame, pixels, size = self.frame(picture, box), floats(picture), self.about["size"]
        # As Pillow turns pictures, which cuts fractions off.
        square = shown(looked_up(pixels, *frame.places(frame.pixels), cubic=-1.0) - 0.499 / 255)
        square = square.resize((size, size), Image.Resampling.BICUBIC)
        z, labels, logits, *skips = self.run("encoder", floats(square).transpose(2, 0, 1)[None])
        edit = self.run("edit", z, labels, logits, *self.wanted(labels, changes), *skips)
        return shown(self.blended(pixels, edit, frame))

    def run(self, name: str, *given: Any) -> list[Any]:
        """What a graph says."""
        inputs = [one.name for one in self.graphs[name].get_inputs()]
        arrays = (np.asarray(array, np.float32) for array in given)
        return list(self.graphs[name].run(None, dict(zip(inputs, arrays, strict=True))))

    def frame(self, picture: Image.Image, box: tuple[int, ...]) -> Frame:
        """The square that the model sees: around the box, found, or where it lay in training."""
        left, top, width, height = box or (0, 0, *picture.size)
        longer, shares = box or self.about["crop"] == "none", {"celeba": 148 / 178}
        share = 1.3 if box else shares.get(self.about["crop"], 1.0)
        side = max(1, round((max if longer else min)(width, height) * share))
        usual = Frame(left + (width - side) // 2 + side / 2, top + (height - side) // 2 + side / 2, side, 0.0)
        if not box and "frame" in self.graphs:
            return find(picture, lambda *v: self.run("frame", *v), None if self.about["crop"] == "box" else usual)
        if not box and self.about["crop"] == "box":
            raise SystemExit("The model has not learnt to find its frame. Give a box.")
        return usual

    def wanted(self, labels: np.ndarray, changes: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Labels (1, A) with the columns that the changes mean, and which of n attributes (1, n) are asked for."""
        wanted, names = labels.copy(), list(self.about["attributes"])
        for name, value in changes.items():
            start, width, known = self.about["attributes"][name]
            columns = known[str(value)] if str(value) in known else [float(value)]
            wanted[:, start : start + width] = np.reshape(columns, (1, width))
        return wanted, np.array([[name in changes for name in names]])

    def blended(self, pixels: np.ndarray, edit: list[Any], frame: Frame) -> np.ndarray:
        """The picture (H, W, C) with what the decoder changed."""
        size, side, n = self.about["size"], frame.pixels, pixels.shape[2]
        finer = self.graphs.get("sharpen") if frame.side > size else None
        fine = finer.get_inputs()[0].shape[2] if finer else size
        small = resized(looked_up(pixels, *frame.places(max(side, fine)), cubic=-0.75), fine, fine)
        coarse = small.reshape(size, fine // size, size, fine // size, -1).mean((1, 3)).transpose(2, 0, 1)[None]
        change, changed, mask = self.run("composite", coarse, *edit)
        if finer:
            change, changed, mask = self.run("sharpen", small.transpose(2, 0, 1)[None], change, *edit[2:])
        planes = np.concatenate([change[0], changed[0], mask[0], small.transpose(2, 0, 1)]).transpose(1, 2, 0)
        planes = resized(planes, side, side) if side * (1.6 if finer else 1) <= fine else planes
        # All that the frame may reach of the picture.
        reach, middles = 0.75 * side, zip((frame.y, frame.x), pixels.shape, strict=False)
        part = tuple(slice(max(0, int(at - reach) - 1), min(length, int(at + reach) + 2)) for at, length in middles)
        u, v = frame.seen(*(np.mgrid[part][::-1] + 0.5))
        seen = looked_up(planes, (u + 1) * len(planes) / 2, (v + 1) * len(planes) / 2, -0.75 if finer else 0.0)
        seen = seen * (np.maximum(abs(u), abs(v)) <= 1)[..., None]
        old, edited = pixels[part], pixels.copy()
        change, changed, mask, small = np.split(seen, [n, n + 1, n + 2], 2)
        edited[part] = np.where(mask > 0, (old + change - changed * (old - small)).clip(0, 1), old)
        return edited


def shown(pixels: np.ndarray) -> Image.Image:
    """Floats (H, W, C) in [0, 1] as a picture."""
    values = np.rint(255 * pixels.clip(0, 1)).astype(np.uint8)
    return Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)


if __name__ == "__main__":
    model, source, target, *changes = sys.argv[1:]
    with Image.open(source) as photo:
        Editor(model).edit(photo, dict(change.split("=") for change in changes)).save(target)
