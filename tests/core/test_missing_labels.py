"""A missing label takes no part in any loss, is predicted where networks are told it, and never becomes a NaN.

Losses are held against literal transcriptions that have never heard of missing labels: they drop the entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings, strategies as st
from torch import Tensor, nn

from attredit.attributes import MISSING, Attribute, AttributeSchema
from attredit.editing.model import Model
from attredit.errors import UsageError
from attredit.networks import Code
from attredit.rows import Slice
from attredit.toolkit import ClassMeans
from attredit.training.losses import class_, class_edit_, class_rec_
from attredit.training.view import BatchView

MIXED = AttributeSchema((Attribute("a"), Attribute("hair", ("x", "y", "z")), Attribute("b")))
BINARY = AttributeSchema.of_binary("abc")
SCHEMAS = st.lists(st.integers(2, 4), min_size=1, max_size=4).map(
    lambda sizes: AttributeSchema(tuple(Attribute(f"a{i}", tuple(map(str, range(n)))) for i, n in enumerate(sizes)))
)


@st.composite
def batches(draw: st.DrawFn, least: int = MISSING) -> tuple[AttributeSchema, Tensor, Tensor]:
    """A schema, labels (B, n) of which some are missing, and logits (B, A)."""
    schema, n = draw(SCHEMAS), draw(st.integers(1, 6)) * 2
    rows = [[draw(st.integers(least, len(a.values) - 1)) for a in schema] for _ in range(n)]
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    return schema, torch.tensor(rows), torch.randn(n, schema.width, generator=generator)


def literal(schema: AttributeSchema, logits: Tensor, labels: Tensor) -> Tensor:
    """For each attribute the mean cross-entropy of the images that have a label; the mean of these."""
    parts = []
    for i, (a, c) in enumerate(zip(schema, schema.columns, strict=True)):
        rows = labels[:, i] != MISSING
        own, wanted = logits[rows, c], labels[rows, i]
        if not len(wanted):
            parts.append(0.0 * logits.sum())
        elif a.binary:
            parts.append(F.binary_cross_entropy_with_logits(own[:, 0], wanted.float()))
        else:
            parts.append(F.cross_entropy(own, wanted))
    return torch.stack(parts).mean()


def gradient(loss: Callable[[Tensor], Tensor], logits: Tensor) -> tuple[Tensor, Tensor]:
    logits = logits.clone().requires_grad_()
    value = loss(logits)
    (found,) = torch.autograd.grad(value, logits)
    return value.detach(), found


@settings(deadline=None)  # the first example imports what the others use
@given(batches())
def test_the_loss_is_that_of_the_labels_that_there_are(given_: tuple[AttributeSchema, Tensor, Tensor]) -> None:
    schema, labels, logits = given_
    ours = gradient(lambda x: schema.loss(x, schema.encode(labels)), logits)
    theirs = gradient(lambda x: literal(schema, x, labels), logits)
    for mine, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-5, atol=1e-6)
    unknown = schema.encode(labels).isnan()
    assert not ours[1][unknown].any()


@settings(deadline=None)  # the first example imports what the others use
@given(batches(least=0))
def test_where_nothing_is_missing_no_bit_changes(given_: tuple[AttributeSchema, Tensor, Tensor]) -> None:
    schema, labels, logits = given_

    def before(x: Tensor) -> Tensor:
        """What the loss was before labels could be missing."""
        target = schema.encode(labels)
        if all(a.binary for a in schema):
            return F.binary_cross_entropy_with_logits(x, target)
        total = x.new_zeros(())
        for a, c in zip(schema, schema.columns, strict=True):
            of = F.binary_cross_entropy_with_logits if a.binary else F.cross_entropy
            total = total + of(x[:, c], target[:, c])
        return total / len(schema)

    for target in (schema.encode(labels), schema.opposite(schema.encode(labels))):
        assert not target.isnan().any()
    ours, theirs = (gradient(f, logits) for f in (lambda x: schema.loss(x, schema.encode(labels)), before))
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])


@settings(deadline=None)  # the first example imports what the others use
@given(batches())
def test_processes_that_divide_by_what_all_know_have_the_mean_of_the_whole(
    given_: tuple[AttributeSchema, Tensor, Tensor],
) -> None:
    schema, labels, logits = given_
    target, half = schema.encode(labels), len(labels) // 2
    share = schema.known(target).mean(0)

    def both(x: Tensor) -> Tensor:
        parts = [schema.loss(x[rows], target[rows], share) for rows in (slice(half), slice(half, None))]
        return torch.stack(parts).mean()

    for mine, wanted in zip(gradient(both, logits), gradient(lambda x: schema.loss(x, target), logits), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-5, atol=1e-6)


@settings(deadline=None)  # the first example imports what the others use
@given(batches())
def test_what_is_made_of_an_unknown_label_is_unknown(given_: tuple[AttributeSchema, Tensor, Tensor]) -> None:
    schema, labels, _ = given_
    code = schema.encode(labels)
    assert torch.equal(schema.known(code), (labels != MISSING).float())
    for made in (schema.opposite(code), schema.uniform(code)):
        assert torch.equal(made.isnan(), code.isnan())
    other = schema.other(labels, torch.rand(labels.shape))
    assert torch.equal(other == MISSING, labels == MISSING)
    assert ((other != labels) | (labels == MISSING)).all()
    members = torch.split(schema.indicators(labels), [len(a.values) for a in schema], dim=1)
    for i, columns in enumerate(members):
        assert torch.equal(columns.sum(1), (labels[:, i] != MISSING).float())
        known = labels[:, i] != MISSING
        assert torch.equal(columns.argmax(1)[known], labels[known, i])


def test_a_categorical_label_is_missing_as_a_whole() -> None:
    code = MIXED.encode(torch.tensor([[1, MISSING, 0], [MISSING, 2, MISSING]]))
    nan = math.nan
    expected = torch.tensor([[1, nan, nan, nan, 0], [nan, 0, 0, 1, nan]])
    torch.testing.assert_close(code, expected, equal_nan=True)


class Told(nn.Module):
    """An encoder that remembers what it was told; its label head is a linear function of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.labels = nn.Linear(4, 5), []

    def forward(self, images: Tensor, labels: Tensor | None) -> Code:
        self.labels.append(labels)
        flat = images.mean((2, 3))
        return Code(flat, None, self.head(torch.cat([flat, flat[:, :1]], 1)))


