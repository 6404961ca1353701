"""A plugin of somebody else's, with a categorical attribute and an encoder: used, broken, and uninstalled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attredit import evaluate, load
from attredit.errors import UsageError
from attredit.evaluation.judge_training import JudgeSettings
from attredit.plugin import registry

COLOURS = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220)}
PLUGIN = f"""
from attredit import Attribute, AttributeSchema, hookimpl
attredit_api = 1

@hookimpl
def register_datasets(register):
    register("tiles", "strange:Squares", summary="Squares of three colours, small or large.")

@hookimpl
def register_encoders(register):
    register("plain", "strange_networks:Plain")

COLOURS = {list(COLOURS.values())}

class Squares:
    channels, splits = 3, ("train", "valid", "test")
    schema = AttributeSchema((Attribute("colour", {tuple(COLOURS)}), Attribute("large")))

    def __init__(self, *, image_size, data_dir=None, count=96):
        self.size, self.count = image_size, count

    def fingerprint(self, split):
        return f"{{split}} {{self.size}} {{self.count}}"

    def open(self, split):
        import numpy as np
        from datasets import Dataset
        rows = np.random.default_rng(self.splits.index(split)).integers(0, (3, 2), (self.count, 2))
        labels = {{"colour": rows[:, 0].tolist(), "large": rows[:, 1].tolist()}}
        return Dataset.from_dict(labels).with_transform(lambda rows: {{"image": list(map(self.draw, *rows.values()))}})

    def draw(self, colour, large):
        import numpy as np
        image, edge = np.full((self.size, self.size, 3), 120, np.uint8), self.size // (8 if large else 4)
        image[edge:-edge, edge:-edge] = COLOURS[colour]
        return image
"""
NETWORKS = """
from attredit_networks.conv import ConvEncoder
class Plain(ConvEncoder):
    pass
"""
TRAIN = [
    "train", "--dataset", "tiles", "--attr", "colour", "--attr", "large", "--image-size", "32", "--steps", "150",
    "--preset", "conv",
    "--batch-size", "16", "--data-option", "count=96", "--device", "cpu", "--set", "parts.encoder.use=strange/plain",
    "--set", "parts.encoder.options.width=8", "--set", "parts.decoder.options.width=8", "--set", "latent_dim=8",
    # Of the recipe as little as can be: it may change, and this is no test of how good it is.
    "--set", "players.autoencoder.terms.class=1", "--set", "players.autoencoder.terms.kl=0.01",
    "--set", "players.autoencoder.optimizer.lr=0.003",
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as pip leaves it behind."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "strange.py").write_text(PLUGIN)
    (folder / "strange_networks.py").write_text(NETWORKS)
    facts = folder / "attredit_strange-3.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: attredit-strange\nVersion: 3.1\n")
    (facts / "entry_points.txt").write_text("[attredit]\nstrange = strange\n")
    return folder


@pytest.fixture(scope="module")
def installed(site: Path) -> Iterator[Callable[[Path | None], None]]:
    """Puts a directory on the path, in place of the one before, and looks for plugins again."""
    patch = pytest.MonkeyPatch()

    def install(folder: Path | None) -> None:
        patch.undo()
        for name in ("strange", "strange_networks"):
            patch.delitem(__import__("sys").modules, name, raising=False)
        if folder is not None:
            patch.syspath_prepend(folder)
        registry.installed.cache_clear()

    yield install
    install(None)


@pytest.fixture(scope="module")
def squares(attredit: Any, site: Path, installed: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that knows its colours."""
    installed(site)
    run = tmp_path_factory.mktemp("squares") / "run"
    result = attredit(*TRAIN, "--run-dir", run)
    assert result.exit_code == 0, result.output
    return run


