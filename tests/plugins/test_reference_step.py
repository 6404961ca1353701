"""The presets compute what the paper and the authors' code compute: checked against literal, unoptimised equations.

Nothing of attredit.losses or attredit.view is used on the literal side but the noise, so that both see the same draws.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from attredit.attributes import AttributeSchema
from attredit.build import Built, build
from attredit.recipe import Recipe, resolve
from attredit.registry import installed
from attredit.view import BatchView, Slice, noise

B, SIZE, Z, SEED, STEP = 6, 16, 10, 7, 3
SCHEMA = AttributeSchema.of_binary(["Smiling", "Male"])


def recipe_of(preset: str, **overrides: object) -> Recipe:
    small = {
        "latent_dim": Z,
        "parts.encoder.options.width": 4,
        "parts.decoder.options.width": 4,
        "parts.discriminator.options.width": 4,
        "parts.factorizer.options.width": 12,
    }
    return resolve(installed(), "ifcvaegan", preset, small | overrides)


def built_of(recipe: Recipe) -> Built:
    torch.manual_seed(0)
    return build(installed(), recipe, SCHEMA, channels=3, image_size=SIZE)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(B, 3, SIZE, SIZE, generator=generator), torch.randint(0, 2, (B, 2), generator=generator)


def ours(recipe: Recipe) -> tuple[dict[str, torch.Tensor], dict[str, list[torch.Tensor]], Built]:
    """Terms and gradients of one step, by the code that trains."""
    built, (images, labels) = built_of(recipe), batch()
    view = BatchView(
        built.parts, SCHEMA, images, labels, rows=Slice(0, B, B), seed=SEED, step=STEP,
        latent_dim=Z, decode_with=recipe.decode_with,
    )  # fmt: skip
    terms, passes = {}, []
    for player in built.players:
        for parameters, weights in player.groups(STEP, 100):
            values = {n: player.terms[n](view) for n in weights}
            terms |= {f"{player.name}/{n}": v.detach() for n, v in values.items()}
            passes.append((sum(weights[n] * v for n, v in values.items()), parameters))
    for loss, parameters in passes:
        torch.autograd.backward(loss, inputs=parameters, retain_graph=True)
    return terms, {n: [p.grad for p in m.parameters()] for n, m in built.parts.items()}, built


def bce(probability: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Elementwise, from probabilities, with the minus sign that the paper's L_bce lacks."""
    return -(target * probability.log() + (1 - target) * (1 - probability).log())


class Literal:
    """The authors' loop, one network call per line, nothing shared."""

    def __init__(self, built: Built) -> None:
        self.E, self.D = built.parts["encoder"], built.parts["decoder"]
        self.C, self.A = built.parts["discriminator"], built.parts["factorizer"]
        self.x, labels = batch()
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
    terms, gradients, _ = ours(recipe)
    fresh = built_of(recipe)
    wanted, losses = literal(Literal(fresh), **options)  # type: ignore[operator]
    for name, value in wanted.items():
        torch.testing.assert_close(terms[f"autoencoder/{name}"], value.detach(), rtol=1e-5, atol=1e-6)
    owners = {
        "encoder": "autoencoder", "decoder": "autoencoder",
        "discriminator": "discriminator", "factorizer": "auxiliary",
    }  # fmt: skip
    for part, player in owners.items():
        parameters = list(fresh.parts[part].parameters())
        expected = torch.autograd.grad(losses[player], parameters, retain_graph=True, allow_unused=True)
        assert len(expected) == len(gradients[part])
        for mine, theirs in zip(gradients[part], expected, strict=True):
            assert (mine is None) == (theirs is None)
            if theirs is not None:
                torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


def test_reference_preset_is_the_authors_loop() -> None:
    check(recipe_of("reference"), literal_reference)


def test_reference_label_loss_trains_the_head_alone() -> None:
    recipe = recipe_of("reference")
    built, (images, labels) = built_of(recipe), batch()
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
    recipe = recipe_of("paper", **{"players.autoencoder.terms.class_rec": beta})
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
