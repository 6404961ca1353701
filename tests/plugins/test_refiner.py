"""The compositor that learns, and the edits of which the truth is known."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from one_step import SEED, SIZE, B, recipe_of

from attredit.attributes import Attribute, AttributeSchema
from attredit.editing.composite import change_of, edit_mask, fitted
from attredit.editing.model import Model
from attredit.errors import UsageError
from attredit.plugin.registry import installed
from attredit.rows import Slice
from attredit.training.players import build
from attredit.training.view import BatchView
from attredit_networks.refiner import Refiner, refine

SCHEMA = AttributeSchema((Attribute("Smiling"), Attribute("Hat")))
SMALL = {
    "parts.encoder.options.width": 4, "parts.decoder.options.width": 4, "parts.factorizer.options.width": 6,
    "parts.encoder.options.components": 8, "parts.decoder.options.components": 8, "parts.compositor.options.width": 8,
}  # fmt: skip


def drawn(seed, channels=3, size=SIZE):
    return torch.rand(4, channels, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def view():
    recipe = recipe_of("ifcvaegan", "photo", **SMALL)
    torch.manual_seed(0)
    parts = build(installed(), recipe, SCHEMA, channels=3, image_size=SIZE).parts
    labels = torch.arange(2 * B).view(B, 2) // 2 % 2
    return BatchView(Model.of(recipe, parts, SCHEMA), drawn(1)[:1].expand(B, -1, -1, -1).contiguous(), labels,
                     rows=Slice(0, B, B), seed=SEED, step=0)  # fmt: skip


def noisy(module):
    """One whose last layer draws something."""
    torch.nn.init.normal_(module.last.weight, std=0.3, generator=torch.Generator().manual_seed(2))
    return module


def test_it_begins_as_a_blend_in_the_edits_place():
    images, before, after = drawn(0), drawn(1), drawn(2)
    change = torch.zeros(4, 1, SIZE, SIZE)
    change[..., 4:9, 4:9] = 0.5
    edited = Refiner(3, SIZE, 2, width=8)(images, before, after, change, torch.ones(4, 2))
    mask = edit_mask(change)
    expected = (images + mask * (fitted(images, before, after, change) - images)).clamp(0, 1)
    torch.testing.assert_close(edited, expected)
    assert torch.equal(edited[(mask == 0).expand_as(edited)], images[(mask == 0).expand_as(edited)])


def test_nothing_of_the_image_is_seen_where_the_edit_is():
    torch.manual_seed(0)
    network, seen = noisy(Refiner(3, SIZE, 2, width=8)), []
    network.down[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    change = torch.ones(4, 1, SIZE, SIZE)
    fine = 0.02 * (torch.arange(SIZE) % 2 - 0.5)  # what a blend that fits colours cannot tell from noise
    for images in (0.5 + 0 * drawn(0), 0.5 + fine + 0 * drawn(0)):
        network(images, 0.5 + 0 * drawn(1), drawn(2), change, torch.ones(4, 2))
    torch.testing.assert_close(seen[0], seen[1], atol=2e-3, rtol=0)


def test_of_larger_and_grey_pictures_the_same_edit():
    torch.manual_seed(0)
    network, change = noisy(Refiner(3, SIZE, 2, width=8)), torch.zeros(4, 1, SIZE, SIZE)
    change[..., 4:9, 4:9] = 0.5
    images, before, after, attrs = 0.5 + 0 * drawn(0), drawn(1), drawn(2), torch.ones(4, 2)
    small = network(images, before, after, change, attrs)
    large = network(F.interpolate(images, scale_factor=2.0), before, after, change, attrs)
    enlarged = F.interpolate(small - images, scale_factor=2.0, mode="bilinear", antialias=True)
    torch.testing.assert_close(large, (0.5 + enlarged).clamp(0, 1), atol=1e-5, rtol=0)
    grey = network(images[:, :1], before, after, change, attrs)
    torch.testing.assert_close(grey, small.mean(1, keepdim=True))


def test_it_draws_what_it_is_told_that_there_is():
    """Of blurred noise the truth is light where an attribute is, and dark where it is not."""
    torch.manual_seed(0)
    network = Refiner(3, SIZE, 1, width=8)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    change, attrs = torch.ones(4, 1, SIZE, SIZE), torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    truth = (0.25 + 0.5 * attrs)[:, :, None, None]
    for step in range(150):
        shown = 0.5 + 0.1 * (drawn(step) - 0.5)
        missed = (network(0.5 + 0 * shown, shown, shown, change, attrs) - truth).abs().mean()
        optimizer.zero_grad()
        missed.backward()
        optimizer.step()
    shown = 0.5 + 0.1 * (drawn(1000) - 0.5)
    dark, light = (network(0.5 + 0 * shown, shown, shown, change, torch.full((4, 1), v)).mean() for v in (0.0, 1.0))
    assert dark < 0.35
    assert light > 0.65


def test_reconstructions_stand_in_for_images_where_the_edit_would_be(view):
    images, edit = view.known_edit("recomposed")
    assert images is view.real or torch.equal(images, view.real)
    assert torch.equal(edit.before, view.images("reconstruction"))
    assert torch.equal(edit.after, edit.before)
    assert torch.equal(edit.change, change_of(view.images("reconstruction"), view.images("edited")))
    assert torch.equal(edit.attrs, view.targets)
    assert not any(part.requires_grad for part in edit)
    expected = view.part("compositor")(images, *edit)
    assert torch.equal(view.images("recomposed"), expected)


def test_undone_edits_are_brought_back_into_edited_images(view):
    images, edit = view.known_edit("restored")
    assert torch.equal(images, view.images("composite"))
    assert torch.equal(edit.after, view.images("undone"))
    code = view.model.parts["encoder"](images, None)
    has = view.edited_targets
    before = view.model.draw(code.mean, has, code._replace(labels=has))
    torch.testing.assert_close(edit.before, before)
    assert torch.equal(edit.change, change_of(edit.after, edit.before))
    assert torch.equal(edit.attrs, view.targets)


@pytest.mark.parametrize("of", ["recomposed", "restored"])
def test_the_loss_written_out(view, of):
    noisy(view.part("compositor"))
    made, mask = view.images(of).detach(), edit_mask(view.known_edit(of)[1].change)
    missed, total = made - view.real, 0.0

    def here(n, y, x):
        """Of a pixel's differences from those below and to the right, the truth's and the made ones'."""
        found = []
        for images in (view.real, made):
            below = images[n, :, y + 1, x] - images[n, :, y, x] if y + 1 < SIZE else torch.zeros(3)
            right = images[n, :, y, x + 1] - images[n, :, y, x] if x + 1 < SIZE else torch.zeros(3)
            found.append((below, right))
        return found

    for n in range(B):
        mine = 0.0
        for y in range(SIZE):
            for x in range(SIZE):
                if mask[n, 0, y, x] > 0:
                    mine += float(missed[n, :, y, x].abs().mean())
                    for true, other in zip(*here(n, y, x), strict=True):
                        mine += 3.0 * float((other - true).abs().mean())
        total += mine / max(1.0, float(mask[n].sum())) / B
    loss = refine(view, of, steps=3.0, detail=0.0)
    assert float(loss.detach()) == pytest.approx(total, rel=1e-4)
    reached = torch.autograd.grad(loss, list(view.model.parameters()), allow_unused=True)
    named = zip(view.model.named_parameters(), reached, strict=True)
    assert {name.split(".")[1] for (name, _), gradient in named if gradient is not None} == {"compositor"}


def test_detail_counts_as_much_as_there_is_wherever_it_is(view, monkeypatch):
    """Fine stripes miss as much of none as of the same stripes moved by a pixel, but not of their detail."""
    stripes = 0.5 + 0.2 * (torch.arange(SIZE) % 2 - 0.5).expand(B, 3, SIZE, SIZE)
    moved, none, everywhere = stripes.roll(1, 3), 0.0 * stripes + 0.5, torch.ones(B, 1, SIZE, SIZE)
    edit = view.known_edit("recomposed")[1]._replace(change=everywhere)
    monkeypatch.setattr(view, "known_edit", lambda of: (stripes, edit))
    view.real = stripes
    lacking = {}
    for name, made in {"moved": moved, "none": none}.items():
        monkeypatch.setattr(view, "images", lambda of, made=made: made)
        lacking[name] = float(refine(view, steps=0.0, detail=1.0)) - float((made - stripes).abs().mean())
    assert lacking["moved"] == pytest.approx(0.0, abs=1e-3)
    assert lacking["none"] > 0.15


def test_sizes_that_cannot_be_halved_three_times_are_refused():
    with pytest.raises(UsageError, match="divisible by 8, not 12"):
        Refiner(3, 12, 1)
