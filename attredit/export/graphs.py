"""What each exported graph computes: modules of tensors in, tensors out, each with the names of both.

Everything whose size depends on the picture stays outside: graphs know the model's square, and any number of them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.editing.composite import Blend, change_of, edit_mask
from attredit.editing.editor import Editor
from attredit.editing.model import Model, sampled
from attredit.editing.sharpening import Sharpener
from attredit.framing.network import SIZE, FrameNetwork, move_of
from attredit.framing.search import after_moves
from attredit.networks import Code
from attredit.rows import noise


class Graph(NamedTuple):
    """One file to be.

    Attributes:
        name: Of the file, without its suffix.
        parts: Of the recipe, whose weights are in it.
        module: What it computes.
        inputs: Its inputs by name: an example with two in the batch, and which of its dimensions may differ.
        outputs: Names of its outputs.
    """

    name: str
    parts: tuple[str, ...]
    module: nn.Module
    inputs: dict[str, tuple[Tensor, tuple[int, ...]]]
    outputs: tuple[str, ...]


class _Encoder(nn.Module):
    """Images to the latent that edits start from, what the attributes are taken for and the logits of that, and skips.

    Where edits start from a sample of the latent, it is that of an image that is edited alone.
    """

    eps: Tensor | None

    def __init__(self, model: Model, latent: Tensor) -> None:
        super().__init__()
        self.model = model
        eps = noise(model.seed, 0, "edit", (1, *latent.shape[1:])) if model.edit_from == "sample" else None
        self.register_buffer("eps", eps)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        model = self.model
        said = model.code(images, None) if model.predictor == "encoder" else model.ask(model.predictor, images)
        labels = model.as_told(model.told_by(said))
        code = said if model.predictor == "encoder" else model.code(images, labels)
        return sampled(code, self.eps), labels, model.told_by(said), *code.skips


class _Edit(nn.Module):
    """`Model.edit`, of what is wanted (B, A) of the attributes that are asked for (B, n)."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model, self.wearable = model, model.wearable

    def forward(
        self, z: Tensor, labels: Tensor, logits: Tensor, wanted: Tensor, asked: Tensor, *skips: Tensor
    ) -> tuple[Tensor, ...]:
        model, schema, shares = self.model, self.model.schema, self.model.schema.probabilities(logits)
        base, goal, told, dressed, worn = [], [], [], z, {}
        for i, (name, where) in enumerate(zip(schema.names, schema.columns, strict=True)):
            ask, want, own = asked[:, i : i + 1] > 0, wanted[:, where], labels[:, where]
            taken = torch.where(ask, model.supposed_of(i, shares[:, where], want, own), own)
            base.append(taken)
            goal.append(torch.where(ask, want, taken))
            told.append(torch.where(ask, taken + model.reach(i, want) * (want - taken), taken))
            if name in self.wearable:
                worn[name] = torch.where(ask, want, torch.nan)
                dressed = model.dressed(dressed, name, 0, ask & (taken <= 0.5))
        supposed = torch.cat(base, 1)
        code = Code(z, None, None, skips, supposed, z)
        before, after = model.draw(z, supposed, code), model.draw(dressed, torch.cat(told, 1), code)
        if not worn:
            return before, after, model.change(before, after), torch.cat(goal, 1)
        alone = asked.sum(1) == (~torch.cat(list(worn.values()), 1).isnan()).sum(1)
        usual = model.usual_change(code, torch.cat(goal, 1), worn)
        extent = model.extent(code, worn, alone, model.change(before, after), usual)
        return before, after, extent, torch.cat(goal, 1)


class _Frame(nn.Module):
    """A picture (1, C, H, W) and frames (N, 4) in it to where each leads, alone and together with its mirror image."""

    def __init__(self, network: FrameNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor, frames: Tensor) -> tuple[Tensor, ...]:
        crops = _crops(picture, frames)
        votes = self.network(torch.cat([crops, crops.flip(3)]))
        moves = move_of(votes).view(2, -1, 4) * torch.tensor([[1.0] * 4, [-1.0, 1.0, 1.0, -1.0]])[:, None]
        inside = votes.inside.sigmoid().mean((1, 2)).view(2, -1)[0]
        sureness = self.network.sureness(votes).view(2, -1).mean(0)
        return after_moves(frames, moves[0]), inside, after_moves(frames, moves.mean(0)), sureness


