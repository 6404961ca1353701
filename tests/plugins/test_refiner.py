"""The compositor that learns: untrained it is the blend, and it learns what edits were before they were made."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import attredit
from attredit import AttributeSchema, Code
from attredit.editing.composite import blend_batch, change_of, edit_mask
from attredit.editing.model import Model
from attredit.rows import Slice
from attredit.training.losses import restored_
from attredit.training.view import BatchView
from attredit_networks.refiner import Refiner

SIZE = 32
SPOT = (..., slice(10, 18), slice(8, 20))


def edit(count: int = 2, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images, and a decoder that darkens a spot."""
    images = torch.rand(count, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    before = F.avg_pool2d(images, 5, 1, 2)
    after = before.clone()
    after[SPOT] *= 0.3
    return images, before, after, change_of(before, after)


def randomised(refiner: Refiner) -> Refiner:
    torch.manual_seed(0)
    torch.nn.init.normal_(refiner.drawn.weight, std=0.5)
    return refiner


def test_untrained_it_is_the_blend_at_any_size() -> None:
    images, before, after, change = edit()
    refiner = Refiner(channels=3, width=8)
    assert torch.equal(refiner(images, before, after, change), blend_batch(images, before, after, change))
    large = F.interpolate(images, scale_factor=2.5)
    assert torch.equal(refiner(large, before, after, change), blend_batch(large, before, after, change))


@pytest.mark.parametrize("side", [SIZE, 75])
def test_it_redraws_the_edit_and_nothing_else(side: int) -> None:
    images, before, after, change = edit()
    images = F.interpolate(images, size=side)
    edited = randomised(Refiner(channels=3, width=8))(images, before, after, change)
    mask = F.interpolate(edit_mask(change), size=side, mode="bilinear")
    assert not torch.allclose(edited, blend_batch(images, before, after, change), atol=0.05)
    far = F.max_pool2d(mask, 7, 1, 3) == 0
    assert far.any()
    assert torch.equal(edited[far.expand_as(edited)], images[far.expand_as(edited)])
    assert 0 <= edited.min() <= edited.max() <= 1


def test_a_grey_model_redraws_colour_pictures() -> None:
    _, before, after, change = edit(channels=1)
    images = torch.rand(2, 3, SIZE, SIZE)
    assert randomised(Refiner(channels=1, width=8))(images, before, after, change).shape == images.shape


class Brightness(torch.nn.Module):
    """A latent of two numbers, the spot's brightness among them."""

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None) -> Code:
        dark = (images[SPOT].mean((1, 2, 3)) < 0.4).float()[:, None]
        return Code(images.mean((2, 3))[:, :2], None, 8.0 * dark - 4.0)


class Spot(torch.nn.Module):
    """Grey images, with a spot that is dark where the attribute says so."""

    def forward(self, z: torch.Tensor, attrs: torch.Tensor, code: Code | None = None) -> torch.Tensor:
        grey = z[:, :1, None, None].expand(-1, 3, SIZE, SIZE).clone()
        grey[SPOT] = torch.where(attrs[:, :, None, None] > 0.5, 0.15, 0.7)
        return grey.clamp(0.01, 0.99).logit()


def view(step: int, refiner: Refiner) -> BatchView:
    """Images of which the spot has stripes, fine ones where it is dark: the decoder knows nothing of these."""
    generator = torch.Generator().manual_seed(step)
    images = 0.6 + 0.1 * torch.rand(16, 3, SIZE, SIZE, generator=generator)
    labels = torch.arange(16)[:, None] % 2
    stripes = 0.1 * (torch.arange(12) % 2).float()
    images[SPOT] = torch.where(labels[:, :, None, None] == 1, 0.1 + stripes, torch.tensor(0.7)).expand(-1, 3, 8, 12)
    parts = {"encoder": Brightness(), "decoder": Spot(), "compositor": refiner}
    model = Model(parts, AttributeSchema.of_binary(["Spot"]), latent_dim=2)
    return BatchView(model, images, labels, rows=Slice(0, 16, 16), seed=0, step=step)


def test_it_learns_detail_that_the_decoder_lacks() -> None:
    refiner = Refiner(channels=3, width=8)
    optimiser = torch.optim.Adam(refiner.parameters(), 5e-3)
    before = restored_(view(999, refiner)).item()
    for step in range(150):
        optimiser.zero_grad()
        restored_(view(step, refiner)).backward()
        optimiser.step()
    assert restored_(view(999, refiner)).item() < 0.6 * before


def test_the_term_is_what_its_docstring_says() -> None:
    ours = view(0, randomised(Refiner(channels=3, width=8)))
    missed, mask = (ours.images("restored") - ours.real).detach().numpy(), ours.mask.numpy()
    wanted = (np.abs(missed) * mask).mean()
    wanted += 0.5 * (np.abs(np.diff(missed, axis=2)) * mask[:, :, :-1]).mean()
    wanted += 0.5 * (np.abs(np.diff(missed, axis=3)) * mask[..., :-1]).mean()
    assert restored_(ours).item() == pytest.approx(wanted / mask.mean(), rel=1e-5)


def test_the_preset_trains_and_edits_pictures_of_any_size(tmp_path) -> None:
    overrides = {
        **{f"parts.{part}.options.width": 8 for part in ("encoder", "decoder", "compositor")},
        "players.compositor.start": 1,
    }
    data = {"train": 60, "valid": 10, "test": 10}
    run = attredit.train(
        method="ifcvaegan", preset="photo", attributes=["Smiling"], image_size=32, steps=4, batch_size=8,
        frame="none", data_options=data, overrides=overrides, run_dir=tmp_path / "run",
    )  # fmt: skip
    said = (run / "metrics.jsonl").read_text()
    assert "compositor/restored" in said
    assert "autoencoder/rec_undone" in said
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8))
    editor = attredit.load(run, "cpu")
    assert editor.model.parts["compositor"].drawn.weight.any()  # it began at zero
    assert editor.edit(picture, Smiling=1).size == picture.size
