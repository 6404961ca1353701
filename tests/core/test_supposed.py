"""Requests are believed unless the model is sure, and what is sure is looked up in validation images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from attredit import Attribute, AttributeSchema, Code, Model, Unchanged, UsageError
from attredit.training.settling import settle, sureness, unlike

SCHEMA = AttributeSchema((Attribute("Smiling"), Attribute("Hair", ("black", "brown", "blond"))))


class Told(nn.Module):
    """An encoder whose logits are an image's first pixels; the style of a smile is the next two."""

    def forward(self, images: Tensor, labels: Tensor | None) -> Code:
        flat = images.flatten(1)
        mean = torch.cat([torch.zeros(len(flat), 3), flat[:, 4:8]], 1)
        return Code(mean, None, 20.0 * flat[:, :4] - 10.0)


class Shown(nn.Module):
    """Draws the content, the smile and its style."""

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
        drawn = torch.cat([attrs[:, :1] * (1.0 + z[:, 3:5]), attrs], 1)
        return nn.functional.pad(drawn, (0, 64 - drawn.shape[1])).view(-1, 1, 8, 8)


class Images:
    """A store of images and labels."""

    def __init__(self, images: Tensor, labels: Any) -> None:
        self.pixels, self.labels = (images * 255).round().to(torch.uint8), np.asarray(labels)

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, rows: np.ndarray) -> Tensor:
        return self.pixels[torch.from_numpy(rows)]

    def label_columns(self, names: Any) -> np.ndarray:
        return self.labels[:, [SCHEMA.index(name) for name in names]]


def model() -> Model:
    return Model({"encoder": Told(), "decoder": Shown()}, SCHEMA, latent_dim=3, style_dim=2)


def coded(*logits: tuple[float, float, float, float]) -> tuple[Model, Code]:
    images = torch.zeros(len(logits), 1, 8, 8)
    images.view(len(logits), -1)[:, :4] = (torch.tensor(logits) + 10.0) / 20.0
    made = model()
    return made, made.encode(images)


def smiling(made: Model, code: Code, *more: Any) -> list[float]:
    return made.supposed(code, *more).labels[:, 0].tolist()


def test_an_image_is_taken_not_to_have_what_is_asked_for() -> None:
    made, code = coded((-5, 9, 0, 0), (1, 9, 0, 0), (5, 9, 0, 0))
    assert code.labels[:, 0].tolist() == [0, 1, 1]
    # Log-odds of 1 are no certainty, those of 5 are.
    assert smiling(made, code, {"Smiling": 1}) == [0, 0, 1]
    assert smiling(made, code, {"Smiling": 1.5}) == [0, 0, 1]
    assert smiling(made, code, {"Smiling": 0}) == [0, 1, 1]
    # What lies between the values, and what is asked of others, says nothing.
    assert smiling(made, code, {"Smiling": 0.5}) == [0, 1, 1]
    assert smiling(made, code, {"Hair": "blond"}) == [0, 1, 1]
    assert smiling(made, code, {"Smiling": 1}, {"Smiling": 0}) == [0, 0, 0]
    assert smiling(made, code, {}, {"Smiling": 1}) == [1, 1, 1]
    with pytest.raises(UsageError, match="Unknown attribute 'Smilin'"):
        made.supposed(code, {}, {"Smilin": 1})


def test_of_other_values_the_likeliest_is_taken() -> None:
    made, code = coded((0, 1, 2, 0), (0, 3, 2, 9))
    assert code.labels[:, 1:].tolist() == [[0, 1, 0], [0, 0, 1]]
    assert made.supposed(code, {"Hair": "brown"}).labels[:, 1:].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert made.supposed(code, {"Hair": "blond"}).labels[:, 1:].tolist() == [[0, 1, 0], [0, 0, 1]]


def test_before_and_after() -> None:
    made, code = coded((1, 9, 0, 0), (9, 9, 0, 0))
    before, after, *_ = made.edit(code, {"Smiling": 1})
    changed = (before != after).flatten(1).any(1)
    assert changed.tolist() == [True, False]
    before, after, *_ = made.edit(code, {"Smiling": 1}, given={"Smiling": 0})
    assert (before != after).flatten(1).any(1).all()


