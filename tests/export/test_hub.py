"""Runs on a hub: pushed whole, fetched wherever a RUN is taken, and a sentence for whatever goes wrong between."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from stand_in import Hub, serving

import attredit
from attredit.errors import PluginError, RunError, UsageError
from attredit.export.push import push
from attredit.launch import train
from attredit.report.card import write_card
from attredit.runs.directory import RunDirectory

# Of huggingface_hub itself, where it uploads without the library of its own that the stand-in does not speak to.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")

NAME, REPOSITORY = "hf:somebody/faces", "somebody/faces"
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)


@pytest.fixture(scope="module")
def run(tiny_request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = train(tiny_request(steps=2, run_dir=str(tmp_path_factory.mktemp("pushed") / "run")))
    write_card(RunDirectory(path), RunDirectory(path).config())
    return path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub that is asked instead of the real one, by somebody who has a token, with an empty cache."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    with serving() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(_http.time, "sleep", lambda _: None)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        yield hub


@pytest.fixture
def pushed(hub: Hub, run: Path) -> Hub:
    push(run, NAME)
    hub.asked.clear()
    return hub


def edited(name: str | Path) -> np.ndarray:
    return np.asarray(attredit.load(name).edit(PIXELS, Smiling=1, mode="decoded"))


def test_what_is_pushed_edits_as_the_run_does(pushed: Hub, run: Path) -> None:
    np.testing.assert_array_equal(edited(NAME), edited(run))
    [*_, files] = pushed.commits[REPOSITORY].values()
    kinds = {Path(name).suffix for name in files} - {""}
    assert kinds == {".json", ".jsonl", ".safetensors", ".md", ".png"}
    assert "training.safetensors" not in files
    # Fetched once; then the hub is only asked whether there is something newer.
    pushed.asked.clear()
    edited(NAME)
    assert [path for _, path, _ in pushed.asked] == [f"/api/models/{REPOSITORY}/revision/main"]


def test_the_card_has_the_figures(hub: Hub, run: Path, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    from attredit.evaluation.result import Evaluation

    figure = {"value": 0.25, "low": 0.2, "high": 0.3, "n": 32}
    found = {
        "split": "test", "images": 32, "judge": {"hash": "", "accuracy": {}, "agreement": {}}, "identity": None,
        "metrics": {"edit_success": figure}, "attributes": {}, "off_target_matrix": {}, "not_measured": {},
        "data": {"name": "synthfaces", "fingerprint": ""}, "run": {"step": 2}, "versions": {},
    }  # fmt: skip
    evaluation = Evaluation.model_validate(found)
    (run / "evaluation.json").write_text(json.dumps(evaluation.to_json()))
    push(run, NAME)
    [*_, files] = hub.commits[REPOSITORY].values()
    card = ModelCard(files["README.md"].decode())
    assert card.data.library_name == "attredit"
    [result] = card.data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_type) == ("edit_success", 0.25, "synthfaces")
    assert "0.2 to 0.3" in result.metric_name
    assert f'attredit.load("{NAME}")' in card.text
    assert "| Plugins | `attredit`" in card.text
    assert json.loads(files["evaluation.json"]) == evaluation.to_json()
    (run / "evaluation.json").unlink()


def test_every_command_takes_it(pushed: Hub) -> None:
    shown = command("show", NAME)
    assert shown.exit_code == 0
    assert "Smiling" in shown.stdout


def command(*words: str) -> Result:
    from attredit.cli.group import cli

    return CliRunner().invoke(cli, list(words), prog_name="attredit")


def test_a_cut_transfer_goes_on_where_it_was(pushed: Hub, run: Path) -> None:
    pushed.cuts = [5000]
    np.testing.assert_array_equal(edited(NAME), edited(run))
    assert not pushed.cuts
    assert any(asked == "bytes=5000-" for *_, asked in pushed.asked)


def test_a_transfer_that_is_cut_for_good_is_an_error_and_whole_files_are_kept(pushed: Hub, run: Path) -> None:
    pushed.cuts = [500_000] + 50 * [0]
    with pytest.raises(RunError, match=r"hf:somebody/faces: the hub cannot be reached: .* are kept"):
        attredit.load(NAME)
    pushed.cuts.clear()
    pushed.asked.clear()
    np.testing.assert_array_equal(edited(NAME), edited(run))
    assert {path.rpartition("/")[2] for method, path, _ in pushed.asked if method == "GET"} >= {"model.safetensors"}
    assert not [path for method, path, _ in pushed.asked if method == "GET" and path.endswith("config.json")]


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "does not know who asks"), (403, "does not allow it"), (429, "asked too often"), (500, "answers 500")],
)
def test_a_refusal_is_a_sentence(pushed: Hub, status: int, said: str) -> None:
    pushed.status = status
    with pytest.raises(RunError, match=said) as caught:
        attredit.load(NAME)
    assert "\n" not in str(caught.value)


def test_a_private_run_is_seen_with_its_token_only(hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push(run, NAME, private=True)
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    with pytest.raises(RunError, match=r"no hf:somebody/faces\b.*HF_TOKEN"):
        attredit.load(NAME)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert attredit.load(NAME).schema.names == ("Smiling",)


def test_what_is_not_there(pushed: Hub) -> None:
    with pytest.raises(RunError, match="There is no hf:somebody/else"):
        attredit.load("hf:somebody/else")
    with pytest.raises(RunError, match="hf:somebody/faces has no revision v9"):
        attredit.load(f"{NAME}@v9")
    pushed.commit("somebody/words", {"words.txt": b"none"})
    with pytest.raises(RunError, match=r"no run: it has no config\.json"):
        attredit.load("hf:somebody/words")
    for name in ("hf:faces", "hf:", "hf:a/b/c", "hf:a/b@", "hf:a/b c"):
        with pytest.raises(UsageError, match="names no run on the hub"):
            attredit.load(name)


def test_a_revision_stays_and_what_is_newest_moves(pushed: Hub, run: Path) -> None:
    first = list(pushed.commits[REPOSITORY])[-1]
    config = json.loads((run / "config.json").read_text())
    config["steps"] = 77
    pushed.commit(REPOSITORY, {"config.json": json.dumps(config).encode()})
    assert attredit.load(NAME).config.steps == 77
    assert attredit.load(f"{NAME}@{first}").config.steps == 2
    pushed.status = 500  # nothing of a commit changes: nobody is asked
    assert attredit.load(f"{NAME}@{first}").config.steps == 2


def test_offline_nothing_is_asked(pushed: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(RunError, match="not in the cache, and HF_HUB_OFFLINE is set"):
        attredit.load(NAME)
    assert not pushed.asked
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    attredit.load(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    pushed.asked.clear()
    assert attredit.load(NAME).config.steps == 2
    assert not pushed.asked


def test_a_plugin_that_is_not_here_is_named(pushed: Hub, run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    config["origins"]["encoder"] = {"id": "far/encoder", "distribution": "attredit-far", "version": "2.1"}
    pushed.commit(REPOSITORY, {"config.json": json.dumps(config).encode()})
    with pytest.raises(PluginError, match=r"far/encoder, whose plugin is not installed.*attredit-far==2\.1"):
        attredit.load(NAME)


def test_what_cannot_be_pushed(hub: Hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match="is no run"):
        push(tmp_path, NAME)
    with pytest.raises(UsageError, match="names a revision"):
        push(run, f"{NAME}@v1")
    assert not hub.asked
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    refused = command("push", str(run), NAME)
    assert refused.exit_code == 1
    assert re.search(r"^Error: hf:somebody/faces: ", refused.stderr, re.M)
    assert not hub.commits


def test_a_process_of_its_own_reads_the_environment(pushed: Hub, run_process: Any, tmp_path: Path) -> None:
    # As users have it: nothing is set in Python.
    os_environ = {"HF_ENDPOINT": pushed.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "home")}
    code = f"import os; os.environ.update({os_environ!r}); import attredit; print(attredit.load({NAME!r}).schema.names)"
    assert run_process([sys.executable, "-c", code]).stdout == "('Smiling',)\n"
    hosts = {path.split("/")[1] for _, path, _ in pushed.asked}
    assert hosts == {"api", "somebody"}
    assert os.listdir(tmp_path / "home")


def test_what_was_fetched_is_listed_and_what_is_no_run_is_not(pushed: Hub, tmp_path: Path) -> None:
    from attredit.cli.group import cli

    def listed() -> str:
        return CliRunner().invoke(cli, ["models"], env={"COLUMNS": "200"}).stdout

    assert NAME not in listed()
    attredit.load(NAME)
    other = tmp_path / "cache" / "models--other--net" / "snapshots" / ("0" * 40)
    other.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (other / name).write_text("{}")
    [line] = [line for line in listed().splitlines() if "hf:" in line]
    for words in (NAME, "Smiling", "synthfaces, 96 images", "32x32"):
        assert words in line
