"""CVAE-GAN against Bao et al.'s equations, written out; class means that survive; edits told by the classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from one_step import SCHEMA, SEED, B, Z, batch, built_of, compare, play, recipe_of, view_of
from torch import Tensor

from attredit import load
from attredit.errors import UsageError
from attredit.files import below, read_tensors
from attredit.launch import resume, train
from attredit.rows import noise
from attredit.runs.directory import RunDirectory
from attredit.toolkit import ClassMeans

LAMBDA = (3.0, 1.0, 1e-3, 1e-3)
NARROW = {f"parts.{p}.options.width": 2 for p in ("encoder", "decoder", "discriminator", "classifier")}
NARROW |= {"parts.classifier.options.hidden": 6}


def reduce(squares: Tensor, reduction: str) -> Tensor:
    """(B, ...) squares to the batch's mean of a norm."""
    return squares.flatten(1).sum(1).mean() if reduction == "sum" else squares.flatten(1).mean(1).mean()


def half_norm(vector: Tensor, reduction: str) -> Tensor:
    return 0.5 * ((vector**2).sum() if reduction == "sum" else (vector**2).mean())


class Moving:
    """Per-class means of f_C over all batches so far, in plain loops; of earlier batches only the values."""

    def __init__(self) -> None:
        self.past: list[tuple[Tensor, Tensor]] = []

    def means(self, features: Tensor, labels: Tensor, decay: float = 0.9) -> list[Tensor]:
        result = []
        history = [*self.past, (features, labels)]
        for attribute in range(2):
            for value in range(2):
                total, count = torch.zeros(features.shape[1]), 0.0
                for age, (f, y) in enumerate(reversed(history)):
                    mine = [f[i] for i in range(len(f)) if y[i, attribute] == value]
                    total = total + decay**age * sum(mine, torch.zeros(features.shape[1]))
                    count += decay**age * len(mine)
                result.append(total / count)
        self.past.append((features.detach(), labels))
        return result