@pytest.fixture
def here(squares: Path, site: Path, installed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the run and a photo of a red square; the plugin is installed."""
    installed(site)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(squares, tmp_path / "run")
    pixels = np.full((60, 44, 3), 120, np.uint8)
    pixels[16:-16, 8:-8] = COLOURS["red"]
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("mode", ["decoded", "composite"])
def test_a_categorical_attribute_is_edited_by_name(attredit: Any, here: Path, colour: str, mode: str) -> None:
    for number, value in enumerate([colour, list(COLOURS).index(colour)]):  # its index is as good as its name
        arguments = ["--set", f"colour={value}", "--mode", mode, "-o", f"{number}.png"]
        assert attredit("edit", "run", "photo.png", *arguments).exit_code == 0
    with Image.open("0.png") as named, Image.open("1.png") as numbered:
        assert named.tobytes() == numbered.tobytes()
        middle = np.asarray(named)[named.height // 2, named.width // 2].astype(int)
    assert list(COLOURS)[int(middle.argmax())] == colour


def test_predictions_and_the_mixed_request_have_names(here: Path) -> None:
    editor = load("run")
    predicted = editor.predict("photo.png")
    assert set(predicted["colour"]) == set(COLOURS)
    assert sum(predicted["colour"].values()) == pytest.approx(1, abs=1e-5)
    assert max(predicted["colour"], key=predicted["colour"].get) == "red"
    assert 0 <= predicted["large"] <= 1
    both = np.asarray(editor.edit("photo.png", colour="green", large=1, mode="decoded"))
    assert both[16, 16].argmax() == 1
    half = np.asarray(editor.edit("photo.png", colour="green", strength=0.5, mode="decoded")).astype(int)
    whole = np.asarray(editor.edit("photo.png", colour="green", mode="decoded")).astype(int)
    assert half[16, 16, 1] < whole[16, 16, 1]
    with pytest.raises(UsageError, match=r"'grene' is no value of colour\. Did you mean green\?"):
        editor.edit("photo.png", colour="grene")


@pytest.mark.parametrize(
    "arguments, names",
    [
        (["edit", "run", "photo.png", "--set", "colour=grene"], "'grene' colour green?"),
        (["edit", "run", "photo.png", "--set", "colour=0.5"], "0.5 colour blue, green, red"),
        (["edit", "run", "photo.png", "--set", "color=red"], "attribute 'color' colour?"),
        (["sweep", "run", "photo.png", "--attr", "colour", "--values", "red, grene"], "'grene' colour"),
    ],
)
def test_what_a_categorical_attribute_cannot_be(attredit: Any, here: Path, arguments: list[str], names: str) -> None:
    result = attredit(*arguments)
    assert result.exit_code == 2
    assert all(name in result.stderr for name in names.split()), result.stderr


def test_every_command_and_the_card_take_it(attredit: Any, here: Path) -> None:
    assert "attredit edit run photo.png --set colour=blue" in (here / "run" / "README.md").read_text()
    for arguments in (
        ["sample", "run", "-n", 4, "--set", "colour=blue"], ["sweep", "run", "photo.png", "--attr", "large"],
        ["sweep", "run", "photo.png", "--attr", "colour"],
        ["sweep", "run", "photo.png", "--attr", "colour", "--values", "red"],
        ["show", "run"], ["report", "run"], ["train", "--resume", "run", "--steps", 151, "--device", "cpu"],
    ):  # fmt: skip
        result = attredit(*arguments)
        assert result.exit_code == 0, (arguments, result.output)
    figures = evaluate("run", limit=30, device="cpu", judge=JudgeSettings(width=4, steps=5)).attributes["colour"]
    assert {f"class_{colour}" for colour in COLOURS} <= set(figures)


COMMANDS = [
    ["edit", "run", "photo.png", "--set", "colour=blue"], ["sample", "run"], ["evaluate", "run"], ["report", "run"],
    ["train", "--resume", "run"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda a: a[0])
def test_without_the_plugin_it_says_what_to_install(
    attredit: Any, here: Path, installed: Any, arguments: list[str]
) -> None:
    installed(None)
    result = attredit(*arguments)
    assert result.exit_code == 1
    told = "The run's encoder is strange/plain, whose plugin is not installed."
    assert result.stderr == f"Error: {told} Install it: pip install attredit-strange==3.1\n"
    assert attredit("show", "run").exit_code == 0  # what a run is can be told without it


def test_editing_needs_no_data_set_and_measuring_says_what_to_install(
    attredit: Any, here: Path, installed: Any
) -> None:
    config = json.loads((here / "run" / "config.json").read_text())
    config["recipe"]["parts"]["encoder"]["use"] = config["origins"]["encoder"]["id"] = "networks/conv"
    assert config["origins"]["data set"] == {
        "id": "strange/tiles",
        "distribution": "attredit-strange",
        "version": "3.1",
    }
    assert config["origins"]["term kl"]["id"] == "core/kl"
    (here / "run" / "config.json").write_text(json.dumps(config))
    installed(None)
    assert attredit("edit", "run", "photo.png", "--set", "colour=blue").exit_code == 0
    for arguments in (["evaluate", "run"], ["train", "--resume", "run"]):
        result = attredit(*arguments, "--device", "cpu")
        assert result.exit_code == 1
        assert "data set is strange/tiles, whose plugin is not installed. Install it: pip install" in result.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda a: a[0])
def test_with_a_broken_plugin_it_says_so(
    attredit: Any, here: Path, site: Path, installed: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    broken = shutil.copytree(site, here / "site")
    (broken / "strange.py").write_text("raise RuntimeError('boom')")
    monkeypatch.setenv("ATTREDIT_STRICT_PLUGINS", "0")
    installed(broken)
    result = attredit(*arguments)
    assert result.exit_code == 1
    assert "whose plugin is broken: RuntimeError: boom." in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_broken_plugin_breaks_no_other_training_and_is_named_where_it_is_asked_for(
    attredit: Any, here: Path, site: Path, installed: Any, monkeypatch: pytest.MonkeyPatch, train_arguments: list[str]
) -> None:
    broken = shutil.copytree(site, here / "site")
    (broken / "strange_networks.py").write_text("import no_such_module_anywhere")
    installed(broken)
    result = attredit(*TRAIN, "--run-dir", "other")
    assert result.exit_code == 1
    assert "encoder strange/plain cannot be loaded: No module named 'no_such_module_anywhere'" in result.stderr
    (broken / "strange.py").write_text("raise RuntimeError('boom')")
    monkeypatch.setenv("ATTREDIT_STRICT_PLUGINS", "0")
    installed(broken)
    result = attredit(*TRAIN, "--run-dir", "other")
    assert result.exit_code == 2
    assert "Unknown dataset 'tiles'." in result.stderr
    assert "Not looked into, because broken: strange." in result.stderr
    result = attredit(*train_arguments, "--set", "parts.encoder.use=strange/plain", "--run-dir", "other")
    assert result.exit_code == 1
    assert "belongs to plugin strange, which is broken: RuntimeError: boom." in result.stderr
    assert not (here / "other").exists()
    assert attredit(*train_arguments, "--steps", 1, "--run-dir", "faces").exit_code == 0
