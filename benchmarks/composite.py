"""Ways to blend a decoded edit into a larger original, scored against the true edit.

    attredit sharpen runs/demo
    python benchmarks/composite.py runs/demo

The original and the truth are synthfaces drawn at 256 pixels; the model decodes at its own size. Prints a table and
writes the picture of docs/compositing.md. Scores, for every attribute of the run, taken off (0) and put on (1):

error      squared error against the truth, as a share of that of the unedited original
ssim       structural similarity to the truth, where the edit may reach
sharpness  strength of gradients there, as a share of the truth's

Putting on is scored against the nearest of several ways of wearing it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from rich.console import Console
from torch import Tensor

import attredit
from attredit.cli.console import progress
from attredit.cli.tables import table
from attredit.data import Frame
from attredit.data.pixels import to_bytes
from attredit.editing.blending import blend
from attredit.editing.composite import change_of, edit_mask, fitted
from attredit.editing.sharpening import Sharpener
from attredit.evaluation.similarity import structural_similarity
from attredit.report.grid import Pixels, grid

SIZE, STYLES, CHUNK = 256, 4, 10


@dataclass(frozen=True)
class Case:
    """Images (B, C, H, W) of one edit, at 256 pixels and as the model sees and decodes them; truths (B, S, C, H, W).

    And what the edited images have (B, A).
    """

    original: Tensor
    truths: Tensor
    small: Tensor
    before: Tensor
    after: Tensor
    attrs: Tensor


def up(images: Tensor, mode: str = "bilinear") -> Tensor:
    return F.interpolate(images, size=(SIZE, SIZE), mode=mode, align_corners=False)


def pasted(case: Case, edit: Tensor, mask: Tensor | None = None) -> Tensor:
    mask = up(edit_mask(change_of(case.before, case.after))) if mask is None else mask
    return case.original + mask * (edit - case.original)


def transferred(case: Case) -> Tensor:
    return case.original + up(edit_mask(change_of(case.before, case.after)) * (case.after - case.before))


def guided(case: Case, radius: int = 10, flat: float = 0.001) -> Tensor:
    """The fitted edit under a mask that follows the original's edges: He et al., "Guided image filtering", 2013."""

    def mean(images: Tensor) -> Tensor:
        return F.avg_pool2d(images, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)

    guide, mask = case.original.mean(1, keepdim=True), up(edit_mask(change_of(case.before, case.after)))
    gain = (mean(guide * mask) - mean(guide) * mean(mask)) / (mean(guide**2) - mean(guide) ** 2 + flat)
    offset = mean(mask) - gain * mean(guide)
    followed = (mean(gain) * guide + mean(offset)).clamp(0, 1)
    return pasted(case, up(fitted(case.small, case.before, case.after)), torch.where(mask > 0, followed, mask))


def chosen(case: Case, sharpener: Sharpener | None = None) -> Tensor:
    parts = (a.permute(0, 2, 3, 1).numpy() for a in (case.original, case.before, case.after))
    frame = Frame.within((0, 0, SIZE, SIZE))
    whole = [
        blend(original, before, after, np.abs(after - before).max(-1, keepdims=True), frame, None, attrs, sharpener)
        for original, before, after, attrs in zip(*parts, case.attrs.numpy(), strict=True)
    ]
    return torch.from_numpy(np.stack(whole)).permute(0, 3, 1, 2)


PLAIN, CHOSEN, SHARPENED = "edit enlarged, pasted", "fitted, in two bands (chosen)", "the same, sharpened"
WAYS: dict[str, Callable[[Case], Tensor]] = {
    "original, unedited": lambda c: c.original,
    "decoded, enlarged": lambda c: up(c.after),
    PLAIN: lambda c: pasted(c, up(c.after)),
    "the same, bicubic": lambda c: pasted(c, up(c.after, "bicubic")),
    "only the change added": transferred,
    "fitted, pasted": lambda c: pasted(c, up(fitted(c.small, c.before, c.after))),
    "fitted, guided mask": guided,
    CHOSEN: chosen,
}


def cases(editor: attredit.Editor, name: str, to: int, count: int) -> Iterator[Case]:
    from attredit_synthfaces.source import SynthFaces

    source = SynthFaces(image_size=SIZE)
    labels = source.labels("test", np.arange(source.counts["test"]))[:, source.schema.index(name)]
    chosen = np.flatnonzero(labels != to)[:count]
    for start in range(0, len(chosen), CHUNK):
        rows = chosen[start : start + CHUNK]
        pixels = source.image("test", rows)
        truths = source.counterfactual("test", rows, {name: to}, STYLES)
        small = np.stack([np.asarray(editor.geometry.apply(Image.fromarray(p))) for p in pixels])
        seen = _tensor(small)
        code = editor.model.encode(seen)
        edit = editor.model.edit(code, {name: to})
        decoded = (tensor.clone() for tensor in (edit.before, edit.after, edit.attrs))
        yield Case(_tensor(pixels), torch.stack([_tensor(t) for t in truths]), seen, *decoded)


