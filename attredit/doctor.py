"""What is wrong with a run, in words, and what to change. Reads what training and evaluation left; computes nothing.

Every check has a threshold, and says the figures that it rests on. docs/metrics.md defines them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from attredit.checkpoint import RunConfig, RunDirectory
from attredit.evaluation.result import Evaluation
from attredit.recipe import Player, Term

# An edit that does nothing leaves class0 and class1 summing to 1; Creswell et al. 2017 have .19 + .81 without aux.
IGNORED_SUM = 1.15
LEAKING = 0.95
# Nats per latent dimension. Less than a hundredth says next to nothing; a unit's worth of fidelity needs one or two.
COLLAPSED, RUNAWAY = 0.01, 50.0
# Shares of the cross-entropy of guessing.
WON = 0.1
# Change of the judge's probability of another attribute that the data's correlation does not explain.
MOVED = 0.1
# The last part of training, whose mean says how it ended.
_END = 0.2


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        name: Of the kind of finding.
        what: What is wrong, with the figures that say so.
        change: What to change.
    """

    name: str
    what: str
    change: str


@dataclass(frozen=True)
class Diagnosis:
    """What was found, and what could not be looked at.

    Attributes:
        findings: In the order of how much they spoil.
        unseen: Sentences on what is missing for more.
    """

    findings: tuple[Finding, ...]
    unseen: tuple[str, ...]


def diagnose(run: RunDirectory) -> Diagnosis:
    """Look at a run.

    Raises:
        RunError: it is no run, or one of its files is damaged.
    """
    config, metrics, unseen = run.config(), run.metrics(), []
    if not metrics:
        unseen.append("It has no metrics: nothing is known of its training.")
    end = _end(metrics)
    findings = [*_divergence(config, end), *_adversaries(config, end), *_collapse(config, end)]
    evaluation = None
    if (run.path / "evaluation.json").is_file():
        evaluation = Evaluation.read(run)
        findings += [*_ignored(config, evaluation), *_moved(evaluation)]
    else:
        unseen.append(f"It was not evaluated, so nothing is known of its edits: attredit evaluate {run.path}")
    return Diagnosis(tuple(findings), tuple(unseen))


def _end(metrics: list[dict[str, float]]) -> dict[str, float]:
    """Means over the last part of training of every term that was computed there; not a number stays none."""
    if not metrics:
        return {}
    last = metrics[-1]["step"]
    late = [line for line in metrics if line["step"] > (1 - _END) * last]
    names = dict.fromkeys(name for line in late for name in line if name != "step")
    return {name: fmean(line[name] for line in late if name in line) for name in names}


def _terms(config: RunConfig, use: str) -> Iterator[tuple[str, Player, str, Term]]:
    """Every term of a registered kind: player's name, player, term's name, term."""
    for name, player in config.recipe.players.items():
        for term, spec in player.terms.items():
            if (spec.use or term) == use:
                yield name, player, term, spec


def _nats(config: RunConfig, term: Term, value: float) -> float:
    """A KL term as logged, in nats per latent dimension."""
    if term.options.get("reduction", "mean") == "sum":
        value /= config.recipe.latent_dim
    return value / config.batch_size if term.options.get("batch", "mean") == "sum" else value


def _divergence(config: RunConfig, end: dict[str, float]) -> Iterator[Finding]:
    for player, _, name, term in _terms(config, "kl"):
        value = end.get(f"{player}/{name}")
        if value is not None and not _nats(config, term, value) < RUNAWAY:
            yield Finding(
                "runaway KL",
                f"The KL divergence ended at {_nats(config, term, value):.3g} nats per latent dimension: the latent "
                "has run away from its prior, usually from an adversary that it flees without bound.",
                "Use a bounded factorizer (--set parts.factorizer.use=confusion), clip gradients "
                f"(--set players.{player}.clip=1), or lower the factorizer's weight.",
            )


