"""Searches of a recipe's values: what they try, where they go on, and what they say at the end."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from attredit import tune
from attredit.errors import DivergenceError, UsageError
from attredit.evaluation.result import Evaluation, JudgeFacts
from attredit.evaluation.statistics import Estimate
from attredit.runs.directory import RunDirectory

KL = "players.autoencoder.terms.kl.weight"


@pytest.mark.parametrize(
    "text, found",
    [
        ("0.001..0.1:log", {"low": 0.001, "high": 0.1, "log": True}),
        ("1..2.5", {"low": 1.0, "high": 2.5, "log": False}),
        ("4..16:log", {"low": 4, "high": 16, "log": True}),
        ("8,16", {"choices": (8, 16)}),
        ("relu,silu", {"choices": ("relu", "silu")}),
    ],
)
def test_ranges_are_read(text: str, found: dict[str, Any]) -> None:
    [(key, space)] = tune.spaces_of([f"a.b={text}"]).items()
    assert key == "a.b"
    assert {name: getattr(space, name) for name in found} == found


@pytest.mark.parametrize("text", ["", "3", "2..1", "0..1:log", "a..b", "1..2..3", "1,2:log"])
def test_what_cannot_be_searched_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--over a=.*KEY=LOW\.\.HIGH"):
        tune.spaces_of([f"a={text}"])


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Trainings that write no more than a config, and figures that are a function of the weight of the KL term."""
    asked: list[tuple[str, str]] = []

    def train(request: Any, **_: Any) -> Path:
        (Path(request.run_dir)).mkdir(parents=True)
        if request.overrides[KL] > 0.5:
            raise DivergenceError("rec is not finite.")
        (Path(request.run_dir) / "asked.json").write_text(json.dumps(request.overrides))
        return Path(request.run_dir)

    def evaluate(run: Path, *, split: str, **_: Any) -> Evaluation:
        if "stop" in (run.parent.name, *(path.name for path in run.parent.iterdir())):
            raise KeyboardInterrupt
        asked.append((run.name, split))
        value = (json.loads((run / "asked.json").read_text())[KL] - 0.1) ** 2
        mse = Estimate(value, value - 1e-3, value + 1e-3, 10)
        found = Evaluation(
            split=split, images=10, judge=JudgeFacts(hash="", accuracy={}, agreement={}), identity=None,
            metrics={"mse": mse, "psnr": Estimate(20.0, 19.0, 21.0, 10)}, attributes={}, off_target_matrix={},
            not_measured={}, data={}, run={}, versions={},
        )  # fmt: skip
        found.write(RunDirectory(run))
        return found

    monkeypatch.setattr(tune, "train", train)
    monkeypatch.setattr(tune, "evaluate", evaluate)
    return asked


def attredit(*words: str) -> Any:
    from attredit.cli.group import cli

    return CliRunner().invoke(cli, ["tune", *words], prog_name="attredit")


def test_a_search_goes_on_where_it_was_stopped_and_prints_how_to_train_the_best(
    measuring: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, words = (
        tmp_path / "search",
        ["ifcvaegan", "--attr", "Smiling", "--metric", "mse", "--over", f"{KL}=0.05..9:log"],
    )
    out.mkdir()
    (out / "stop").touch()
    assert attredit(*words, "--trials", "6", "-o", str(out)).exit_code == 130
    (out / "stop").unlink()
    result = attredit(*words, "--trials", "6", "-o", str(out))
    assert result.exit_code == 0, result.output
    found = {path.parent.name: json.loads(path.read_text())[KL] for path in out.glob("trial-*/asked.json")}
    # The one that was under way has its values still, and none was measured on anything but validation images.
    assert sorted(measuring) == [(name, "valid") for name in sorted(found)]
    assert len(set(found.values())) == len(found)
    assert result.stdout.count("diverged") == 6 - len(found) > 0
    best = min(found, key=lambda name: abs(found[name] - 0.1))
    assert f"{out / best};" in result.stdout
    assert f"attredit train --method ifcvaegan --attr Smiling --set {KL}={found[best]}" in result.stdout
    assert (out / "tune.png").read_bytes().startswith(b"\x89PNG")
    assert attredit(*words, "--trials", "6", "-o", str(out)).stdout == result.stdout  # nothing was left to do
    other = attredit(*words, "--steps", "9", "-o", str(out))
    assert other.exit_code == 2
    assert "search of something else" in other.stderr


def test_a_training_that_was_under_way_is_continued(measuring: Any, tiny_request: Any, tmp_path: Path) -> None:
    request, spaces, resumed = tiny_request(), tune.spaces_of([f"{KL}=0.05,0.2"]), []
    study = tune.study_of(request, spaces, "mse", None, tmp_path)
    trial = study.ask(spaces)
    run = tune.run_of(tmp_path, trial.number)
    tune.train(SimpleNamespace(run_dir=run, overrides=trial.params))
    (run / "training.safetensors").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune, "resume", lambda path, **_: resumed.append(path))
        tune.search(tune.study_of(request, spaces, "mse", None, tmp_path), request, spaces, 1, tmp_path)
    assert resumed == [run]
    assert measuring == [("trial-0", "valid")]


def test_a_figure_that_was_not_measured_is_a_sentence(measuring: Any, tmp_path: Path) -> None:
    result = attredit("ifcvaegan", "--attr", "Smiling", "--over", f"{KL}=0.05,0.2", "-o", str(tmp_path / "s"))
    assert result.exit_code == 2
    assert "composite_edit_success of" in result.stderr
    assert "--metric" in result.stderr


@pytest.mark.parametrize(
    "over, metric, said", [("latent_dims=1,2", "mse", "latent_dims"), ("latent_dim=8,9", "msee", "Did you mean mse")]
)
def test_keys_and_metrics_that_are_none_are_refused_at_once(over: str, metric: str, said: str, tmp_path: Path) -> None:
    result = attredit("ifcvaegan", "--attr", "Smiling", "--over", over, "--metric", metric, "-o", str(tmp_path / "s"))
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "s").exists()


def test_without_optuna_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna.distributions", None)
    with pytest.raises(UsageError, match=r"pip install 'attredit\[tune\]'"):
        tune.spaces_of(["a=1,2"])