class Remembers(nn.Module):
    """A decoder that does."""

    def __init__(self) -> None:
        super().__init__()
        self.gain, self.attrs = nn.Parameter(torch.ones(())), []

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
        self.attrs.append((attrs, None if code is None else code.labels))
        return self.gain * (z + attrs.sum(1, keepdim=True))[:, :, None, None].expand(-1, -1, 8, 8)


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 5)

    def forward(self, images: Tensor) -> Any:
        from attredit.networks import Verdict

        return Verdict(images.mean((1, 2, 3))[:, None], self.head(images.mean((2, 3))))


LABELS = torch.tensor([[1, MISSING, 0], [MISSING, MISSING, MISSING], [0, 2, 1], [1, 0, MISSING]])
UNKNOWN = MIXED.encode(LABELS).isnan()


def view(predictor: str = "encoder", labels: Tensor = LABELS, decode_with: str = "true") -> BatchView:
    torch.manual_seed(0)
    parts = {"encoder": Told(), "decoder": Remembers(), "classifier": Classifier()}
    images = torch.rand(4, 3, 8, 8)
    model = Model(parts, MIXED, latent_dim=3, predictor=predictor, decode_with=decode_with)
    return BatchView(model, images, labels, rows=Slice(0, 4, 4), seed=0, step=0)


@pytest.mark.parametrize("predictor", ["encoder", "classifier"])
def test_networks_are_told_the_labels_and_predictions_where_there_are_none(predictor: str) -> None:
    ours = view(predictor)
    predicted = MIXED.probabilities(ours.attrs("real"))
    for of in ("reconstruction", "edited", "prior", "undone"):
        ours.logits(of)  # type: ignore[arg-type]
    reconstruction, edited, prior, undone = ours.part("decoder").attrs
    known = torch.where(UNKNOWN, predicted, MIXED.encode(LABELS))
    asked = torch.where(UNKNOWN, predicted, ours.edited_targets)
    assert not torch.equal(known, asked)
    for (attrs, own), wanted in zip(
        (reconstruction, edited, prior, undone),
        ((known, known), (asked, known), (known, None), (known, asked)),
        strict=True,
    ):
        assert torch.equal(attrs, wanted[0])
        assert (own is None) == (wanted[1] is None)
        assert own is None or torch.equal(own, wanted[1])
        assert not attrs.requires_grad  # the predictor learns from labels alone
    told = ours.part("encoder").labels
    if predictor == "encoder":
        assert told == [None, None]
    else:
        assert torch.equal(told[0], known)
        assert torch.equal(told[1], asked)