def scores(case: Case, result: Tensor) -> Tensor:
    """(5,) sums over the images: error, error of copying, ssim, gradients, the truth's gradients."""
    errors = (result[:, None] - case.truths).square().mean((2, 3, 4))
    copied = (case.original[:, None] - case.truths).square().mean((2, 3, 4)).amin(1)
    truth = case.truths[torch.arange(len(result)), errors.argmin(1)]
    where = (up(edit_mask(change_of(case.before, case.after))) > 0.05).float()
    ssim = structural_similarity(result, truth)
    alike = (ssim.mean(1, keepdim=True) * where).sum((1, 2, 3)) / where.sum((1, 2, 3)).clamp(min=1)
    edges = [((_gradients(a) * where[..., 1:, 1:]).sum()) for a in (result, truth)]
    return torch.stack([errors.amin(1).sum(), copied.sum(), alike.sum(), *edges])


def _gradients(images: Tensor) -> Tensor:
    down, right = images.diff(dim=-2)[..., 1:], images.diff(dim=-1)[..., 1:, :]
    return (down.square() + right.square()).sum(1, keepdim=True).sqrt()


def _tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def _pixels(image: Tensor) -> Pixels:
    return to_bytes(image.permute(1, 2, 0).numpy())


def rows(case: Case, faces: int, ways: Sequence[str]) -> list[list[Pixels]]:
    """Faces whole, and then cut out around the change: the original, ways of editing it, and the truth.

    The first that the model edits at all: it changes nothing where it already sees what is asked for.
    """
    columns = [case.original, up(case.after), *(WAYS[way](case) for way in ways), case.truths[:, 0]]
    result = []
    masks = edit_mask(change_of(case.before, case.after))[:, 0].numpy() > 0.5
    for i in np.flatnonzero(masks.any((1, 2)))[:faces]:
        y, x = np.argwhere(masks[i]).mean(0) * SIZE / case.small.shape[-1]
        top, left = (int(np.clip(middle - 48, 0, SIZE - 96)) for middle in (y, x))
        whole = [_pixels(c[i]) for c in columns]
        zoomed = [
            np.asarray(
                Image.fromarray(p[top : top + 96, left : left + 96]).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
            )
            for p in whole
        ]
        result.append(whole + zoomed)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a run trained on synthfaces")
    parser.add_argument("--faces", type=int, default=30, help="for each attribute and direction (default 30)")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/compositing.png"))
    options = parser.parse_args()
    editor = attredit.load(options.run)
    ways = {"pasted": PLAIN, "composite": CHOSEN}
    if editor.sharpener is not None:
        ways["sharpened"] = SHARPENED
        WAYS[SHARPENED] = partial(chosen, sharpener=editor.sharpener)
    edits = [(name, to) for name in editor.schema.names for to in (0, 1)]
    sums = {(way, edit): torch.zeros(5) for way in WAYS for edit in edits}
    picture: list[list[Pixels]] = []
    with progress("faces") as report:
        for name, to in edits:
            done = 0
            for case in cases(editor, name, to, options.faces):
                if not done:
                    picture += rows(case, 2, list(ways.values()))
                for way, how in WAYS.items():
                    sums[way, (name, to)] += scores(case, how(case).clamp(0, 1))
                done += len(case.original)
                report(f"{name}={to}", done, options.faces)
    headings = [f"{name}={to}" for name, to in edits]
    made = table("", *headings, title=f"error / ssim / sharpness, {options.faces} faces each", numbers=tuple(headings))
    for way in WAYS:
        found = (sums[way, edit] for edit in edits)
        cells = [
            f"{e / c:.3f} / {s / options.faces:.3f} / {g / t:.2f}" for e, c, s, g, t in (f.tolist() for f in found)
        ]
        made.add_row(way, *cells, style="bold" if way == CHOSEN else None)
    Console(width=None if Console().is_terminal else 160).print(made)
    columns = ["original", "decoded", *ways, "true edit"]
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    grid(picture, columns=columns + [f"{c}, closer" for c in columns], cell=144).save(options.picture, optimize=True)
    print(f"Wrote {options.picture}")


if __name__ == "__main__":
    main()