def _collapse(config: RunConfig, end: dict[str, float]) -> Iterator[Finding]:
    for player, _, name, term in _terms(config, "kl"):
        value = end.get(f"{player}/{name}")
        if value is not None and _nats(config, term, value) < COLLAPSED:
            yield Finding(
                "latent collapse",
                f"The KL divergence ended at {_nats(config, term, value):.3g} nats per latent dimension: the latent "
                "says next to nothing of an image, and all reconstructions look alike.",
                f"Lower its weight: --set players.{player}.terms.{name}={_tenth(term)}",
            )


def _adversaries(config: RunConfig, end: dict[str, float]) -> Iterator[Finding]:
    """Networks that win their game teach nothing: where they are certain, their gradient vanishes or misleads."""
    for player, spec, name, term in _terms(config, "gan"):
        value = end.get(f"{player}/{name}")
        if value is None or "encoder" in spec.trains:
            continue
        guessing = 3.0 * float(term.options.get("scale", 1 / 3)) * math.log(2)
        guessing *= config.batch_size if term.options.get("batch", "mean") == "sum" else 1
        if value < WON * guessing:
            yield Finding(
                "a discriminator that won",
                f"The discriminator of {player} ended at {value / guessing:.0%} of the loss of guessing: it tells "
                "drawn images from real ones without effort, and its gradient says little.",
                f"Let it learn slower (--set players.{player}.optimizer.lr=...), join later "
                f"(--set players.{player}.start=...), or be narrower.",
            )
    guessing = fmean(math.log(len(a.values)) for a in config.attributes)
    for player, _, name, _ in _terms(config, "fit"):
        value = end.get(f"{player}/{name}")
        if value is not None and value < WON * guessing:
            yield Finding(
                "a saturated auxiliary network",
                f"The auxiliary network of {player} ended at {value / guessing:.0%} of the loss of guessing: it reads "
                "the attribute off the latent, and the encoder does not get it out.",
                "Give the factorizer more weight, use mmd (--set parts.factorizer.use=mmd), or raise the KL weight.",
            )


def _ignored(config: RunConfig, evaluation: Evaluation) -> Iterator[Finding]:
    for name, figures in evaluation.attributes.items():
        if not {"class0", "class1"} <= figures.keys():
            continue
        class0, class1 = figures["class0"].value, figures["class1"].value
        if class0 + class1 > IGNORED_SUM:
            continue
        leakage = figures.get("leakage_mean")
        what = f"Edits of {name} do nothing: class0 {class0:.3f} and class1 {class1:.3f} sum to about 1"
        if leakage is not None and leakage.value >= LEAKING:
            yield Finding(
                "ignored attributes",
                f"{what}, and a probe reads {name} off the latent with accuracy {leakage.value:.3f}: the decoder takes "
                "it from there, and ignores what it is told.",
                _factorize(config),
            )
        else:
            yield Finding(
                "edits that do nothing",
                f"{what}, although the latent does not tell {name} all by itself.",
                "Train longer, or ask for edits in training: --set players.autoencoder.terms.class_edit=0.01",
            )


def _factorize(config: RunConfig) -> str:
    if "factorizer" not in config.recipe.parts:
        return "Use a method that factorizes (--method ifcvaegan), or raise the weight of kl."
    return "Raise the weight of the factorizer's penalty, or of kl; or use mmd (--set parts.factorizer.use=mmd)."


def _moved(evaluation: Evaluation) -> Iterator[Finding]:
    for edited, others in evaluation.off_target_matrix.items():
        for other, cell in others.items():
            extra = cell.unexplained
            if extra is None or abs(extra.value) < MOVED or extra.low is None or extra.low * (extra.high or 0) <= 0:
                continue
            yield Finding(
                "a wrong attribute moved",
                f"Edits of {edited} move the judge's probability of {other} by {cell.moved.value:+.2f}, of which the "
                f"training labels' correlation ({cell.correlated:+.2f}) leaves {extra.value:+.2f} unexplained.",
                f"Train with both attributes (--attr {edited.partition('=')[0]} --attr {other.partition('=')[0]}), so "
                "that each is told apart; or keep edits small: --set players.autoencoder.terms.residual=0.1",
            )


def _tenth(term: Term) -> str:
    return f"{term.weight / 10:g}" if isinstance(term.weight, int | float) else "..."
