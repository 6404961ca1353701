"""The presets compute what the paper and the authors' code compute: checked against literal, unoptimised equations.

Nothing of attredit.training is used on the literal side but the noise, so that both see the same draws.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from one_step import SEED, SIZE, B, Z, batch, built_of, compare, play, recipe_of

from attredit.plugin.registry import installed
from attredit.recipe import Recipe, resolve
from attredit.rows import noise
from attredit.training.players import Built

STEP = 3
WIDTHS = {f"parts.{part}.options.width": 4 for part in ("encoder", "decoder", "discriminator", "factorizer")}


def bce(probability: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Elementwise, from probabilities, with the minus sign that the paper's L_bce lacks."""
    return -(target * probability.log() + (1 - target) * (1 - probability).log())


class Literal:
    """The authors' loop, one network call per line, nothing shared."""

    def __init__(self, built: Built) -> None:
        self.E, self.D = built.parts["encoder"], built.parts["decoder"]
        self.C, self.A = built.parts["discriminator"], built.parts["factorizer"]
        self.x, labels = batch(STEP)
        self.y = labels.float()
        code = self.E(self.x, None)
        self.mu, self.logvar = code.mean, code.logvar
        self.yhat = torch.sigmoid(code.attrs)
        eps = noise(SEED, STEP, "z/real/0", (B, Z))
        self.zhat = self.mu + torch.exp(self.logvar / 2) * eps
        self.second = self.mu + torch.exp(self.logvar / 2) * noise(SEED, STEP, "z/real/1", (B, Z))
        self.xhat = torch.sigmoid(self.D(self.zhat, self.yhat, None))
        self.prior = torch.sigmoid(self.D(noise(SEED, STEP, "z/prior/0", (B, Z)), self.y, None))
        self.one, self.zero = torch.ones(B, 1), torch.zeros(B, 1)

    def c(self, images: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.C(images).realness)

    def kl(self) -> torch.Tensor:
        return 0.5 * (self.mu**2 + self.logvar.exp() - 1 - self.logvar)


def literal_reference(m: Literal) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Sums over the batch for rec, kl and gan; batch means for the rest; non-saturating generator; 0.3 for C."""
    rec = bce(m.xhat, m.x).sum() / SIZE**2
    kl = m.kl().sum() / Z
    classify = bce(m.yhat, m.y).mean()
    aux = bce(torch.sigmoid(m.A(m.second)), m.y).mean()
    generator = 0.5 * (bce(m.c(m.xhat), m.one).sum() + bce(m.c(m.prior), m.one).sum())
    critic = 0.3 * (bce(m.c(m.x), m.one).sum() + bce(m.c(m.xhat), m.zero).sum() + bce(m.c(m.prior), m.zero).sum())
    auto = rec + 0.2 * kl + 0.1 * classify + 0.1 * generator - 1.0 * aux
    terms = {"rec": rec, "kl": kl, "class": classify, "gan": generator, "aux": -aux}
    return terms, {"autoencoder": auto, "discriminator": critic, "auxiliary": aux}


def literal_paper(m: Literal, beta: float = 0.0) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Equations 3 to 12 as printed, with batch means."""
    rec = bce(m.xhat, m.x).sum() / B / SIZE**2
    kl = m.kl().sum(1).mean() / Z
    classify = bce(m.yhat, m.y).mean()
    class_rec = bce(torch.sigmoid(m.E(m.xhat, None).attrs), m.yhat).mean()
    aux = bce(torch.sigmoid(m.A(m.zhat)), m.y).mean()
    gan = (bce(m.c(m.x), m.one) + bce(m.c(m.xhat), m.zero) + bce(m.c(m.prior), m.zero)).mean() / 3
    auto = rec + 0.2 * kl + beta * class_rec + 0.1 * classify - 0.1 * gan - aux
    terms = {"rec": rec, "kl": kl, "class": classify, "gan": gan, "aux": -aux}
    if beta:
        terms["class_rec"] = class_rec
    return terms, {"autoencoder": auto, "discriminator": gan, "auxiliary": aux}


def check(recipe: Recipe, literal: object, **options: float) -> None:
    built, fresh = built_of(recipe), built_of(recipe)
    wanted, losses = literal(Literal(fresh), **options)  # type: ignore[operator]
    terms = {f"autoencoder/{name}": value for name, value in wanted.items()}
    terms |= {"discriminator/gan": losses["discriminator"], "auxiliary/fit": losses["auxiliary"]}
    owners = {
        "encoder": "autoencoder", "decoder": "autoencoder",
        "discriminator": "discriminator", "factorizer": "auxiliary",
    }  # fmt: skip
    by_part = {part: losses[player] for part, player in owners.items()}
    compare(play(recipe, built, STEP), terms, by_part, fresh.parts, rtol=1e-4)


def test_reference_preset_is_the_authors_loop() -> None:
    check(recipe_of("ifcvaegan", "reference", **WIDTHS), literal_reference)


def test_reference_label_loss_trains_the_head_alone() -> None:
    recipe = recipe_of("ifcvaegan", "reference", **WIDTHS)
    built, (images, labels) = built_of(recipe), batch(STEP)
    code = built.parts["encoder"](images, None)
    grads = torch.autograd.grad(
        F.binary_cross_entropy_with_logits(code.attrs, labels.float()),
        list(built.parts["encoder"].parameters()),
        allow_unused=True,
    )
    reached = {n for (n, _), g in zip(built.parts["encoder"].named_parameters(), grads, strict=True) if g is not None}
    assert reached == {"head.weight", "head.bias"}


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_paper_preset_is_the_printed_equations(beta: float) -> None:
    recipe = recipe_of("ifcvaegan", "paper", **WIDTHS, **{"players.autoencoder.terms.class_rec": beta})
    check(recipe, literal_paper, beta=beta)


def test_presets_have_the_hyperparameters_of_the_paper() -> None:
    reference, paper = (resolve(installed(), "ifcvaegan", p) for p in ("reference", "paper"))
    for recipe in (reference, paper):
        assert (recipe.latent_dim, recipe.batch_size, recipe.decode_with) == (200, 64, "predicted")
        assert {p.optimizer.name for p in recipe.players.values()} == {"rmsprop"}
        assert {p.optimizer.lr for p in recipe.players.values()} == {2e-4}
        assert recipe.players["discriminator"].optimizer.options == {"alpha": 0.5}
        assert recipe.players["autoencoder"].terms["kl"].weight == 0.2
    assert (paper.edit_from, reference.edit_from) == ("mean", "sample")
    naive = resolve(installed(), "naive-cvaegan", "paper")
    assert naive.players["autoencoder"].terms["kl"].weight == 1.0
    assert "factorizer" not in naive.parts
