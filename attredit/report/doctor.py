"""What is wrong with a run, in words, and what to change. Reads what training and evaluation left; computes nothing.

Every check has a threshold, and says the figures that it rests on. docs/metrics.md defines those; what each finding
means is in docs/troubleshooting.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, get_args

from attredit.evaluation.result import Evaluation, Movement
from attredit.evaluation.statistics import Estimate
from attredit.recipe import Player, Schedule, Term
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory

Name = Literal[
    "runaway KL",
    "latent collapse",
    "a discriminator that won",
    "a saturated auxiliary network",
    "ignored attributes",
    "edits that do nothing",
    "a wrong attribute moved",
]
NAMES: tuple[str, ...] = get_args(Name)
"""Of all kinds of findings."""

# An edit that does nothing leaves class0 and class1 summing to 1; Creswell et al. 2017 have .19 + .81 without aux.
IGNORED_SUM = 1.15
# A probe bounds the leakage from below, and one of few images misses some: all need not be 1.
LEAKING = 0.9
# Nats per latent dimension. Less than a hundredth says next to nothing; a unit's worth of fidelity needs one or two. A
# small weight alone leaves some tens; 50 is a mean ten standard deviations from the prior's, where no sample falls.
COLLAPSED, RUNAWAY = 0.01, 50.0
# Shares of the cross-entropy of guessing. A network that reads an attribute in nearly all images still pays for the few
# that it gets wrong: with nothing against it, it stays near a tenth. Guessing a rare attribute costs less than ln 2;
# where one image in 45 has it (CelebA's rarest) .11 nats, which is just above .15 of ln 2.
WON, SATURATED = 0.1, 0.15
# A weight of mmd's penalty that takes effect; that of an adversary may be a hundred times less.
MATCHING = 0.1
# Change of the judge's probability of another attribute that should not have changed: of one image in ten, all of it.
MOVED = 0.1
# The last part of training, whose mean says how it ended.
_END = 0.2


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        name: Of the kind of finding, one of `NAMES`.
        what: What is wrong, with the figures that say so.
        change: What to change.
    """

    name: Name
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
    findings = [
        *_divergence(config, end),
        *_discriminators(config, end),
        *_auxiliaries(config, end),
    ]
    if (evaluation := Evaluation.of_now(run)) is not None:
        findings += [*_ignored(config, evaluation), *_moved(config, evaluation)]
    else:
        command = " ".join(["attredit evaluate", str(run.path), *config.plugin_options])
        unseen.append(f"It was not evaluated as it is now, so nothing is known of its edits: {command}")
    return Diagnosis(tuple(findings), tuple(unseen))


def _end(metrics: list[dict[str, float]]) -> dict[str, float]:
    """Means over the last part of training of every term that was computed there; not a number stays none."""
    if not metrics:
        return {}
    last = metrics[-1]["step"]
    late = [line for line in metrics if line["step"] > (1 - _END) * last]
    names = dict.fromkeys(name for line in late for name in line if name != "step")
    return {name: fmean(line[name] for line in late if name in line) for name in names}


def _terms(config: RunConfig, *uses: str) -> Iterator[tuple[str, Player, str, Term]]:
    """Every term of registered kinds: player's name, player, term's name, term."""
    for name, player in config.recipe.players.items():
        for term, spec in player.terms_of(*uses).items():
            yield name, player, term, spec


def _nats(config: RunConfig, term: Term, value: float) -> float:
    """A KL term as logged, in nats per latent dimension."""
    if term.options.get("reduction", "mean") == "sum":
        value /= config.recipe.latent_dim
    return value / config.batch_size if term.options.get("batch", "mean") == "sum" else value


