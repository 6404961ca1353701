"""Findings on runs trained to have them, and on a healthy one; by hand only what no training of seconds ends at."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from attredit.cli.group import cli
from attredit.evaluation.judge_training import JudgeSettings
from attredit.evaluation.result import Evaluation, JudgeFacts, Movement
from attredit.evaluation.statistics import Estimate
from attredit.files import read_metadata
from attredit.launch import evaluate, train
from attredit.plugin.registry import installed
from attredit.recipe import parse_overrides, resolve
from attredit.report.doctor import Finding, diagnose
from attredit.request import Request
from attredit.runs.directory import RunDirectory
from attredit.training.players import build

CHANCE = 0.6931
JUDGE = JudgeSettings(width=8, epochs=1, steps=100)
AUTOENCODER = "players.autoencoder"

# Of the training images nineteen of twenty that smile are pale; of the test images half. One data set, so one judge.
FACES = {"train": 600, "valid": 8, "test": 64, "correlate": "train", "correlation": {"Smiling": {"Pale_Skin": 0.95}}}
NARROW = {"parts.encoder.options.width": 4, "parts.decoder.options.width": 4, "latent_dim": 16}

HEALTHY: dict[str, Any] = {
    "steps": 200,
    "overrides": {"parts.encoder.options.width": 8, "parts.decoder.options.width": 8, "latent_dim": 32},
}
# A weak KL, nothing that factorizes, and a decoder to which labels are one input among many. A hat is large enough to
# be in the latent at once; a moustache is not.
IGNORED: dict[str, Any] = {
    "method": "naive-cvaegan",
    "attributes": ("Wearing_Hat", "Mustache"),
    "steps": 200,
    "overrides": {"parts.decoder.options.gated": False, f"{AUTOENCODER}.terms.kl": 0.0003, "latent_dim": 32},
}
MOVED: dict[str, Any] = {"preset": "conv", "attributes": ("Smiling",), "steps": 150}
# A fast discriminator against a decoder that hardly moves.
WON: dict[str, Any] = {
    "preset": "adversarial",
    "steps": 60,
    "overrides": {
        "parts.discriminator.options.width": 4,
        "players.discriminator.start": 0,
        "players.discriminator.optimizer.lr": 0.003,
        f"{AUTOENCODER}.optimizer.lr": 1e-5,
    },
}
# A large attribute, and an adversary that the encoder hardly hears.
SATURATED: dict[str, Any] = {
    "method": "ifcvae",
    "attributes": ("Blond_Hair",),
    "steps": 150,
    "overrides": {
        "parts.factorizer": {"use": "confusion", "options": {"width": 256}},
        "players.auxiliary.optimizer.lr": 0.002,
        f"{AUTOENCODER}.terms.penalty": 0.0001,
        f"{AUTOENCODER}.terms.kl": 1e-5,
        "latent_dim": 32,
    },
}
# Far away, but below the limit that would stop the run.
RUNAWAY: dict[str, Any] = {
    "method": "ifcvae",
    "steps": 80,
    "overrides": {
        "parts.factorizer": {"use": "minimax", "options": {"width": 32}},
        "players.auxiliary.optimizer.lr": 0.01,
        f"{AUTOENCODER}.terms.penalty": 100,
        f"{AUTOENCODER}.optimizer.lr": 0.005,
        f"{AUTOENCODER}.clip": None,
    },
}
COLLAPSED: dict[str, Any] = {"method": "naive-cvaegan", "steps": 60, "overrides": {f"{AUTOENCODER}.terms.kl": 10}}

Train = Callable[[dict[str, Any]], RunDirectory]


def request(where: Path, changes: dict[str, Any]) -> Request:
    base = Request(
        attributes=("Wearing_Hat",),
        image_size=32,
        batch_size=16,
        log_every=10,
        data_options=FACES,
        run_dir=str(where),
        device="cpu",
    )
    return base.replaced(**{**changes, "overrides": {**NARROW, **changes.get("overrides", {})}})


@pytest.fixture
def trained(tmp_path: Path) -> Train:
    """Train, once or again with something changed."""

    def make(changes: dict[str, Any]) -> RunDirectory:
        return RunDirectory(train(request(tmp_path / f"run{len(list(tmp_path.iterdir()))}", changes)))

    return make


def examined(run: RunDirectory) -> list[Finding]:
    """What is found after an evaluation."""
    evaluate(run.path, device="cpu", judge=JUDGE)
    diagnosis = diagnose(run)
    assert diagnosis.unseen == ()
    return list(diagnosis.findings)


def options(finding: Finding) -> list[dict[str, Any]]:
    """Every ``--set`` that a finding recommends."""
    found = re.findall(r"--set (?:'([^']+)'|([^\s;)]+))", finding.change)
    return [parse_overrides([quoted or bare]) for quoted, bare in found]


def followed(changes: dict[str, Any], option: dict[str, Any]) -> dict[str, Any]:
    """The same training with an option that was recommended; it exists, can be built, and changes something."""
    after = {**changes, "overrides": {**changes.get("overrides", {}), **option}}
    before, now = (request(Path("unused"), asked) for asked in (changes, after))
    old, new = (resolve(installed(), asked.method, asked.preset, asked.overrides) for asked in (before, now))
    assert new.hash != old.hash
    schema = installed().find("dataset", now.dataset).load()(image_size=32).schema.select(now.attributes)
    build(installed(), new, schema, channels=3, image_size=32)
    return after


def names(findings: list[Finding]) -> list[str]:
    return [finding.name for finding in findings]


def test_a_healthy_run_has_nothing(trained: Train) -> None:
    run = trained(HEALTHY)
    diagnosis = diagnose(run)
    assert diagnosis.findings == ()
    assert diagnosis.unseen == (
        f"It was not evaluated as it is now, so nothing is known of its edits: attredit evaluate {run.path}",
    )
    assert examined(run) == []
    assert CliRunner().invoke(cli, ["doctor", str(run.path)]).output == "Nothing wrong was found.\n"


def test_attributes_that_the_decoder_ignores_and_that_nothing_learnt(trained: Train) -> None:
    ignored, nothing = examined(trained(IGNORED))
    assert (ignored.name, nothing.name) == ("ignored attributes", "edits that do nothing")
    assert ignored.what.startswith("Edits of Wearing_Hat do nothing: class0 ")
    assert "the decoder takes it from there" in ignored.what
    assert "--method ifcvaegan" in ignored.change
    assert nothing.what.startswith("Edits of Mustache do nothing: class0 ")
    assert "has not learnt it" in nothing.what
    assert options(nothing) == [{f"{AUTOENCODER}.terms.class_edit": {"weight": 0.01, "only": ["decoder"]}}]
    followed(IGNORED, options(nothing)[0])


def test_a_wrong_attribute_that_moved_though_the_training_images_have_it_so(trained: Train) -> None:
    run = trained(MOVED)
    [finding] = examined(run)
    assert finding.name == "a wrong attribute moved"
    cell = Evaluation.read(run).off_target_matrix["Smiling"]["Pale_Skin"]
    assert cell.unexplained is not None
    assert cell.unexplained.value == 0  # the data explain all of it, and it is wrong all the same
    assert f"as the judge's probability says: Pale_Skin by {cell.moved.value:+.2f} (" in finding.what
    assert "--attr Smiling --attr Pale_Skin" in finding.change


def test_a_discriminator_that_won(trained: Train) -> None:
    [finding] = diagnose(trained(WON)).findings
    assert finding.name == "a discriminator that won"
    [slower] = options(finding)
    assert slower == {"players.discriminator.optimizer.lr": 0.0003}
    assert diagnose(trained(followed(WON, slower))).findings == ()


def test_a_saturated_auxiliary_network(trained: Train) -> None:
    [finding] = diagnose(trained(SATURATED)).findings
    assert finding.name == "a saturated auxiliary network"
    assert "it reads Blond_Hair off the latent" in finding.what
    key = f"{AUTOENCODER}.terms.penalty"
    assert options(finding) == [{key: 0.001}, {"parts.factorizer.use": "mmd"}, {key: 0.1}]
    for option in options(finding):
        followed(SATURATED, option)


def test_a_latent_that_ran_away(trained: Train) -> None:
    [finding] = diagnose(trained(RUNAWAY)).findings
    assert finding.name == "runaway KL"
    assert "an adversary that it flees" in finding.what
    bounded, weaker = options(finding)
    assert (bounded, weaker) == ({"parts.factorizer.use": "confusion"}, {f"{AUTOENCODER}.terms.penalty": 1})
    for option in (bounded, weaker):
        assert diagnose(trained(followed(RUNAWAY, option))).findings == ()


def test_a_latent_that_collapsed_and_the_command_that_says_it(trained: Train, tmp_path: Path) -> None:
    run = trained(COLLAPSED)
    [finding] = diagnose(run).findings
    assert finding.name == "latent collapse"
    assert options(finding) == [{f"{AUTOENCODER}.terms.kl": 1}]
    followed(COLLAPSED, options(finding)[0])
    done = CliRunner().invoke(cli, ["doctor", str(run.path)])
    assert done.exit_code == 0
    assert done.output.splitlines() == [finding.what, f"  {finding.change}", *diagnose(run).unseen]
    assert CliRunner().invoke(cli, ["doctor", str(tmp_path / "nothing")]).exit_code != 0


# --- by hand: scales of terms, and figures of data that cannot be drawn ---------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run whose recipe sums over the batch of 8; what it logged is each test's own."""
    narrow = {f"parts.{p}.options.width": 4 for p in ("factorizer", "discriminator")}
    summing = {"preset": "reference", "batch_size": 8, "steps": 2, "overrides": narrow}
    return RunDirectory(train(request(tmp_path_factory.mktemp("doctor") / "run", summing)))