def test_what_was_told_a_prediction_is_forgotten_with_it() -> None:
    ours = view("classifier")
    code = ours.code()
    assert ours.renewed(("decoder",)).code().mean.data_ptr() == code.mean.data_ptr()
    with torch.no_grad():
        ours.part("classifier").head.bias[0] = 9.0
    later = ours.renewed(("classifier",))
    later.code()
    before, after = later.part("encoder").labels
    assert before[1, 0] < 0.9 < 0.99 < after[1, 0]
    whole = view("classifier", LABELS.clamp(min=0))
    whole.code()
    whole.renewed(("classifier",)).code()
    assert len(whole.part("encoder").labels) == 1


def test_predicted_labels_keep_their_gradient() -> None:
    ours = view(decode_with="predicted")
    assert ours.decoding_attrs.requires_grad
    assert torch.equal(ours.decoding_attrs, MIXED.probabilities(ours.attrs("real")))


def test_who_asks_without_a_gradient_takes_it_from_nobody() -> None:
    ours = view("classifier")
    with torch.no_grad():
        ours.code()  # for which the classifier is asked
    assert class_(ours).requires_grad


def test_an_unknown_attribute_is_not_edited() -> None:
    ours = view()
    assert torch.equal(ours.edited_labels == MISSING, LABELS == MISSING)
    # Of the image without any label the edit is the reconstruction.
    assert torch.equal(ours.images("edited")[1], ours.images("reconstruction")[1])


def test_where_all_is_known_nobody_asks_the_predictor() -> None:
    whole = view("classifier", LABELS.clamp(min=0))
    asked: list[Any] = []
    whole.part("classifier").register_forward_hook(lambda *called: asked.append(called))
    whole.images("reconstruction"), whole.images("edited"), whole.images("prior")
    assert not asked
    assert not whole.missing
    assert whole.told(whole.targets) is whole.targets
    with pytest.raises(UsageError, match="asks for the part 'nobody'"):
        view("nobody").images("reconstruction")


def test_terms_are_of_the_labels_that_there_are() -> None:
    ours = view()
    for term, of, wanted in (
        (class_, "real", LABELS), (class_rec_, "reconstruction", LABELS), (class_edit_, "edited", ours.edited_labels),
    ):  # fmt: skip
        torch.testing.assert_close(term(ours), literal(MIXED, ours.attrs(of), wanted))  # type: ignore[arg-type]
    # What is compared with the prediction needs no label.
    predicted = MIXED.probabilities(ours.attrs("real"))
    torch.testing.assert_close(class_rec_(ours, "predicted"), MIXED.loss(ours.attrs("reconstruction"), predicted))


def test_a_diverged_prediction_still_shows() -> None:
    ours = view()
    with torch.no_grad():
        ours.part("encoder").head.weight.fill_(math.nan)
    assert class_(ours).isnan()
    assert class_rec_(ours, "predicted").isnan()
    assert ours.images("reconstruction").isnan().any()


def test_means_of_classes_are_of_their_known_members() -> None:
    features = torch.tensor([[1.0], [2.0], [4.0], [8.0]])
    found = ClassMeans(0.9)(features, MIXED.indicators(LABELS))[:, 0]
    #        a: 0, 1    hair: x, y, z  b: 0, 1
    assert found.tolist() == [4.0, 4.5, 8.0, 0.0, 4.0, 1.0, 4.0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from([MISSING, 0, 1]), min_size=2, max_size=8))
def test_the_share_that_is_known_is_gathered(monkeypatch: pytest.MonkeyPatch, column: list[int]) -> None:
    """As of two processes that have the same rows: the share is the same, and so is the loss."""
    labels = torch.tensor(column)[:, None]
    schema = AttributeSchema.of_binary("a")
    logits = torch.linspace(-1, 1, len(column))[:, None]
    rows, images = Slice(0, len(column), 2 * len(column)), torch.zeros(len(column), 1, 2, 2)
    one = BatchView(Model({}, schema, latent_dim=1), images, labels, rows=rows, seed=0, step=0, missing=True)
    asked: list[Tensor] = []
    monkeypatch.setattr(one, "gather", lambda t: asked.append(t) or torch.cat([t, t]))
    torch.testing.assert_close(one.loss(logits, one.targets), literal(schema, logits, labels))
    assert len(asked) == 1
    one.missing = False
    one.loss(logits, schema.encode(labels.clamp(min=0)))
    assert len(asked) == 1