def _divergence(config: RunConfig, end: dict[str, float]) -> Iterator[Finding]:
    """Of the latent from its prior: too much, or next to none."""
    for player, _, name, term in _terms(config, "kl"):
        if f"{player}/{name}" not in end:
            continue
        nats = _nats(config, term, end[f"{player}/{name}"])
        ended = f"The KL divergence ended at {nats:.3g} nats per latent dimension: the latent"
        if nats < COLLAPSED:
            yield Finding(
                "latent collapse",
                f"{ended} says next to nothing of an image, and all reconstructions look alike.",
                f"Give it less weight: {_weigh(player, name, term, 0.1)}",
            )
        elif not nats < RUNAWAY:  # also where it is no number
            adversary = any(f"{p}/{n}" in end for p, _, n, _ in _terms(config, "fit"))
            yield Finding(
                "runaway KL",
                f"{ended} has run away from its prior{', from an adversary that it flees' if adversary else ''}.",
                _bounded(config) if adversary else f"Give it more weight: {_weigh(player, name, term, 10)}",
            )


def _bounded(config: RunConfig) -> str:
    weaker = "; ".join(_weigh(p, n, t, 0.01) for p, _, n, t in _terms(config, "penalty"))
    bounded = _exchanged(config, "confusion")
    if not bounded:
        return f"Give the factorizer less weight: {weaker}"
    return f"Use a bounded factorizer ({bounded}), or give it less weight: {weaker}"


def _exchanged(config: RunConfig, use: str) -> str:
    """The options that put another factorizer in the place of each; nothing where it is there already."""
    parts = dict.fromkeys(t.options.get("part", "factorizer") for *_, t in _terms(config, "fit", "penalty"))
    others = [part for part in parts if config.recipe.parts[part].use != f"ifcvaegan/{use}"]
    return " ".join(f"--set parts.{part}.use={use}" for part in others)


def _discriminators(config: RunConfig, end: dict[str, float]) -> Iterator[Finding]:
    """Where they are certain, the gradient that others have of them vanishes or misleads."""
    sides = list(_terms(config, "gan", "gan_generator"))
    for player, spec, name, term in sides:
        part, value = term.options.get("part", "discriminator"), end.get(f"{player}/{name}")
        against = [s for s in sides if s[0] != player and s[3].options.get("part", "discriminator") == part]
        if value is None or part not in spec.trains or not against:
            continue
        guessing = 3.0 * float(term.options.get("scale", 1 / 3)) * math.log(2)
        guessing *= config.batch_size if term.options.get("batch", "mean") == "sum" else 1
        if value < WON * guessing:
            yield Finding(
                "a discriminator that won",
                f"The {part} ended at {value / guessing:.1%} of the loss of guessing: it tells drawn images from real "
                "ones without effort, and its gradient says little.",
                f"Let it learn slower: --set players.{player}.optimizer.lr={_scaled(spec.optimizer.lr, 0.1)}",
            )


def _auxiliaries(config: RunConfig, end: dict[str, float]) -> Iterator[Finding]:
    guessing = fmean(math.log(len(a.values)) for a in config.attributes)
    for player, _, name, _ in _terms(config, "fit"):
        value = end.get(f"{player}/{name}")
        if value is not None and value < SATURATED * guessing:
            yield Finding(
                "a saturated auxiliary network",
                f"The auxiliary network ended at {value / guessing:.1%} of the loss of guessing: it reads "
                f"{' and '.join(config.schema_.names)} off the latent, and the encoder does not get it out.",
                _factorize(config),
            )


def _ignored(config: RunConfig, evaluation: Evaluation) -> Iterator[Finding]:
    for name, figures in evaluation.attributes.items():
        if not {"class0", "class1"} <= figures.keys():
            continue
        class0, class1 = figures["class0"].value, figures["class1"].value
        if class0 + class1 > IGNORED_SUM:
            continue
        leakage = figures.get("leakage_mean")
        what = (
            f"Edits of {name} do nothing: class0 {class0:.3f} and class1 {class1:.3f} sum to {class0 + class1:.2f}, "
            "as of a decoder that ignores what it is told."
        )
        probed = "" if leakage is None else f" A probe reads it off the latent with accuracy {leakage.value:.3f}"
        if leakage is not None and leakage.value >= LEAKING:
            yield Finding("ignored attributes", f"{what}{probed}: the decoder takes it from there.", _factorize(config))
        else:
            unlearnt = probed and f"{probed} only: the model has not learnt it."
            yield Finding("edits that do nothing", f"{what}{unlearnt}", _ask(config))