def _crops(picture: Tensor, frames: Tensor) -> Tensor:
    """(N, C, SIZE, SIZE): all of them are looked up at once, one below the other."""
    x, y, side, angle = frames.view(-1, 4, 1, 1).unbind(1)
    u = (torch.arange(SIZE) + 0.5) * 2.0 / SIZE - 1.0
    v = u[:, None]
    across, down = side / 2 * angle.cos(), side / 2 * angle.sin()
    x, y = x + across * u - down * v, y + down * u + across * v
    places = torch.stack([x * 2.0 / picture.shape[3] - 1.0, y * 2.0 / picture.shape[2] - 1.0], 3)
    found = F.grid_sample(picture, places.reshape(1, -1, SIZE, 2), "bilinear", "border", align_corners=False)
    return found.view(picture.shape[1], -1, SIZE, SIZE).transpose(0, 1)


class _Composite(nn.Module):
    """What a composite edit changes, at the decoder's size, and where: see `attredit.editing.composite`."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.compositor = model.compositor or Blend()

    def forward(
        self, images: Tensor, before: Tensor, after: Tensor, extent: Tensor, attrs: Tensor
    ) -> tuple[Tensor, ...]:
        edited = self.compositor.edited(images, before, after, extent, attrs)  # type: ignore[operator]
        return edited - images, edit_mask(extent, widened=False), edit_mask(extent)


class _Sharpen(nn.Module):
    """The same of an edit in finer pixels: see `attredit.editing.sharpening`."""

    def __init__(self, sharpener: Sharpener) -> None:
        super().__init__()
        self.sharpener = sharpener

    def forward(self, images: Tensor, coarse: Tensor, extent: Tensor, attrs: Tensor) -> tuple[Tensor, ...]:
        added, mask, changed = self.sharpener(images, coarse, extent, attrs)
        return added, changed, mask


def graphs_of(editor: Editor) -> list[Graph]:
    """All that an editor computes with tensors; no frame where the run has not learnt to find it."""
    model, (size, channels) = editor.model, (editor.geometry.size, editor.geometry.channels)
    images = torch.linspace(0.0, 1.0, 2 * channels * size**2).view(2, channels, size, size)
    with torch.inference_mode():
        code = model.encode(images)
    assert code.z is not None
    assert code.labels is not None
    skips = {f"skip{i}": skip for i, skip in enumerate(code.skips)}
    assert code.attrs is not None
    asked = {
        "wanted": 1.0 - model.schema.encode(model.schema.decode(code.labels)),
        "asked": torch.ones(2, len(model.schema)),
    }
    told = {"z": code.z, "labels": code.labels, "logits": code.attrs, **asked, **skips}
    square = {"images": images, "before": images.flip(3), "after": images.flip(0)}
    square |= {"extent": change_of(square["before"], square["after"]), "attrs": asked["wanted"]}
    blends = () if model.compositor is None else ("compositor",)
    readers = tuple(dict.fromkeys(("encoder", model.predictor)))
    graphs = [
        Graph("edit", ("decoder",), _Edit(model), _batches(told), ("before", "after", "extent", "attrs")),
        Graph(
            "encoder", readers, _Encoder(model, code.z), _batches({"images": images}), ("z", "labels", "logits", *skips)
        ),
        Graph("composite", blends, _Composite(model), _batches(square), ("change", "changed", "mask")),
    ]
    if (sharpener := editor.sharpener) is not None:
        fine = F.interpolate(images, scale_factor=sharpener.detail)
        drawn = {"images": fine, "coarse": square["after"] - images, **{k: square[k] for k in ("extent", "attrs")}}
        graphs.append(Graph("sharpen", (), _Sharpen(sharpener), _batches(drawn), ("change", "changed", "mask")))
    if editor.frame is not None:
        frames = torch.tensor([[30.0, 20.0, 24.0, 0.1], [20.0, 30.0, 40.0, -0.2]])
        looked_at = {"picture": (torch.rand(1, channels, 40, 50), (2, 3)), **_batches({"frames": frames})}
        graphs.append(Graph("frame", (), _Frame(editor.frame), looked_at, ("alone", "inside", "together", "sureness")))
    return graphs


def _batches(tensors: dict[str, Tensor]) -> dict[str, tuple[Tensor, tuple[int, ...]]]:
    """Inputs of which any number may come at once; none of inference mode, which torch.export cannot follow."""
    return {name: (tensor.clone(), (0,)) for name, tensor in tensors.items()}