def test_sure_is_what_few_images_without_the_value_reach() -> None:
    logits = torch.linspace(-9, 9, 100)
    images = torch.full((100, 1, 8, 8), 0.5)
    images[:, 0, 0, 0] = (logits + 10) / 20
    labels = np.stack([np.tile([0, 1], 50), np.tile([0, -1], 50)], 1)
    found = sureness(model(), Images(images, labels))
    # 2 of 100 that do not smile are read as smiling more surely than the 98th percentile says.
    without = torch.sort((images[::2, 0, 0, 0] * 255).round() / 255 * 20 - 10).values
    assert found[0, 1] == pytest.approx(float(without[49]), abs=0.02)
    assert found[0, 0] == pytest.approx(float(-torch.sort(logits[1::2]).values[0]), abs=0.05)
    # None of the known labels of hair lacks black, and of too few nothing is said.
    assert found[1, 0] == model().known.sure[1, 0]
    assert sureness(model(), Images(images[:30], labels[:30]))[0, 1] == model().known.sure[0, 1]


def test_styles_that_are_kept_are_clear_and_unlike_each_other() -> None:
    looks = torch.tensor([[0.0], [0.1], [5.0], [9.0], [1.0], [2.0]])
    clear, place = torch.tensor([9.0, 8.0, 7.0, -1.0, 0.0, 3.0]), torch.ones(1)
    # The clearer half are the first three; from the clearest on the farthest comes next.
    assert unlike(looks, place, clear, 2).tolist() == [0, 2]
    assert unlike(looks, place, clear, 9).tolist() == [0, 2, 1]
    # Of the two that are as clear, the second is more like the others.
    assert unlike(looks, place, torch.tensor([9.0, 8.8, 7.0, -1.0, 0.0, 3.0]), 9).tolist() == [1, 2, 0]
    assert unlike(looks, place, -clear, 2).tolist()[0] == 3  # none is clear: the least unclear


def test_styles_that_are_kept_differ_where_they_should_and_change_little_elsewhere() -> None:
    clear = torch.tensor([9.0, 8.0, 7.0, 6.0, -1.0, -1.0, -1.0, -1.0])
    looks = torch.tensor([[0.0, 0.0], [3.0, 1.0], [1.0, 9.0], [2.0, 8.0], *[[0.0, 0.0]] * 4])
    # By all that they change the third is least like the first; but most of that is not where it should be.
    assert unlike(looks, torch.ones(2), clear, 9).tolist() == [0, 2, 1, 3]
    assert unlike(looks, torch.tensor([1.0, 0.0]), clear, 9).tolist() == [0, 1]


def test_a_model_is_settled() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(60, 1, 8, 8, generator=generator)
    images[:, 0, 0, :4] = 0.5
    labels = np.stack([np.tile([0, 1], 30), np.zeros(60, int)], 1)
    made = model()
    settle(made, Images(images, labels), None)
    assert made.known.count.tolist() == [15, 0]
    kept = made.known.styles[0, :15]
    own = ((images[1::2] * 255).round() / 255).flatten(1)[:, 4:6]
    assert (kept[:, None] == own).all(2).any(1).all()
    assert len(kept.unique(dim=0)) == 15
    assert made.training
    deviations = ((images * 255).round() / 255).numpy().std(0)[0]
    assert made.known.varied.numpy() == pytest.approx(deviations.repeat(2, 0).repeat(2, 1), abs=1e-6)


def test_an_edit_that_changes_nothing_says_so(request_for: Any) -> None:
    from attredit import load, train

    editor = load(train(request_for()), "cpu")
    picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    with pytest.warns(Unchanged, match="The image .* has Smiling=1 already"):
        same = editor.edit(picture, Smiling=1, given={"Smiling": 1}, output="numpy")
    assert np.array_equal(same, picture)
    with pytest.warns(Unchanged, match="too little"):
        editor.edit(picture, Smiling=1, given={"Smiling": 0}, strength=1e-6)
    with pytest.raises(UsageError, match="More than one"):
        editor.edit(picture, Smiling=1, style=1, styles=2)