def _factorize(config: RunConfig) -> str:
    """How to get an attribute out of the latent."""
    terms = list(_terms(config, "penalty"))
    if not terms:
        return "Use a method that factorizes: --method ifcvaegan"
    heavier = "; ".join(_weigh(p, n, t, 10) for p, _, n, t in terms)
    matching = _exchanged(config, "mmd")
    enough = " ".join(f"--set players.{p}.terms.{n}={MATCHING:g}" for p, _, n, _ in terms)
    other = f", or use one without an adversary: {matching} {enough}" if matching else ""
    return f"Give the factorizer more weight ({heavier}){other}"


def _ask(config: RunConfig) -> str:
    """How to have edits in training: more of a term that is there, or a first one."""
    terms = [_weigh(p, n, t, 10) for p, player, n, t in _terms(config, "class_edit") if "decoder" in player.trains]
    players = [name for name, player in config.recipe.players.items() if "decoder" in player.trains]
    first = [f'--set \'players.{p}.terms.class_edit={{"weight": 0.01, "only": ["decoder"]}}\'' for p in players]
    return f"Train longer, or ask more for edits in training: {'; '.join(terms or first)}"


def _moved(config: RunConfig, evaluation: Evaluation) -> Iterator[Finding]:
    for edited, others in evaluation.off_target_matrix.items():
        cells = [(other, cell, _excess(cell)) for other, cell in others.items()]
        wrong = [(other, cell, excess) for other, cell, excess in cells if excess is not None and _sure(excess)]
        if not wrong:
            continue
        wrong.sort(key=lambda found: -abs(found[2].value))
        yield Finding(
            "a wrong attribute moved",
            f"Edits of {edited} move other attributes, as the judge's probability says: "
            f"{', '.join(_said(other, cell) for other, cell, _ in wrong)}.",
            _tell_apart(config, edited, wrong[0][0]),
        )


def _excess(cell: Movement) -> Estimate | None:
    """What of a movement is wrong.

    True edits say how the judge itself confuses the two; an edit that goes further is wrong, also where it follows the
    data. Where there are none, what goes together in the data may belong together, and only the rest is wrong.
    """
    if cell.true is None:
        return cell.unexplained
    true = (cell.true.low, cell.true.value, cell.true.high)
    known = [0.0, *(value for value in true if value is not None)]
    return cell.moved.beyond(min(known), max(known))


def _sure(excess: Estimate) -> bool:
    return abs(excess.value) >= MOVED and excess.low is not None and excess.low * (excess.high or 0.0) > 0


def _said(other: str, cell: Movement) -> str:
    true = [] if cell.true is None else [f"{cell.true.value:+.2f} in true edits"]
    data = [] if cell.correlated is None else [f"{cell.correlated:+.2f} in the training labels"]
    return f"{other} by {cell.moved.value:+.2f} ({', '.join([*true, *data])})"


def _tell_apart(config: RunConfig, edited: str, other: str) -> str:
    names, also = config.schema_.names, other.partition("=")[0]
    if also in names:
        return f"Train longer, and on more images in which {edited} and {other} come one without the other."
    attributes = " ".join(f"--attr {name}" for name in (*names, also))
    return f"Train on both, so that the model tells them apart ({attributes}), or longer."


def _weigh(player: str, name: str, term: Term, factor: float) -> str:
    """The option that multiplies a term's weight."""
    return f"--set players.{player}.terms.{name}={_scaled(term.weight, factor)}"


def _scaled(value: float | Schedule, factor: float) -> str:
    """A number, or the largest that a schedule comes to, times a factor."""
    largest = max(value.start, value.end, key=abs) if isinstance(value, Schedule) else value
    return f"{largest * factor:g}"
