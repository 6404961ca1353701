"""Findings on runs made to have them: by training where seconds are enough, else by figures put there by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from attredit.checkpoint import RunDirectory
from attredit.cli.group import cli
from attredit.doctor import Finding, diagnose
from attredit.evaluation.result import Cell, Evaluation, JudgeFacts
from attredit.evaluation.statistics import Estimate
from attredit.launch import train

CHANCE = 0.6931


def estimate(value: float, half: float = 0.02) -> Estimate:
    return Estimate(value, value - half, value + half, 100)


@pytest.fixture
def run(request_for: Any) -> RunDirectory:
    """A training with an adversary and a discriminator that ended well, as its metrics have it."""
    narrow = {f"parts.{p}.options.width": 4 for p in ("factorizer", "discriminator")}
    made = RunDirectory(train(request_for(preset="reference", overrides=narrow, steps=4)))
    ended(made, autoencoder__kl=8 * 1.5, auxiliary__fit=0.6, discriminator__gan=4.0)
    return made


def ended(run: RunDirectory, **terms: float) -> list[Finding]:
    """What is found when the last fifth of training logged these values."""
    lines = [{"step": step, **{k.replace("__", "/"): v for k, v in terms.items()}} for step in range(10, 101, 10)]
    for line in lines[:8]:
        line.update({k.replace("__", "/"): 1.0 for k in terms})
    run.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return list(diagnose(run).findings)


def evaluated(run: RunDirectory, figures: dict[str, float], **matrix: Cell) -> list[Finding]:
    """What is found after an evaluation with these figures of Smiling."""
    own = {name: estimate(value) for name, value in figures.items()}
    Evaluation(
        split="test",
        images=100,
        judge=JudgeFacts(hash="reader", accuracy={}),
        identity=None,
        metrics=own,
        attributes={"Smiling": own},
        off_target_matrix={"Smiling": matrix},
        not_measured={},
        data={},
        run={},
        versions={},
    ).write(run)
    return list(diagnose(run).findings)


def names(findings: list[Finding]) -> list[str]:
    return [finding.name for finding in findings]


def test_a_healthy_run_has_nothing_and_says_that_it_was_not_evaluated(run: RunDirectory) -> None:
    diagnosis = diagnose(run)
    assert diagnosis.findings == ()
    assert diagnosis.unseen == (
        f"It was not evaluated, so nothing is known of its edits: attredit evaluate {run.path}",
    )
    good = {"class0": 0.99, "class1": 1.0, "leakage_mean": 0.99}
    small = Cell(estimate(0.03), None, 0.0, estimate(0.03))
    assert evaluated(run, good, Male=small) == []


def test_a_latent_that_collapsed(request_for: Any) -> None:
    heavy = {"players.autoencoder.terms.kl": 1e4}
    run = RunDirectory(train(request_for(method="naive-cvaegan", overrides=heavy, steps=250)))
    [finding] = diagnose(run).findings
    assert finding.name == "latent collapse"
    assert "--set players.autoencoder.terms.kl=1000" in finding.change


def test_sums_and_means_of_the_divergence_are_told_apart(run: RunDirectory) -> None:
    # The preset multiplies by the batch of 8: 8 x .3 nats a dimension is healthy, 8 x .009 is not, nor is 8 x 60.
    assert ended(run, autoencoder__kl=8 * 0.3) == []
    assert names(ended(run, autoencoder__kl=8 * 0.009)) == ["latent collapse"]
    assert names(ended(run, autoencoder__kl=8 * 60.0)) == ["runaway KL"]
    assert names(ended(run, autoencoder__kl=float("nan"))) == ["runaway KL"]


def test_a_discriminator_that_won(run: RunDirectory) -> None:
    guessing = 8 * 3 * 0.3 * CHANCE  # a sum over the batch and over three kinds of images, weighted by .3
    assert ended(run, discriminator__gan=0.15 * guessing) == []
    [finding] = ended(run, discriminator__gan=0.05 * guessing)
    assert finding.name == "a discriminator that won"
    assert "5% of the loss of guessing" in finding.what


def test_a_saturated_auxiliary_network(run: RunDirectory) -> None:
    assert ended(run, auxiliary__fit=0.5 * CHANCE) == []
    [finding] = ended(run, auxiliary__fit=0.02 * CHANCE)
    assert finding.name == "a saturated auxiliary network"


def test_attributes_that_the_decoder_ignores(run: RunDirectory) -> None:
    assert names(evaluated(run, {"class0": 0.05, "class1": 0.99, "leakage_mean": 1.0})) == ["ignored attributes"]
    assert names(evaluated(run, {"class0": 0.05, "class1": 0.99, "leakage_mean": 0.7})) == ["edits that do nothing"]
    assert evaluated(run, {"class0": 0.5, "class1": 0.99, "leakage_mean": 1.0}) == []


def test_a_wrong_attribute_that_moved(run: RunDirectory) -> None:
    good = {"class0": 0.99, "class1": 1.0}
    far = Cell(estimate(0.3), None, 0.1, estimate(0.2))
    explained = Cell(estimate(0.3), None, 0.4, estimate(0.0))
    doubtful = Cell(estimate(0.2, 0.3), None, 0.0, estimate(0.2, 0.3))
    [finding] = evaluated(run, good, Male=far, Bangs=explained, Mustache=doubtful)
    assert finding.name == "a wrong attribute moved"
    assert "probability of Male by +0.30" in finding.what
    assert "--attr Smiling --attr Male" in finding.change


def test_the_command(run: RunDirectory, tmp_path: Path) -> None:
    ended(run, auxiliary__fit=0.0)
    done = CliRunner().invoke(cli, ["doctor", str(run.path)])
    assert done.exit_code == 0
    assert "reads the attribute off the latent" in done.output
    assert "--set parts.factorizer.use=mmd" in done.output
    assert "attredit evaluate" in done.output
    assert CliRunner().invoke(cli, ["doctor", str(tmp_path / "nothing")]).exit_code != 0
