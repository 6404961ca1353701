"""What each exported graph computes: modules of tensors in, tensors out, each with the names of both.

Everything whose size depends on the picture stays outside: graphs know the model's square, and any number of them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.editing.composite import change_of, edit_mask, fitted
from attredit.editing.editor import Editor
from attredit.editing.model import WHERE, Model, plainer, sampled
from attredit.framing.network import SIZE, FrameNetwork, move_of
from attredit.framing.search import moved
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
        self.model, self.known, self.styled = model, model.known, [int(count) for count in model.known.count]

    def forward(
        self, z: Tensor, labels: Tensor, logits: Tensor, wanted: Tensor, asked: Tensor, *skips: Tensor
    ) -> tuple[Tensor, ...]:
        schema, shares = self.model.schema, self.model.schema.probabilities(logits)
        base, goal, worn, plain, off = [], [], [], z, []
        for i, (attribute, where) in enumerate(zip(schema, schema.columns, strict=True)):
            ask, want, own = asked[:, i : i + 1], wanted[:, where], labels[:, where]
            values = torch.cat([want <= 0, want >= 1], 1).float() if attribute.binary else want
            of = attribute.shares(shares[:, where])
            sure = ((of.logit() > self.known.sure[i, : of.shape[1]]) & (values > 0)).any(1, keepdim=True)
            other = F.one_hot((of - 2.0 * values).argmax(1), of.shape[1]).float()
            has = torch.where(sure, values, other)
            taken = torch.where(ask * values.sum(1, keepdim=True) > 0, has[:, 1:] if attribute.binary else has, own)
            far = 1.0 + (values * (self.known.reach[i, : of.shape[1]] - 1.0)).sum(1, keepdim=True)
            base.append(taken)
            goal.append(torch.where(ask > 0, taken + far * (want - taken), taken))
            gone = ask * (want == 0) if self.styled[i] and attribute.binary else torch.zeros_like(ask)
            worn.append(torch.where(gone > 0, torch.ones_like(want), goal[-1]))
            off.append(gone)
            if self.styled[i] and attribute.binary:
                plain = self._dressed(plain, i, 0, ask * (taken <= 0.5))
        code = Code(z, None, None, skips, torch.cat(base, 1), z)
        before = self.model.draw(z, torch.cat(base, 1), code)
        after = self.model.draw(plain, torch.cat(goal, 1), code)
        return before, after, self._where(z, torch.cat(worn, 1), torch.cat(off, 1), asked, code, before, after)

    def _dressed(self, z: Tensor, i: int, number: int, which: Tensor) -> Tensor:
        """Latents, some of which (B, 1) have a kept style of an attribute."""
        where = self.model.slices[self.model.schema.names[i]]
        style = self.known.styles[i, number % self.styled[i]].expand(len(z), -1)
        dressed = torch.cat([z[:, : where.start], style, z[:, where.stop :]], 1)
        return torch.where(which > 0, dressed, z)

    def _where(
        self, z: Tensor, labels: Tensor, off: Tensor, asked: Tensor, code: Code, before: Tensor, after: Tensor
    ) -> Tensor:
        """How much of each place belongs to the edit."""
        change = change_of(before, after)
        if not any(self.styled):
            return change
        drawn = []
        for number in range(WHERE):
            worn = z
            for i, count in enumerate(self.styled):
                worn = self._dressed(worn, i, number, off[:, i : i + 1]) if count else worn
            drawn.append(self.model.draw(worn, labels, code))
        again = change_of(torch.stack(drawn).mean(0), after)
        some, alone = ((count > 0).view(-1, 1, 1, 1) for count in (off.sum(1), 1.0 - (asked - off).amax(1)))
        return torch.where(
            some, torch.where(alone, plainer(change, again), plainer(change, again, alone=False)), change
        )


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
        return moved(frames, moves[0]), inside, moved(frames, moves.mean(0)), sureness


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

    def forward(self, images: Tensor, before: Tensor, after: Tensor, extent: Tensor) -> tuple[Tensor, ...]:
        mask, changed = edit_mask(extent), edit_mask(extent, widened=False)
        return mask * (fitted(images, before, after) - images), changed, mask


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
    square["extent"] = change_of(square["before"], square["after"])
    readers = tuple(dict.fromkeys(("encoder", model.predictor)))
    graphs = [
        Graph("edit", ("decoder",), _Edit(model), _batches(told), ("before", "after", "extent")),
        Graph(
            "encoder", readers, _Encoder(model, code.z), _batches({"images": images}), ("z", "labels", "logits", *skips)
        ),
        Graph("composite", (), _Composite(), _batches(square), ("change", "changed", "mask")),
    ]
    if editor.frame is not None:
        frames = torch.tensor([[30.0, 20.0, 24.0, 0.1], [20.0, 30.0, 40.0, -0.2]])
        looked_at = {"picture": (torch.rand(1, channels, 40, 50), (2, 3)), **_batches({"frames": frames})}
        graphs.append(Graph("frame", (), _Frame(editor.frame), looked_at, ("alone", "inside", "together", "sureness")))
    return graphs


def _batches(tensors: dict[str, Tensor]) -> dict[str, tuple[Tensor, tuple[int, ...]]]:
    """Inputs of which any number may come at once; none of inference mode, which torch.export cannot follow."""
    return {name: (tensor.clone(), (0,)) for name, tensor in tensors.items()}
