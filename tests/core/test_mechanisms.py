"""What recipes and networks may say that no shipped method does: each mechanism by a plugin that uses it."""

from __future__ import annotations

import sys
import types
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit import AttributeSchema, Code, Optimizer, Part, Player, Recipe, Term, UsageError, Verdict, hookimpl
from attredit.editing.blending import blend
from attredit.editing.composite import Blend, blend_batch
from attredit.editing.model import Model
from attredit.plugin.registry import Registry, installed
from attredit.rows import Slice
from attredit.training.losses import class_, rec_, rec_edited_
from attredit.training.players import build, play
from attredit.training.view import BatchView

SCHEMA = AttributeSchema.of_binary(["Hat", "Smiling"])
SIZE = 32
PIXELS = 3 * SIZE**2


class Styled(nn.Module):
    """A content of three and two numbers of style an attribute, told by the first and the last of an image's pixels."""

    def __init__(self, *, schema: AttributeSchema, style_dim: int = 0) -> None:
        super().__init__()
        self.names, self.styles = schema.names, style_dim * len(schema)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor, labels: Tensor | None) -> Code:
        flat = self.scale * images.flatten(1)
        mean = torch.cat([flat[:, :3], flat[:, flat.shape[1] - self.styles :]], 1)
        return Code(mean, torch.full_like(mean, -20.0), flat[:, : len(self.names)] - 0.5)


class Linear(nn.Module):
    """Latent and binary attributes to logits."""

    def __init__(self, *, latent_dim: int, attr_dim: int, style_dim: int = 0) -> None:
        super().__init__()
        self.layer = nn.Linear(latent_dim + style_dim * attr_dim + attr_dim, PIXELS)

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None = None) -> Tensor:
        logits: Tensor = self.layer(torch.cat([z, attrs], 1)).view(-1, 3, SIZE, SIZE)
        return logits


class Judge(nn.Module):
    """A discriminator whose gradient has a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(PIXELS, 1)

    def forward(self, images: Tensor) -> Verdict:
        return Verdict(self.layer(images.flatten(1)).square())


class Pairs(nn.Module):
    """No contract: two batches to a number for each pair."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2 * PIXELS, 1)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        said: Tensor = self.layer(torch.cat([one.flatten(1), other.flatten(1)], 1))
        return said