def ended(run: RunDirectory, **terms: float) -> list[Finding]:
    """What is found when the last fifth of training logged these values."""
    lines = [{"step": step, **{k.replace("__", "/"): v for k, v in terms.items()}} for step in range(10, 101, 10)]
    for line in lines[:8]:
        line.update({k.replace("__", "/"): 1.0 for k in terms})
    run.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return list(diagnose(run).findings)


def test_sums_and_means_of_the_divergence_are_told_apart(run: RunDirectory) -> None:
    # The preset multiplies by the batch of 8: 8 x .3 nats a dimension is healthy, 8 x .009 is not, nor is 8 x 60.
    assert ended(run, autoencoder__kl=8 * 0.3) == []
    assert names(ended(run, autoencoder__kl=8 * 0.009)) == ["latent collapse"]
    [finding] = ended(run, autoencoder__kl=8 * 60.0)
    assert finding.name == "runaway KL"
    assert "adversary" not in finding.what  # none logged anything
    assert options(finding) == [{f"{AUTOENCODER}.terms.kl": 2}]


def test_sums_and_scales_of_the_discriminators_loss_are_told_apart(run: RunDirectory) -> None:
    guessing = 8 * 3 * 0.3 * CHANCE  # a sum over the batch and over three kinds of images, weighted by .3
    assert ended(run, discriminator__gan=0.15 * guessing) == []
    assert names(ended(run, discriminator__gan=0.05 * guessing)) == ["a discriminator that won"]


