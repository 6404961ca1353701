"""A plugin with the names of shipped components disturbs neither methods nor runs; only who types one is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attredit import load
from attredit.benchmark.cells import cells_of
from attredit.benchmark.choose import chosen
from attredit.benchmark.suite import read_suite
from attredit.errors import PluginError, UsageError
from attredit.evaluation.judge_training import JudgeSettings
from attredit.launch import evaluate, resume, train, trainer_of
from attredit.plugin.registry import Registry, installed, using_plugins
from attredit.recipe import presets_of, resolve
from attredit.runs.directory import RunDirectory

# It has every name that ships, of everything but metrics, and what it has cannot even be built.
THIEF = """
from attredit import Part, Recipe, Term, Player, hookimpl

attredit_api = 1
NAMES = {names}


def nothing(*args, **options):
    raise RuntimeError("not what was meant")


players = {{"autoencoder": Player(trains=("encoder", "decoder"), terms={{"kl": 0.5, "rec": Term(use="core/rec")}})}}
recipe = Recipe(extends="ifcvaegan", parts={{"encoder": Part(use="conv")}}, players=players)
large = Recipe(extends="ifcvaegan", latent_dim=128)


def hook(kind):
    def register_all(register):
        for name in NAMES[kind]:
            more = {{"presets": {{"large": "thief:large"}}}} if kind == "method" else {{}}
            register(name, "thief:recipe" if kind == "method" else "thief:nothing", **more)
    return hookimpl(specname=f"register_{{kind}}s")(register_all)


for kind in NAMES:
    globals()[kind] = hook(kind)
"""
KINDS = ("encoder", "decoder", "discriminator", "factorizer", "term", "dataset", "method")


def shipped() -> dict[str, dict[str, Any]]:
    """Every recipe that ships, in full."""
    ours = [c for c in installed().components("method") if c.distribution == "attredit"]
    return {f"{c.id}:{p}": resolve(installed(), c.id, p).model_dump() for c in ours for p in presets_of(c)}


@pytest.fixture(scope="module")
def thief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = {kind: sorted({c.name for c in installed().components(kind)}) for kind in KINDS}
    file = tmp_path_factory.mktemp("thief") / "thief.py"
    file.write_text(THIEF.format(names=names))
    return file


@pytest.fixture
def beside_it(thief: Path) -> Iterator[Registry]:
    with using_plugins([thief]):
        yield installed()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_request: Any) -> Path:
    return train(tiny_request(run_dir=str(tmp_path_factory.mktemp("names") / "run"), steps=4, dataset="synthfaces"))


def test_configurations_hold_full_names(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    assert (config["request"]["method"], config["request"]["dataset"]) == (
        "ifcvaegan/ifcvaegan", "synthfaces/synthfaces",
    )  # fmt: skip
    uses = [part["use"] for part in config["recipe"]["parts"].values()]
    uses += [term["use"] for player in config["recipe"]["players"].values() for term in player["terms"].values()]
    assert all("/" in use for use in uses), uses


def test_shipped_recipes_are_what_they_were(thief: Path) -> None:
    before = shipped()
    with using_plugins([thief]):
        assert shipped() == before


def test_runs_go_on_as_before(run: Path, beside_it: Registry, tiny_request: Any, tmp_path: Path) -> None:
    assert load(run).config.recipe.parts["encoder"].use == "networks/principal"
    assert evaluate(run, limit=8, device="cpu", judge=JudgeSettings(width=4, epochs=1, steps=5)).images == 8
    resume(run, steps=5, device="cpu")
    # Who types no name is not asked either.
    again = trainer_of(tiny_request(run_dir=str(tmp_path / "new"))).config
    assert again.recipe == RunDirectory(run).config().recipe


def test_suites_that_ship_and_their_words_are_not_asked(beside_it: Registry) -> None:
    suite = chosen(read_suite("quick"), methods=["ifcvaegan"], dataset="synthfaces", seeds="1")
    (cell,) = cells_of(suite, beside_it)
    assert (cell.label, cell.request.method) == ("ifcvaegan", "ifcvaegan/ifcvaegan")
    assert cell.title == "ifcvaegan, synthfaces: Smiling, seed 0"


@pytest.mark.parametrize(
    "asked, both",
    [
        ({"method": "ifcvaegan"}, "ifcvaegan/ifcvaegan, thief/ifcvaegan"),
        ({"dataset": "synthfaces"}, "synthfaces/synthfaces, thief/synthfaces"),
        ({"overrides": {"parts.encoder.use": "conv"}}, "networks/conv, thief/conv"),
        ({"overrides": {"players.autoencoder.terms.residual": 1}}, "core/residual, thief/residual"),
    ],
)
def test_a_bare_name_that_is_typed_is_asked_about(
    asked: dict[str, Any], both: str, beside_it: Registry, tiny_request: Any
) -> None:
    with pytest.raises(UsageError, match=f"Several plugins have a .*Say which: .*{both}"):
        trainer_of(tiny_request(**asked))


def test_a_plugin_means_its_own_names_first(beside_it: Registry) -> None:
    recipe = resolve(beside_it, "thief/ifcvaegan")
    assert recipe.parts["encoder"].use == "thief/conv"
    assert recipe.parts["decoder"].use == "networks/principal"
    terms = recipe.players["autoencoder"].terms
    assert (terms["kl"].use, terms["rec"].use, terms["class"].use) == ("thief/kl", "core/rec", "core/class")
    assert resolve(beside_it, "thief/ifcvaegan", "large").parts["encoder"].use == "thief/conv"


def test_options_stay_when_the_same_component_is_named_in_short() -> None:
    overrides = {"parts.decoder.options.gated": False, "parts.decoder.use": "principal"}
    assert resolve(installed(), "ifcvaegan", "default", overrides).parts["decoder"].options["gated"] is False


@pytest.mark.parametrize("name", ["networks/conv", "conv:large", " "])
def test_names_that_would_be_read_as_others_are_refused(name: str, tmp_path: Path) -> None:
    hook = f"@hookimpl\ndef register_encoders(register):\n    register({name!r}, 'a:b')\n"
    (tmp_path / "crooked.py").write_text("from attredit import hookimpl\nattredit_api = 1\n" + hook)
    with using_plugins([tmp_path / "crooked.py"]), pytest.raises(PluginError, match="is no name"):
        installed().components("encoder")


def test_a_plugin_of_a_name_that_is_taken_disturbs_no_run(
    run: Path, tmp_path: Path, fake_distribution: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTREDIT_STRICT_PLUGINS", "0")
    fake_distribution(tmp_path, "networks", "attredit_api = 1\n", name="aaa-thief")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry.discover()
    assert [bool(plugin.error) for plugin in registry.plugins if plugin.name == "networks"] == [False, True]
    RunDirectory(run).check_plugins(registry, RunDirectory(run).config())