class Tint(nn.Module):
    """A compositor that adds the change, as strongly as it has learnt to."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, images: Tensor, before: Tensor, after: Tensor, change: Tensor, attrs: Tensor) -> Tensor:
        change = nn.functional.interpolate(after - before, size=images.shape[-2:], mode="bilinear")
        return (images + self.gain * change).clamp(0.0, 1.0)


def penalty(view: BatchView) -> Tensor:
    """Half the squared gradient of the verdict on images between real and edited ones."""
    between = (0.5 * (view.real + view.images("edited").detach())).requires_grad_()
    (slope,) = torch.autograd.grad(view.verdict("judge", between).realness.sum(), between, create_graph=True)
    return 0.5 * slope.flatten(1).square().sum(1).mean()


def paired(view: BatchView) -> Tensor:
    return view.ask("pairs", view.real, view.images("composite")).square().mean()


def finest(view: BatchView) -> Tensor:
    """Zero, if the view has images twice as fine."""
    assert view.full.shape[-1] == 2 * view.real.shape[-1]
    return (nn.functional.avg_pool2d(view.full, 2) - view.real).abs().mean() + 0 * view.images("reconstruction").mean()


RECIPE = Recipe(
    latent_dim=3,
    style_dim=2,
    parts={
        "encoder": Part(use="styled"),
        "decoder": Part(use="linear"),
        "judge": Part(use="judge"),
        "pairs": Part(use="pairs", kind="network"),
        "compositor": Part(use="tint"),
    },
    players={
        "autoencoder": Player(trains=("encoder", "decoder"), terms={"rec": Term(), "class": Term()}, every=2),
        "judge": Player(trains=("judge",), terms={"penalty_": Term()}, repeats=3, fresh=True),
        "pairs": Player(
            trains=("pairs", "compositor"), terms={"paired": Term()}, optimizer=Optimizer(name="sgd", lr=1.0)
        ),
    },
    keeps=("pairs",),
    styles="batch",
)
FINE = RECIPE.model_copy(
    update={
        "detail": 2,
        "players": {"autoencoder": Player(trains=("encoder", "decoder"), terms={"finest": Term(), "rec": Term()})},
    }
)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    module: Any = types.ModuleType("attredit_mechanisms")
    module.attredit_api = 1
    for thing in (Styled, Linear, Judge, Pairs, Tint, penalty, paired, finest):
        setattr(module, thing.__name__, thing)
    module.RECIPE, module.FINE = RECIPE, FINE
    registered = {
        "encoders": {"styled": "Styled"}, "decoders": {"linear": "Linear"}, "discriminators": {"judge": "Judge"},
        "networks": {"pairs": "Pairs"}, "compositors": {"tint": "Tint"}, "methods": {"mechanical": "RECIPE"},
        "terms": {"penalty_": "penalty", "paired": "paired", "finest": "finest"},
    }  # fmt: skip
    for kind, things in registered.items():

        def hook(register: Any, things: dict[str, str] = things, kind: str = kind) -> None:
            presets = {"fine": "attredit_mechanisms:FINE"} if kind == "methods" else None
            for name, target in things.items():
                register(name, f"attredit_mechanisms:{target}", **({"presets": presets} if presets else {}))

        hook.__name__ = f"register_{kind}"
        setattr(module, f"register_{kind}", hookimpl(specname=f"register_{kind}")(hook))
    monkeypatch.setitem(sys.modules, "attredit_mechanisms", module)
    info = installed().add(EntryPoint("mechanisms", "attredit_mechanisms", "attredit"))
    assert not info.error, info.error
    yield installed()
    installed.cache_clear()


def view_of(model: Model, step: int = 0, count: int = 6) -> BatchView:
    generator = torch.Generator().manual_seed(step)
    images = torch.rand(count, 3, SIZE, SIZE, generator=generator)
    labels = torch.tensor([[0, 1], [1, 0]] * (count // 2))
    return BatchView(model, images, labels, rows=Slice(0, count, count), seed=0, step=step)


def made(registry: Registry) -> tuple[Any, Model]:
    torch.manual_seed(0)
    built = build(registry, RECIPE, SCHEMA, channels=3, image_size=SIZE)
    return built, Model.of(RECIPE, built.parts, SCHEMA)


def test_parts_are_of_the_kind_that_they_say(registry: Registry) -> None:
    assert [RECIPE.kind_of(name) for name in RECIPE.parts] == [
        "encoder", "decoder", "discriminator", "network", "compositor",
    ]  # fmt: skip
    assert RECIPE.edits_with == ("encoder", "decoder", "compositor", "pairs")
    built, _ = made(registry)
    assert built.parts["encoder"].names == SCHEMA.names


def test_a_run_keeps_what_the_recipe_says_and_is_edited_with_it(registry: Registry, request_for: Any) -> None:
    from attredit import load, train

    request = request_for(method="mechanical", image_size=SIZE, attributes=("Smiling", "Male"), steps=4)
    editor = load(train(request.replaced(overrides={})), "cpu")
    assert set(editor.model.parts) == {"encoder", "decoder", "compositor", "pairs"}
    assert editor.model.slices == {"Smiling": slice(3, 5), "Male": slice(5, 7)}
    picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    other = np.random.default_rng(1).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    own, like = editor.edit(picture, Smiling=1), editor.edit(picture, Smiling=1, like=other)
    assert own.size == like.size == (20, 20)
    assert np.asarray(own).tobytes() != np.asarray(like).tobytes()


@pytest.mark.parametrize("styles", ["batch", "prior", "own"])
def test_styles_of_changed_attributes_are_another_images_a_samples_or_their_own(
    styles: str, registry: Registry
) -> None:
    _, model = made(registry)
    model.styles = styles
    view = view_of(model, count=24)
    assert view.latent().shape == (24, 7)
    assert torch.equal(view.z(), view.latent()[:, :3])
    seen: list[Tensor] = []
    model.parts["decoder"].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    view.logits("edited")
    changed = (view.edited_labels != view.labels).repeat_interleave(2, 1)
    z = view.latent()
    others = {"batch": z.roll(1, 0), "prior": view.latent("prior"), "own": z}[styles]
    assert changed.any()
    assert not changed.all()
    # A changed hat is as the recipe says; everything else is the image's own.
    assert torch.equal(seen[0][:, :3], z[:, :3])
    assert torch.equal(seen[0][:, 3:], torch.where(changed, others[:, 3:], z[:, 3:]))


def test_an_edit_is_undone_from_its_own_image_with_the_batchs_styles(registry: Registry) -> None:
    _, model = made(registry)
    view, seen, shown = view_of(model, count=24), list[Tensor](), list[Tensor]()
    view.images("composite")
    model.parts["decoder"].register_forward_pre_hook(lambda _, given: seen.extend(given[:2]))
    model.parts["encoder"].register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    z, attrs, logits = view.latent(), view.targets, view.logits("undone")
    # The content is that of the edit, seen as an image: nothing reaches what drew it.
    edit = view.images("composite")
    assert not shown[0].requires_grad
    assert torch.equal(shown[0], edit)
    assert torch.allclose(seen[0][:, :3], model.parts["encoder"](edit, None).mean[:, :3], atol=1e-3)
    assert not torch.allclose(seen[0][:, :3], z[:, :3], atol=1e-2)
    # The styles are the batch's, and the labels, too.
    assert torch.equal(seen[0][:, 3:], z[:, 3:])
    assert torch.equal(seen[1], attrs)
    per_pixel = F.binary_cross_entropy_with_logits(logits, view.real, reduction="none")
    torch.testing.assert_close(rec_(view, of="undone"), per_pixel.sum((1, 2, 3)).mean() / SIZE**2)
    torch.testing.assert_close(rec_edited_(view, of="undone"), (per_pixel * view.mask).sum((1, 2, 3)).mean() / SIZE**2)


def test_edits_take_styles_from_other_images_or_from_those_that_are_kept(registry: Registry) -> None:
    _, model = made(registry)
    code = model.encode(view_of(model, count=24).real)
    other = code._replace(z=code.z.flip(0))

    def expected(hat: Tensor) -> Tensor:
        z = torch.cat([code.z[:, :3], hat, code.z[:, 5:]], 1)
        return model.draw(z, model.changed(code, {"Hat": 1}), code)

    assert torch.equal(model.decode(code, Hat=1, like=other), expected(other.z[:, 3:5]))
    assert torch.equal(model.decode(code, Hat=1), expected(code.z[:, 3:5]))
    assert model.content(code).mean.shape == (24, 3)
    with pytest.raises(UsageError, match="no style 1"):
        model.decode(code, Hat=1, style=1)
    model.known.styles[0, :2], model.known.count[0] = torch.tensor([[5.0, 6.0], [7.0, 8.0]]), 2
    has = code.labels[:, :1] > 0.5
    assert has.any()
    assert not has.all()
    # Who has a hat keeps it, unless another is asked for.
    first = torch.tensor([[5.0, 6.0]])
    assert torch.equal(model.decode(code, Hat=1), expected(torch.where(has, code.z[:, 3:5], first)))
    assert torch.equal(model.decode(code, Hat=1, style=2), expected(torch.tensor([[7.0, 8.0]]).expand(24, 2)))
    with pytest.raises(UsageError, match="no style 3"):
        model.decode(code, Hat=1, style=3)


def test_networks_without_styles_are_refused_where_there_are_some(registry: Registry) -> None:
    recipe = RECIPE.model_copy(update={"parts": {**RECIPE.parts, "encoder": Part(use="conv")}})
    with pytest.raises(UsageError, match="encoder 'conv' knows no styles"):
        build(registry, recipe, SCHEMA, channels=3, image_size=SIZE)


def test_players_take_turns_and_repeats_may_draw_anew(registry: Registry) -> None:
    plays = [[p for p in RECIPE.players if RECIPE.players[p].plays(step)] for step in range(3)]
    assert plays == [["judge", "pairs"], ["autoencoder", "judge", "pairs"], ["judge", "pairs"]]
    _, model = made(registry)
    view = view_of(model)
    samples = [view.z("prior"), *(view.renewed(("judge",), fresh=again).z("prior") for again in (1, 2))]
    assert len({sample.sum().item() for sample in samples}) == 3
    assert torch.equal(view.renewed(("judge",)).z("prior"), samples[0])


def test_a_gradient_penalty_has_the_second_derivative_that_one_works_out(registry: Registry) -> None:
    built, model = made(registry)
    view = view_of(model)
    judge = next(player for player in built.players if player.name == "judge")
    play(view, [judge], 10)
    # The verdict is (w x + b) squared, so its slope is 2 (w x + b) w, and half its square 2 (w x + b)^2 |w|^2.
    weight, bias = (p.detach().clone().requires_grad_() for p in model.parts["judge"].layer.parameters())
    between = (0.5 * (view.real + view.images("edited"))).detach().flatten(1)
    (2 * ((between @ weight.T + bias).square() * weight.square().sum())).mean().backward()
    layer = model.parts["judge"].layer
    torch.testing.assert_close(layer.weight.grad, weight.grad)
    torch.testing.assert_close(layer.bias.grad, bias.grad)
    assert all(p.grad is None for p in model.parts["decoder"].parameters())


def test_a_compositor_learns_and_any_image_is_shown_to_any_part(registry: Registry) -> None:
    built, model = made(registry)
    view = view_of(model)
    play(view, [p for p in built.players if p.name == "pairs"], 10)
    assert model.parts["compositor"].gain.grad is not None
    before, after = view.images("reconstruction"), view.images("edited")
    expected = (view.real + 0.5 * (after - before)).clamp(0, 1)
    torch.testing.assert_close(view.images("composite"), expected)
    images = torch.rand(6, 3, SIZE, SIZE)
    assert torch.equal(view.verdict("judge", images).realness, model.parts["judge"](images).realness)
    assert torch.equal(view.code(images).mean, model.parts["encoder"](images, None).mean)


def test_without_a_compositor_edits_are_blended_as_ever() -> None:
    images, before, after = torch.rand(3, 2, 3, SIZE, SIZE)
    change, attrs = after[:, :1], torch.ones(2, 1)
    assert torch.equal(Blend()(images, before, after, change, attrs), blend_batch(images, before, after, change))
    picture = torch.rand(1, 3, 30, 20)
    assert Blend()(picture, before[:1], after[:1], change[:1], attrs[:1]).shape == picture.shape


def test_a_compositor_changes_a_pictures_own_pixels_inside_the_frame_alone() -> None:
    from attredit.data.frames import Frame

    generator = np.random.default_rng(0)
    picture, before = generator.random((30, 40, 3), np.float32), np.full((SIZE, SIZE, 3), 0.4, np.float32)
    frame = Frame.within((5, 5, 25, 25))
    with torch.inference_mode():
        edited = blend(picture, before, before + 0.2, 0.2 + 0 * before[..., :1], frame, Tint(), np.ones(1, np.float32))
    assert edited[5:25, 5:25].mean() > picture[5:25, 5:25].mean() + 0.05
    outside = np.ones((30, 40), bool)
    outside[5:25, 5:25] = False
    assert np.array_equal(edited[outside], picture[outside])


def test_finer_images(registry: Registry, request_for: Any) -> None:
    from attredit import load, train
    from attredit.launch import resume
    from attredit.runs.directory import RunDirectory

    request = request_for(method="mechanical", preset="fine", image_size=SIZE, attributes=("Smiling",), steps=2)
    run = train(request.replaced(overrides={}))
    assert [line["autoencoder/finest"] for line in RunDirectory(run).metrics()] == [0.0]
    assert RunDirectory(run).config().image_size == SIZE
    assert load(run, "cpu").edit(np.zeros((SIZE, SIZE, 3), np.uint8), Smiling=1).size == (SIZE, SIZE)
    resume(run, steps=4, device="cpu")
    assert RunDirectory(run).metrics()[-1]["step"] == 4


@pytest.mark.parametrize("ask", ["code", "images", "latent", "logits", "z"])
def test_images_that_there_are_not_are_refused(ask: str, registry: Registry) -> None:
    view = view_of(made(registry)[1])
    with pytest.raises(UsageError, match="'recontruction' images"):
        getattr(view, ask)("recontruction")
    with pytest.raises(UsageError, match="'recontruction' images"):
        view.verdict("judge", "recontruction")  # type: ignore[arg-type]


def test_a_label_head_learns_damaged_images_too(registry: Registry) -> None:
    _, model = made(registry)
    whole = view_of(model)
    damaged = whole.images("damaged")
    assert (damaged != whole.real).flatten(1).any(1).all()
    assert (damaged - whole.real).abs().mean() < 0.3
    torch.testing.assert_close(
        class_(whole, "damaged"), whole.loss(model.code(damaged, None).attrs, whole.targets), rtol=0, atol=0
    )
    assert (view_of(model, 1).images("damaged") != damaged).any()
    # A share of the batch is damaged as it is in the whole.
    share = BatchView(model, whole.real[2:4], whole.labels[2:4], rows=Slice(2, 4, 6), seed=0, step=0)
    torch.testing.assert_close(share.images("damaged"), damaged[2:4])


def test_a_second_strategy_does_not_answer_for_the_first() -> None:
    from attredit_ifcvaegan.adversarial import Confusion, Minimax

    torch.manual_seed(0)
    parts = {"encoder": Styled(schema=SCHEMA), "factorizer": Minimax(latent_dim=3, attr_dim=2, width=4)}
    parts["other"] = Confusion(latent_dim=3, attr_dim=2, schema=SCHEMA, width=4)
    view = view_of(Model(parts, SCHEMA, latent_dim=3))
    first, second = (parts[name].fit(view) for name in ("factorizer", "other"))
    assert first != second
    torch.testing.assert_close(second, view.loss(parts["other"](view.z()), view.targets))
    with pytest.raises(UsageError, match="no part of the recipe"):
        view.part(nn.Identity())
