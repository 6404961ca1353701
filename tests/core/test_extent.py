"""Where an edit belongs of which styles are kept: a decoder that draws each style in other places."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from attredit.attributes import AttributeSchema
from attredit.editing.model import STYLES, Model
from attredit.networks import Code

SIZE, SCHEMA = 32, AttributeSchema.of_binary(["Glasses", "Hat"])
RIMS, LENSES, HAIR = slice(4, 8), slice(8, 12), slice(18, 22)
KEPT, OWN, NONE = 1.0, 2.0, 3.0


class Drawing(nn.Module):
    """Kept styles are drawn as rims and lenses, the image's own as faint rims and hair; a hat is the last rows."""

    def forward(self, z, attrs, code):
        images = torch.full((len(z), 1, SIZE, SIZE), 0.2)
        for image, style, (glasses, hat) in zip(images, z[:, 1], attrs, strict=True):
            if glasses > 0.5 and style != NONE:
                image[:, RIMS] = 0.9 if style == KEPT else 0.3
                image[:, LENSES if style == KEPT else HAIR] = 0.9
            if hat > 0.5:
                image[:, -4:] = 0.9
        return images.logit()


@pytest.fixture
def model():
    parts = {"encoder": nn.Identity(), "decoder": Drawing()}
    model = Model(parts, SCHEMA, latent_dim=1, style_dim=1, decode_with="predicted")
    model.known.styles = torch.full((2, STYLES, 1), KEPT)
    model.known.count = torch.tensor([STYLES, 0])
    return model


def change(model, changes, glasses=1.0):
    """(H,) of an image with glasses, or surely without, and no hat."""
    z = torch.tensor([[0.0, OWN, 0.0]])
    attrs = torch.tensor([[20.0 * glasses - 10.0, -10.0]])
    code = Code(z, None, attrs, z=z, labels=torch.tensor([[glasses, 0.0]]))
    return model.edit(code, changes).change[0, 0, :, 0]


def test_what_is_surely_not_there_is_not_taken_off(model):
    assert not change(model, {"Glasses": 0}, glasses=0.0).any()
    found = change(model, {"Glasses": 0, "Hat": 1}, glasses=0.0)
    assert found[-4:] == pytest.approx(0.7)
    assert not found[:-4].any()


def test_where_kept_styles_show_nothing_the_own_one_does(model):
    model.known.styles.fill_(NONE)
    assert change(model, {"Glasses": 0})[HAIR] == pytest.approx(0.7)


def test_what_is_taken_off_was_where_kept_styles_would_be(model):
    found = change(model, {"Glasses": 0})
    assert found[RIMS] == pytest.approx(0.7)  # as kept styles change them; its own are hardly seen
    assert found[LENSES] == pytest.approx(0.7)
    assert found[HAIR] == pytest.approx(0.0)  # no style of glasses is there


def test_what_else_is_edited_shows_where_it_is(model):
    found = change(model, {"Glasses": 0, "Hat": 1})
    assert found[LENSES] == pytest.approx(0.7)
    assert found[-4:] == pytest.approx(0.7)


def put_on(model, changes, **how):
    """(H,) of an image without glasses and without a hat."""
    z = torch.tensor([[0.0, OWN, 0.0]])
    code = Code(z, None, torch.tensor([[-5.0, -5.0]]), z=z, labels=torch.tensor([[0.0, 0.0]]))
    return model.edit(code, changes, **how).change[0, 0, :, 0]


def test_what_is_put_on_is_where_it_is_drawn(model):
    found = put_on(model, {"Glasses": 1})
    assert found[RIMS] == pytest.approx(0.7)  # in the first kept style
    assert found[HAIR] == pytest.approx(0.0)


def test_what_a_style_changes_elsewhere_is_not_put_on(model):
    z = torch.tensor([[0.0, OWN, 0.0]])
    found = put_on(model, {"Glasses": 1}, like=Code(z, None, None, z=z))
    assert found[RIMS] == pytest.approx(0.1)  # as faint as this style draws them
    assert found[HAIR] == pytest.approx(0.0)
    assert put_on(model, {"Glasses": 1, "Hat": 1}, like=Code(z, None, None, z=z))[-4:] == pytest.approx(0.7)


def test_taking_one_off_and_putting_another_on_shows_both(model):
    model.known.count[1] = STYLES
    found = change(model, {"Glasses": 0, "Hat": 1})
    assert found[LENSES] == pytest.approx(0.7)
    assert found[-4:] == pytest.approx(0.7)
    assert found[HAIR] == pytest.approx(0.0)


@pytest.mark.parametrize("reach", [None, 4])
def test_what_is_taken_off_reaches_as_far_beyond_what_is_drawn_as_the_compositor_says(model, reach):
    beyond = 0
    if reach is not None:
        model.parts["compositor"], beyond = nn.Identity(), reach * SIZE // 64
        model.parts["compositor"].reach = reach
    off, on = change(model, {"Glasses": 0}), change(model, {"Glasses": 1}, glasses=0.0)
    first, last = RIMS.start, LENSES.stop
    assert (off > 0).nonzero().flatten().tolist() == list(range(first - beyond, last + beyond))
    assert (on > 0).nonzero().flatten().tolist() == list(range(first, last))


def test_what_changes_where_images_vary_anyway_counts_for_less(model):
    """Two bands change as much; in one of them, images vary twice as much as in the other."""
    model.known.varied[:8], model.known.varied[8:] = 0.1, 0.2
    before, after = torch.zeros(2, 1, SIZE, SIZE), torch.zeros(2, 1, SIZE, SIZE)
    after[:, :, :8], after[:, :, -8:] = 0.4, 0.4
    after[1] *= 0.5
    found = model.change(before, after)[:, 0, :, 0]
    there = (16 * 0.1 + 4 * 0.2) / (16 + 4)  # changes in deviations, squared, say where the edit is
    for image, size in zip(found, (0.4, 0.2), strict=True):
        assert image[:8] == pytest.approx(size)
        assert image[-8:] == pytest.approx(size * (2 * (there / 0.2) ** 2) ** 4, rel=1e-3)
        assert not image[8:-8].any()


def test_where_images_vary_everywhere_alike_all_that_changes_counts(model):
    model.known.varied.fill_(0.3)
    after = torch.rand(2, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.change(0 * after, after), after)
    assert not model.change(after, after).any()
    model.known.varied.fill_(0.0)  # one image, again and again
    torch.testing.assert_close(model.change(0 * after, after), after)


def test_an_edit_that_is_only_where_images_vary_most_is_as_large_as_it_was(model):
    model.known.varied[8:] = 9.0
    after = torch.zeros(1, 1, SIZE, SIZE)
    after[..., 20:, :] = 0.3
    torch.testing.assert_close(model.change(0 * after, after), after, rtol=1e-3, atol=1e-6)


def test_unrest_where_images_never_vary_takes_nothing_from_what_has_many_colours(model):
    """A thing of many colours, photographed on white: where it is, images vary because of what is edited."""
    model.known.varied.fill_(0.005)
    model.known.varied[6:10, 6:10] = 0.3
    after = torch.full((1, 1, SIZE, SIZE), 0.02)
    after[..., 13:19, 13:19] = 0.6
    found = model.change(0 * after, after)
    assert found[..., 13:19, 13:19].min() == pytest.approx(0.6)
