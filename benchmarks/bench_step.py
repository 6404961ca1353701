"""How much faster is one training step than a literal transcription of the authors' loop?

    python benchmarks/bench_step.py --width 16 --width 64

The literal loop follows the structure of the authors' public code: the discriminator and the auxiliary network run
twice each (once detached), the prior is decoded twice, the label head reads the reconstruction whatever its weight, and
every `backward` fills in gradients that the next `zero_grad` throws away. Ours evaluates the same losses on one graph.
Both use the same networks, optimisers and batch; they alternate, and the ratio is taken pair by pair.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.attributes import AttributeSchema
from attredit.editing.model import Model
from attredit.plugin.registry import installed
from attredit.recipe import Recipe, resolve
from attredit.rows import Slice
from attredit.training.players import Built, build, play
from attredit.training.view import BatchView

SCHEMA = AttributeSchema.of_binary(["Smiling"])


def make(width: int, beta: float, size: int) -> tuple[Recipe, Built]:
    overrides = {f"parts.{p}.options.width": width for p in ("encoder", "decoder", "discriminator")}
    overrides |= {"players.autoencoder.terms.class_rec": beta}
    recipe = resolve(installed(), "ifcvaegan", "reference", overrides)
    torch.manual_seed(0)
    return recipe, build(installed(), recipe, SCHEMA, channels=3, image_size=size)


def literal_step(recipe: Recipe, built: Built, x: Tensor, y: Tensor) -> Callable[[], None]:
    """The authors' structure, one pass per use."""
    encoder, decoder = built.parts["encoder"], built.parts["decoder"]
    critic, auxiliary = built.parts["discriminator"], built.parts["factorizer"]
    optimizers = {p.name: p.optimizer for p in built.players}
    term = {n: t.weight for n, t in recipe.players["autoencoder"].terms.items()}

    def bce_sum(probability: Tensor, target: float) -> Tensor:
        return F.binary_cross_entropy(probability, torch.full_like(probability, target), reduction="sum")

    def step() -> None:
        code = encoder(x, None)
        predicted = code.attrs.sigmoid()
        rec = decoder(code.mean + (code.logvar / 2).exp() * torch.randn_like(code.mean), predicted, None).sigmoid()
        z = code.mean + (code.logvar / 2).exp() * torch.randn_like(code.mean)
        loss = F.binary_cross_entropy(rec, x, reduction="sum") / x.shape[-1] ** 2
        kl = -0.5 * (1 + code.logvar - code.mean**2 - code.logvar.exp()).sum() / z.shape[1]
        loss = loss + term["kl"] * kl + term["class"] * F.binary_cross_entropy(predicted, y)
        loss = loss + term["class_rec"] * F.binary_cross_entropy(encoder(rec, None).attrs.sigmoid(), y)
        loss = loss - term["aux"] * F.binary_cross_entropy(auxiliary(z).sigmoid(), y)
        aux_loss = F.binary_cross_entropy(auxiliary(z.detach()).sigmoid(), y)
        prior = torch.randn_like(z)
        real, fake = critic(x).realness.sigmoid(), critic(rec.detach()).realness.sigmoid()
        sampled = critic(decoder(prior, y, None).sigmoid().detach()).realness.sigmoid()
        critic_loss = 0.3 * (bce_sum(real, 1.0) + bce_sum(fake, 0.0) + bce_sum(sampled, 0.0))
        fooled = critic(rec).realness.sigmoid()
        fooled_prior = critic(decoder(prior, y, None).sigmoid()).realness.sigmoid()
        loss = loss + term["gan"] * 0.5 * (bce_sum(fooled, 1.0) + bce_sum(fooled_prior, 1.0))
        for name, value in (("autoencoder", loss), ("auxiliary", aux_loss), ("discriminator", critic_loss)):
            optimizers[name].zero_grad()
            value.backward()
            optimizers[name].step()

    return step


def our_step(recipe: Recipe, built: Built, x: Tensor, y: Tensor) -> Callable[[], None]:
    """What the trainer does with a batch, without its data loading."""
    count, model = 0, Model.of(recipe, built.parts, SCHEMA)

    def step() -> None:
        nonlocal count
        rows = Slice(0, len(x), len(x))
        play(BatchView(model, x, y.long(), rows=rows, seed=0, step=count), built.players, 10**6)
        for player in built.players:
            player.optimizer.step()
        count += 1

    return step


def measure(width: int, beta: float, size: int, batch: int, pairs: int) -> None:
    x, y = torch.rand(batch, 3, size, size), torch.randint(0, 2, (batch, 1)).float()
    recipe, built = make(width, beta, size)
    literal = literal_step(recipe, built, x, y)
    recipe, built = make(width, beta, size)
    built.parts.to(memory_format=torch.channels_last)
    ours = our_step(recipe, built, x.contiguous(memory_format=torch.channels_last), y)
    seconds: dict[str, list[float]] = {"literal": [], "ours": []}
    for i in range(pairs + 2):
        for name, step in (("literal", literal), ("ours", ours)):
            started = time.perf_counter()
            step()
            if i >= 2:
                seconds[name].append(time.perf_counter() - started)
    ratios = [a / b for a, b in zip(seconds["literal"], seconds["ours"], strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    print(
        f"width {width:3d}  beta {beta:g}  literal {1e3 * statistics.median(seconds['literal']):7.1f} ms  "
        f"ours {1e3 * statistics.median(seconds['ours']):7.1f} ms  "
        f"ratio {statistics.median(ratios):.2f} (quartiles {low:.2f} to {high:.2f}, {pairs} pairs)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, action="append", help="channels of the first stage (default 16 and 64)")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--pairs", type=int, default=15)
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batch {options.batch_size}")
    for width in options.width or [16, 64]:
        for beta in (0.0, 1.0):
            measure(width, beta, options.image_size, options.batch_size, options.pairs)


if __name__ == "__main__":
    main()