def test_edits_go_as_far_as_they_have_to() -> None:
    class From(Shown):
        """Draws a smile, the same one, from some label on."""

        def __init__(self, label: float) -> None:
            super().__init__()
            self.label = label

        def forward(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
            drawn = (attrs[:, :1] - self.label).sign() * 4.0
            # Beside it, what changes in training already, and no more beyond.
            beside = 40.0 * attrs[:, :1].clamp(max=1.0).expand(-1, 31)
            return nn.functional.pad(torch.cat([drawn, beside], 1), (0, 32)).view(-1, 1, 8, 8)

    class Growing(Shown):
        """Goes on changing, and is read more surely."""

        def forward(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
            return nn.functional.pad(4.0 * attrs[:, :1] - 6.0, (0, 63)).view(-1, 1, 8, 8)

    images = torch.full((60, 1, 8, 8), 0.3)
    labels = np.stack([np.tile([0, 1], 30), np.zeros(60, int)], 1)
    for decoder, reach in ((From(1.05), 1.1), (Growing(), 1.0), (From(0.9), 1.0)):
        made = Model({"encoder": Told(), "decoder": decoder}, SCHEMA, latent_dim=3)
        settle(made, Images(images, labels), Images(images, labels))
        assert made.known.reach[0, :2].tolist() == pytest.approx([1.0, reach])
        assert made.known.reach[1].tolist() == [1, 1, 1]
    # What real images are surer of may grow.
    real = images.clone()
    real[1::2, 0, 0, 0] = 0.9
    made = Model({"encoder": Told(), "decoder": Growing()}, SCHEMA, latent_dim=3)
    settle(made, Images(real, labels), Images(real, labels))
    assert made.known.reach[0, 1] == 1.5
    made.known.reach[0, 1] = 1.25
    code = made.encode(images)
    after = made.edit(code, {"Smiling": 1}, strength=2.0, given={"Smiling": 0}).after
    assert torch.equal(after, made.decode(made.supposed(code, {}, {"Smiling": 0}), Smiling=2.5))


def test_each_style_goes_as_far_as_it_has_to() -> None:
    class Faint(Shown):
        """A style of 1 is drawn at once, one of 0 from a label of 1.05 on."""

        def forward(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
            drawn = (attrs[:, :1] - 1.05 + z[:, 3:4]).sign() * 4.0
            return nn.functional.pad(drawn, (0, 63)).view(-1, 1, 8, 8)

    images = torch.full((60, 1, 8, 8), 0.3)
    images[1::2, 0, 0, 4:8] = torch.tensor([1.0, 0.0, 0.0]).repeat(10)[:, None]
    images[1::2, 0, 0, 0] = 0.9  # those that smile are read so
    labels = np.stack([np.tile([0, 1], 30), np.zeros(60, int)], 1)
    made = Model({"encoder": Told(), "decoder": Faint()}, SCHEMA, latent_dim=3, style_dim=2)
    settle(made, Images(images, labels), Images(images, labels))
    count, first = int(made.known.count[0]), made.known.styles[0, :, 0].round()
    assert set(first[:count].tolist()) == {0.0, 1.0}
    reached = [1.0 if style else 1.1 for style in first[:count].tolist()]
    assert made.known.style_reach[0, :count].tolist() == pytest.approx(reached)
    assert made.known.reach[0, 1] == made.known.style_reach[0, 0] == 1.0  # the clearest
    code = made.supposed(made.encode(images[:1]), {}, {"Smiling": 0})
    for number, far in enumerate(reached, 1):
        edit = made.edit(code, {"Smiling": 1}, style=number, given={"Smiling": 0})
        torch.testing.assert_close(edit.after, made.decode(code, {"Smiling": 1}, strength=far, style=number))