def literal(
    parts: Any, step: int, reduction: str, real: Moving, fake: Moving
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """E, G, D and C, one call a line."""
    encoder, generator, critic, classifier = (parts[p] for p in ("encoder", "decoder", "discriminator", "classifier"))
    x_r, labels = batch(step)
    c = labels.float()
    code = encoder(x_r, c)
    z = code.mean + torch.exp(code.logvar / 2) * noise(SEED, step, "z/real/0", (B, Z))
    x_f = torch.sigmoid(generator(z, c, None))
    x_p = torch.sigmoid(generator(noise(SEED, step, "z/prior/0", (B, Z)), c, None))
    d_r, d_f, d_p = (critic(x) for x in (x_r, x_f, x_p))
    c_r, c_f, c_p = (classifier(x) for x in (x_r, x_f, x_p))

    p = torch.sigmoid(c_r.attrs)
    l_c = -(c * p.log() + (1 - c) * (1 - p).log()).mean()
    d = [torch.sigmoid(v.realness) for v in (d_r, d_f, d_p)]
    l_d = (-d[0].log() - (1 - d[1]).log() - (1 - d[2]).log()).mean()
    kl = 0.5 * (code.mean**2 + code.logvar.exp() - 1 - code.logvar)
    l_kl = reduce(kl, reduction)
    pixels = 0.5 * reduce((x_r - x_f) ** 2, reduction)
    pair_d = 0.5 * reduce((d_r.features[-1] - d_f.features[-1]) ** 2, reduction)
    pair_c = 0.5 * reduce((c_r.features[-1] - c_f.features[-1]) ** 2, reduction)
    l_gd = half_norm(d_r.features[-1].flatten(1).mean(0) - d_p.features[-1].flatten(1).mean(0), reduction)
    means = zip(real.means(c_r.features[-1], labels), fake.means(c_p.features[-1], labels), strict=True)
    l_gc = sum(half_norm(a - b, reduction) for a, b in means)
    l_g = pixels + pair_d + pair_c

    terms = {"classifier/class": l_c, "discriminator/gan": l_d, "encoder/kl": l_kl}
    terms |= {f"{p}/{n}": v for p in ("generator", "encoder") for n, v in
              {"pixels": pixels, "pair_d": pair_d, "pair_c": pair_c}.items()}  # fmt: skip
    terms |= {"generator/mean_d": l_gd, "generator/mean_c": l_gc}
    losses = {
        "classifier": l_c,
        "discriminator": l_d,
        "decoder": LAMBDA[1] * l_g + LAMBDA[2] * l_gd + LAMBDA[3] * l_gc,
        "encoder": LAMBDA[0] * l_kl + LAMBDA[1] * l_g,
    }
    return terms, losses


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_every_term_and_update_is_the_papers_over_several_batches(reduction: str) -> None:
    reductions = {
        f"players.{player}.terms.{term}.options.reduction": reduction
        for player, terms in {"generator": ("pixels", "pair_d", "pair_c", "mean_d", "mean_c"),
                              "encoder": ("pixels", "pair_d", "pair_c", "kl")}.items() for term in terms
    }  # fmt: skip
    recipe = recipe_of("cvae-gan", "paper", **NARROW, **reductions)
    mine, fresh, real, fake = built_of(recipe), built_of(recipe), Moving(), Moving()
    for step in range(3):
        compare(play(recipe, mine, step), *literal(fresh.parts, step, reduction, real, fake), fresh.parts)


def test_the_hyperparameters_are_the_papers() -> None:
    recipe = recipe_of("cvae-gan", "paper", latent_dim=256)
    generator, encoder = recipe.players["generator"].terms, recipe.players["encoder"].terms
    assert (encoder["kl"].weight, encoder["pixels"].weight) == LAMBDA[:2]
    assert (generator["mean_d"].weight, generator["mean_c"].weight) == LAMBDA[2:]
    assert {t.options["reduction"] for t in (*generator.values(), *encoder.values())} == {"sum"}
    assert set(recipe.edits_with) == {"encoder", "decoder", "classifier"}


def test_a_class_that_a_batch_lacks_keeps_its_mean() -> None:
    means = ClassMeans(0.5)
    first = means(torch.tensor([[2.0], [4.0], [10.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert first.tolist() == [[3.0], [10.0]]
    second = means(torch.tensor([[6.0]]), torch.tensor([[0.0, 1.0]]))
    # (0.5 * 10 + 6) / (0.5 + 1)
    torch.testing.assert_close(second, torch.tensor([[3.0], [11.0 / 1.5]]))
    assert ClassMeans(0.9)(torch.ones(2, 3), torch.tensor([[1.0, 0.0]] * 2))[1].tolist() == [0.0] * 3


def test_class_means_survive_a_checkpoint(request_for: Any, tmp_path: Path) -> None:
    overrides = NARROW | {"parts.classifier.options.hidden": 0, "latent_dim": Z}
    request = {"method": "cvae-gan", "overrides": overrides, "attributes": ("Smiling", "Male"), "save_every": 2}
    run = RunDirectory(train(request_for(steps=2, run_dir=str(tmp_path / "part"), **request)))
    state = read_tensors(run.training_file)[0]
    saved = below("terms.generator.mean_c", state)
    assert set(saved) == {f"{side}.{name}" for side in ("real", "fake") for name in ("sums", "counts")}
    assert saved["real.sums"].shape[0] == saved["real.counts"].shape[0] == 4
    # The default computes the term at the second step only: 8 images, each with one value of both attributes.
    assert float(saved["real.counts"].sum()) == pytest.approx(16.0)
    resume(run.path, steps=4, device="cpu")
    later = below("terms.generator.mean_c", read_tensors(run.training_file)[0])
    assert float(later["real.counts"].sum()) == pytest.approx(0.9 * 16.0 + 16.0)


def test_a_resumed_run_starts_from_the_means_it_saved() -> None:
    recipe = recipe_of("cvae-gan", "paper", **NARROW)
    whole, part, again = built_of(recipe), built_of(recipe), built_of(recipe)
    for step in (0, 1):
        play(recipe, whole, step)
    play(recipe, part, 0)
    for (_, old), (_, new) in zip(part.stateful_terms(), again.stateful_terms(), strict=True):
        new.load_state_dict(old.state_dict())
    expected = next(t for n, t in whole.stateful_terms() if n == "generator.mean_c")
    play(recipe, again, 1)
    resumed = next(t for n, t in again.stateful_terms() if n == "generator.mean_c")
    assert torch.equal(resumed.real.sums, expected.real.sums)
    assert torch.equal(resumed.fake.counts, expected.fake.counts)


def test_edits_tell_the_encoder_what_the_classifier_predicts(request_for: Any) -> None:
    overrides = NARROW | {"parts.classifier.options.hidden": 0, "latent_dim": Z}
    editor = load(train(request_for(method="cvae-gan", overrides=overrides, attributes=("Smiling", "Male"), steps=2)))
    model = editor.model
    images = torch.rand(9, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        predicted = (model.parts["classifier"](images).attrs > 0).float()
        told, other = (model.parts["encoder"](images, labels).mean for labels in (predicted, 1 - predicted))
    code = model.encode(images)
    torch.testing.assert_close(code.mean, told)
    assert not torch.allclose(code.mean, other)
    assert torch.equal(code.labels, predicted)
    torch.testing.assert_close(model.probabilities(code), code.attrs.sigmoid())


def test_an_encoder_that_reads_the_class_cannot_predict_it(request_for: Any) -> None:
    built = built_of(recipe_of("cvae-gan", "default", predictor="encoder"))
    with pytest.raises(UsageError, match="reads the class"):
        built.parts["encoder"](torch.rand(1, 3, 32, 32), None)
    # Nor is it told the class in training, where editing could not tell it.
    with pytest.raises(UsageError, match="reads the class"):
        train(
            request_for(
                method="cvae-gan", overrides={**NARROW, "parts.classifier.options.hidden": 0, "predictor": "encoder"}
            )
        )


def test_samples_of_the_view_are_of_the_batches_classes() -> None:
    recipe = recipe_of("cvae-gan", "default", **NARROW)
    built = built_of(recipe)
    view = view_of(recipe, built.parts, 0)
    by_hand = built.parts["decoder"](noise(SEED, 0, "z/prior/0", (B, Z)), SCHEMA.encode(batch(0)[1]), None)
    assert torch.equal(view.logits("prior"), by_hand)