def test_the_other_side_of_the_game_is_no_discriminator(request_for: Any) -> None:
    # The decoder minimises minus the discriminator's loss, a term of the same kind.
    game = {"players.decoder.terms.gan": {"use": "gan", "weight": -0.001, "every": 1}}
    run = RunDirectory(train(request_for(method="vae-gan", overrides=game, steps=2)))
    [finding] = ended(run, discriminator__gan=0.01, decoder__gan=0.01)
    assert options(finding) == [{"players.discriminator.optimizer.lr": 2e-05}]


def test_a_discriminator_that_nobody_plays_against_may_win(request_for: Any) -> None:
    run = RunDirectory(train(request_for(method="cvae-gan", steps=2)))  # whose decoder matches its features
    assert ended(run, discriminator__gan=0.01) == []


def test_a_factorizer_may_be_called_anything(run: RunDirectory, tmp_path: Path) -> None:
    copy = RunDirectory(shutil.copytree(run.path, tmp_path / "run"))
    called = {
        "parts": {"reader": {"use": "minimax"}, "factorizer": None},
        "players.auxiliary.trains": ["reader"],
        "players.auxiliary.terms.fit.options.part": "reader",
        f"{AUTOENCODER}.terms.aux.options.part": "reader",
    }
    config = copy.config()
    copy.write_config(config.model_copy(update={"recipe": config.recipe.overridden(called)}))
    [saturated] = ended(copy, auxiliary__fit=0.01)
    assert {"parts.reader.use": "mmd"} in options(saturated)
    [runaway] = ended(copy, autoencoder__kl=8 * 60.0, auxiliary__fit=1.0)
    assert {"parts.reader.use": "confusion"} in options(runaway)


def test_without_true_edits_the_data_are_the_measure(run: RunDirectory) -> None:
    def estimate(value: float, half: float = 0.02) -> Estimate:
        return Estimate(value, value - half, value + half, 100)

    far = Movement(estimate(0.3), None, 0.1, estimate(0.2))
    explained = Movement(estimate(0.3), None, 0.4, estimate(0.0))
    doubtful = Movement(estimate(0.2, 0.3), None, 0.0, estimate(0.2, 0.3))
    mistaken = Movement(estimate(0.3), estimate(0.29), 0.0, estimate(0.3))  # by the judge
    Evaluation(
        split="test",
        images=100,
        judge=JudgeFacts(hash="reader", accuracy={}, agreement={}),
        identity=None,
        metrics={},
        attributes={},
        off_target_matrix={
            "Wearing_Hat": {"Male": far, "Bangs": explained, "Mustache": doubtful, "Pale_Skin": mistaken}
        },
        not_measured={},
        data={},
        run={"step": read_metadata(run.model_file)["step"]},
        versions={},
    ).write(run)
    [finding] = [f for f in diagnose(run).findings if f.name == "a wrong attribute moved"]
    assert finding.what.endswith("says: Male by +0.30 (+0.10 in the training labels).")
    assert "--attr Wearing_Hat --attr Male" in finding.change
