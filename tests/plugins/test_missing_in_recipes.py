"""Missing labels in every shipped recipe: no term becomes NaN, and those of labels are those of the labelled images."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import example, given, settings, strategies as st
from one_step import METHODS, SEED, SIZE, narrow
from torch import Tensor, nn

from attredit.attributes import MISSING, Attribute, AttributeSchema
from attredit.editing.model import Model
from attredit.plugin.registry import bare, installed
from attredit.recipe import Recipe, resolve
from attredit.rows import Slice, noise
from attredit.training.players import ActivePlayer, Built, build
from attredit.training.view import BatchView

B = 6
ONE = AttributeSchema.of_binary(["Smiling"])
HAIR = AttributeSchema((Attribute("Smiling"), Attribute("Hair", ("black", "red", "blond"))))
LABELS = torch.tensor([[0, 0], [1, 1], [0, 2], [1, 0], [1, 1], [0, 2]])
ALL, NONE = [(False, False)] * B, [(True, True)] * B
MASKS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=B, max_size=B)
# What reads labels, beside the networks that are told them.
OF_LABELS = {"class", "class_rec", "class_edit", "penalty", "fit", "match_classes", "attribute_vectors"}
STRATEGIES = ("minimax", "confusion", "flip", "entropy", "none")
FACTORIZERS = [(f"ifcvaegan with {f}", {"parts.factorizer.use": f}) for f in STRATEGIES]
MODELS = [(f"{m}:{p}", m, p, {}) for m, p in METHODS] + [(n, "ifcvaegan", "conv", o) for n, o in FACTORIZERS]


class Some(BatchView):
    """Some rows of a batch, with the noise that they have there."""

    keep = slice(None)

    def noise(self, name: str, shape: tuple[int, ...]) -> Tensor:
        return noise(self.seed, self.step, name, (B, *shape))[self.keep]


def made(method: str, preset: str, schema: AttributeSchema, more: dict[str, Any]) -> tuple[Recipe, Built]:
    recipe = resolve(installed(), method, preset, {**narrow(method, preset), **more})
    torch.manual_seed(0)
    return recipe, build(installed(), recipe, schema, channels=3, image_size=SIZE)


def view_of(recipe: Recipe, built: Built, schema: AttributeSchema, labels: Tensor, keep: Any = slice(None)) -> Some:
    images = torch.rand(B, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))[keep]
    rows = Slice(0, len(images), len(images))
    model = Model.of(recipe, built.parts, schema)
    found = Some(model, images, labels[keep], rows=rows, seed=SEED, step=0)
    found.keep = keep
    return found


def of_labels(player: ActivePlayer) -> list[str]:
    """Its terms that are of labels alone."""
    return [
        name
        for name, term in player.spec.terms.items()
        if bare(term.use) in OF_LABELS and term.options.get("target") != "predicted"
    ]


def gradients(value: Tensor, parts: nn.ModuleDict) -> dict[str, Tensor]:
    weights = dict(parts.named_parameters())
    if not value.requires_grad:
        return {}
    found = torch.autograd.grad(value, list(weights.values()), retain_graph=True, allow_unused=True)
    return {name: grad for name, grad in zip(weights, found, strict=True) if grad is not None}


@pytest.mark.parametrize(("method", "preset", "more"), [m[1:] for m in MODELS], ids=[m[0] for m in MODELS])
def test_no_term_and_no_gradient_becomes_nan(method: str, preset: str, more: dict[str, Any]) -> None:
    recipe, built = made(method, preset, HAIR, more)

    @settings(max_examples=4, deadline=None)
    @given(MASKS)
    @example(ALL)
    @example(NONE)
    def check(masks: list[tuple[bool, bool]]) -> None:
        view = view_of(recipe, built, HAIR, LABELS.masked_fill(torch.tensor(masks), MISSING))
        for player in built.players:
            for name, term in player.terms.items():
                value = term(view)
                assert value.isfinite(), f"{player.name}/{name}"
                for weight, grad in gradients(value, built.parts).items():
                    assert grad.isfinite().all(), f"{player.name}/{name}: {weight}"

    check()


@pytest.mark.parametrize(("method", "preset", "more"), [m[1:] for m in MODELS], ids=[m[0] for m in MODELS])
def test_terms_of_labels_are_those_of_the_images_that_have_one(method: str, preset: str, more: dict[str, Any]) -> None:
    """Dropping the others by hand changes neither their values nor their gradients."""
    labels, keep = LABELS[:, :1].clone(), torch.tensor([0, 1, 2, 4])
    labels[[3, 5]] = MISSING
    (recipe, ours), (_, theirs) = (made(method, preset, ONE, more) for _ in range(2))
    # Batch statistics are of all images that are there, with labels or without.
    ours.parts.eval(), theirs.parts.eval()
    for built in (ours, theirs):
        if "factorizer" in built.parts:
            built.parts["factorizer"].normalize = False
    view, dropped = view_of(recipe, ours, ONE, labels), view_of(recipe, theirs, ONE, labels, keep)
    assert (view.missing, dropped.missing) == (True, False)
    compared = 0
    for one, other in zip(ours.players, theirs.players, strict=True):
        for name in of_labels(one):
            mine, wanted = one.terms[name](view), other.terms[name](dropped)
            torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")
            found, expected = gradients(mine, ours.parts), gradients(wanted, theirs.parts)
            assert found.keys() == expected.keys(), name
            for weight, grad in found.items():
                torch.testing.assert_close(
                    grad, expected[weight], rtol=1e-3, atol=1e-6, msg=lambda m, n=name, w=weight: f"{n}, {w}: {m}"
                )
            compared += 1
    # What attribute vectors measure they keep in the decoder.
    for name, buffer in ours.parts.named_buffers():
        torch.testing.assert_close(buffer, dict(theirs.parts.named_buffers())[name], rtol=1e-4, atol=1e-6)
    assert compared


@pytest.mark.parametrize(("method", "preset", "more"), [m[1:] for m in MODELS], ids=[m[0] for m in MODELS])
def test_without_any_label_terms_of_labels_are_zero(method: str, preset: str, more: dict[str, Any]) -> None:
    recipe, built = made(method, preset, HAIR, more)
    view = view_of(recipe, built, HAIR, torch.full_like(LABELS, MISSING))
    for player in built.players:
        for name in of_labels(player):
            value = player.terms[name](view)
            assert not value.any(), name
            assert not any(grad.any() for grad in gradients(value, built.parts).values()), name


@pytest.mark.parametrize(("method", "preset", "more"), [m[1:] for m in MODELS], ids=[m[0] for m in MODELS])
def test_expecting_missing_labels_changes_no_bit_where_there_are_none(
    method: str, preset: str, more: dict[str, Any]
) -> None:
    found = []
    for missing in (False, True):
        recipe, built = made(method, preset, HAIR, more)
        view = view_of(recipe, built, HAIR, LABELS)
        view.missing = missing
        torch.manual_seed(3)
        values = {f"{p.name}/{n}": term(view) for p in built.players for n, term in p.terms.items()}
        found.append((values, {name: gradients(value, built.parts) for name, value in values.items()}))
    for name, value in found[0][0].items():
        assert torch.equal(value, found[1][0][name]), name
        assert found[0][1][name].keys() == found[1][1][name].keys()
        for weight, grad in found[0][1][name].items():
            assert torch.equal(grad, found[1][1][name][weight]), (name, weight)
