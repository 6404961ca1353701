"""Every command and every Python block of the documentation runs, as it is written.

What the documents take for granted (a photo, a folder PATH with CelebA, a run RUN, a broken plugin NAME) exists here
under that very name. Trainings are shortened behind the command line, so that its options are read as they stand.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from narrow import WIDTHS, narrow
from PIL import Image

from attredit.benchmark.suite import read_suite
from attredit.errors import RunError
from attredit.plugin import registry
from attredit.scaffold import KINDS, Distribution

ROOT = Path(__file__).parents[1]
# Which test_tutorial.py and plugins/test_recipes.py follow.
FOLLOWED = {ROOT / "docs" / "tutorial.md", ROOT / "docs" / "collections.md"}
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted({*(ROOT / "docs").rglob("*.md")} - FOLLOWED),
    *sorted((ROOT / "examples").rglob("*.md")),
]
CELEBA_IMAGES = 12

NOT_RUN = {
    "attredit COMMAND [OPTIONS]": "a form, not a command",
    "python -m attredit": "prints the help, as a command line that lacks a command; test_cli_help.py runs it",
    "attredit COMMAND --help": "a form, not a command; test_cli_help.py runs every command's help",
    "attredit --debug COMMAND ...": "a form, not a command; test_cli_help.py runs one",
    "pip install -e .": "changes the environment that runs the tests",
    "attredit app": "serves until it is stopped; tests/app runs it",
    "attredit app runs/demo drawn-faces --port 8000 --no-browser": "serves until it is stopped; tests/app runs it",
    "attredit export RUN": "half a minute, which docs/elsewhere.md takes with all that one may say",
    "make box": "minutes, and it replaces the model that ships",
    **dict.fromkeys(
        (
            "attredit push RUN hf:USER/NAME",
            "attredit push RUN hf:USER/NAME --private",
            "attredit edit hf:USER/NAME photo.png --set Smiling=1",
            "attredit show hf:USER/NAME@REVISION",
        ),
        "needs the hub; tests/export/test_hub.py asks one of its own",
    ),
    "make demo": "minutes; what it calls is run by test_the_demo",
    "make check": "is run beside the tests, by .ci/run",
    "make test": "is what runs this",
    "make format": "changes files",
    "make bench": "minutes",
    "make docs": "serves until it is stopped",
    "make site": "needs a virtual environment; tests/site builds it",
    "pip install -e '.[slurm]'": "changes the environment that runs the tests",
    "pip install 'attredit[tune]'": "changes the environment that runs the tests",
    "pip install 'attredit[identity]'": "changes the environment that runs the tests",
    "pip install 'attredit[onnx]'": "changes the environment that runs the tests",
    "pip install 'attredit[lpips]'": "changes the environment that runs the tests",
    "pip install -e '.[fid]'": "changes the environment that runs the tests",
    "attredit benchmark benchmarks/celeba/methods.toml --data-dir PATH --engine slurm --slurm timeout_min=600 "
    "--slurm gpus_per_node=1": "needs a cluster; tests/benchmark/test_runner.py submits to submitit's own",
    "python benchmarks/drawn_styles.py runs/styles": "minutes, and it needs a model that shows glasses",
    "python benchmarks/composite.py runs/demo": "minutes, and it needs the demo's model",
    "attredit sharpen runs/demo": "needs the demo's model; README.md and docs/cli.md sharpen others",
    **{
        f"python examples/{path.name}": "tests/test_examples.py runs it"
        for path in sorted((ROOT / "examples").glob("*.py"))
    },
    **{
        f"pip install ./examples/{path.parent.name}": "tests/test_distributions.py does so"
        for path in sorted((ROOT / "examples").glob("*/pyproject.toml"))
    },
    "python -m pytest": "the tests of distributions, which tests/test_distributions.py runs",
    "attredit train --method ifcvaegan-timm --attr Smiling --set parts.encoder.options.pretrained=true": "downloads",
    "attredit train --method ifcvaegan-timm --attr Smiling --set parts.encoder.options.model=vit_tiny_patch16_224 "
    "--set parts.encoder.options.arguments.img_size=64": "images have another size here; the example tests it",
}
MY_METHOD = """
from attredit import Recipe, hookimpl
attredit_api = 1
recipe = Recipe(extends="naive-cvaegan")
@hookimpl
def register_methods(register):
    register("mine", "my_method:recipe")
"""
VOTES = {
    "format": 1,
    "page": "page",
    "asked": 1,
    "runs": [{"name": n, "method": "cvae", "preset": "default", "recipe": "", "seed": 0} for n in ("one", "other")],
    "votes": [
        {
            "number": 0,
            "image": 0,
            "attribute": "Smiling",
            "label": 1,
            "left": 1,
            "right": 0,
            "again": False,
            "choice": "left",
        }
    ],
}
FACES = {"train": 40, "valid": 8, "test": 10}
FEW: dict[str, dict[str, int]] = {"synthfaces": FACES, "sprites": FACES, "read-dataset": {"count": 40}}


def commands_of(text: str) -> list[str]:
    """Lines of shell blocks, of indented blocks, and commands within sentences, in order; Python blocks whole."""
    found = []
    text = re.sub(r"^::: .*\n(?: {4}.*\n)*", "", text, flags=re.M)  # what mkdocstrings is told
    fenced = r"^```(?P<language>\w*)\n(?P<block>(?:.*\n)*?)```$"
    inline = r"^    (?P<line>\S.*)$|`(?P<span>(?:attredit|python|pip|make) [^`]+)`"
    for match in re.finditer(f"{fenced}|{inline}", text, re.M):
        language, block = match["language"], match["block"]
        if block is None:
            found.append(match["line"] or match["span"])
        elif language == "python":
            found.append(f"python\n{block}")
        elif language in ("sh", "bash", "console"):
            found += block.replace("\\\n", " ").splitlines()
        elif language != "toml":  # a suite, which `place` saves as my.toml
            assert language == "", f"nobody knows how to run {language}"
    commands = [c if c.startswith("python\n") else re.sub(r"(^\$ |\s+#.*$)", "", c).strip() for c in found]
    return [c for c in commands if c]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_run: Path) -> Iterator[Path]:
    """The current directory of a reader who has all that the documents speak of."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (48, 60, 3), np.uint8)
    (tmp_path / "photos").mkdir()
    for name in ("photo.png", "a.png", "b.png", "photos/one.png", "photos/two.jpg"):
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "docs" / "images").mkdir(parents=True)
    for name in ("face.png", "scene.png"):
        shutil.copy(ROOT / "docs" / "images" / name, tmp_path / "docs" / "images")
    celeba(tmp_path / "PATH")
    own_images(tmp_path)
    shutil.copytree(tiny_run, tmp_path / "RUN")
    shutil.copytree(ROOT / "benchmarks" / "celeba", tmp_path / "benchmarks" / "celeba")
    shutil.copy(ROOT / "benchmarks" / "drawn_scene.py", tmp_path / "benchmarks")
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    (tmp_path / "my.toml").write_text(text.partition("```toml\n")[2].partition("```")[0])
    carried_out(read_suite("confounded"), tmp_path / "BENCHMARK")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    dist_info(tmp_path / "site", "attredit-broken", {"NAME": "no_such_module_anywhere"})
    for project in sorted((tmp_path / "examples").glob("*/pyproject.toml")):
        facts = tomllib.loads(project.read_text("utf-8"))["project"]
        dist_info(tmp_path / "site", facts["name"], facts["entry-points"]["attredit"])
        monkeypatch.syspath_prepend(project.parent)
    (tmp_path / "my_method.py").write_text(MY_METHOD)
    for session in "ab":
        (tmp_path / f"votes-{session}.json").write_text(json.dumps({**VOTES, "session": session}))
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("ATTREDIT_STRICT_PLUGINS", "0")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")
    registry.installed.cache_clear()
    with registry.using_plugins([]):  # those that a document names are its own
        yield tmp_path
    registry.installed.cache_clear()


def dist_info(site: Path, name: str, plugins: dict[str, str]) -> None:
    """What pip writes of a distribution that has plugins."""
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{plugin} = {module}\n" for plugin, module in plugins.items()]
    (folder / "entry_points.txt").write_text("".join(["[attredit]\n", *lines]))


def own_images(place: Path) -> None:
    """A folder in each layout: portraits, shoot and species."""
    rows = []
    for i in range(12):
        species = ("finch", "wren")[i % 2]
        for folder in ("portraits", "shoot/images", f"species/{species}"):
            (place / folder).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (80, 80), "grey").save(place / folder / f"{i:02d}.png")
        rows.append(f"{i:02d}.png,{i % 2},{i // 2 % 2},{('blond', 'black', 'red')[i % 3]}\n")
    (place / "portraits" / "metadata.csv").write_text("file_name,Smiling,Eyeglasses,Hair\n" + "".join(rows))
    (place / "shoot" / "labels.csv").write_text("photo,Smiling,Eyeglasses,Hair\n" + "".join(rows))


def celeba(folder: Path) -> None:
    from attredit_celeba.source import NAMES

    (folder / "img_align_celeba").mkdir(parents=True)
    files = [f"{i:06d}.jpg" for i in range(1, CELEBA_IMAGES + 1)]
    for file in files:
        Image.new("RGB", (178, 218), "grey").save(folder / "img_align_celeba" / file)
    rows = [f"{file} {' '.join(['1', '-1'][i % 2] for _ in NAMES)}" for i, file in enumerate(files)]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(CELEBA_IMAGES), " ".join(NAMES), *rows, ""]))
    splits = [f"{file} {i // 4}" for i, file in enumerate(files)]
    (folder / "list_eval_partition.txt").write_text("\n".join([*splits, ""]))


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from attredit.launch import train
    from attredit.request import Request

    return train(shortened(Request(attributes=("Smiling",), run_dir=str(tmp_path_factory.mktemp("docs") / "run"))))


def shortened(request: Any) -> Any:
    """The same training in a second or less."""
    small = {"image_size": 32, "steps": 2, "epochs": None, "batch_size": 4, "device": "cpu"}
    return few(narrow(request).replaced(**small))


def few(request: Any) -> Any:
    """The same images, but fewer."""
    counts = FEW.get(request.dataset_name, {})
    return request.replaced(data_options={**request.data_options, **counts})


def carried_out(suite: Any, out: Path, *_: Any, **more: Any) -> list[Any]:
    """A benchmark whose names are all looked up and whose directory is made, but of which nothing is trained."""
    from attredit.benchmark.cells import cells_of
    from attredit.benchmark.directory import BenchmarkDirectory
    from attredit.benchmark.results import Facts, Figures, Result
    from attredit.plugin.registry import installed

    methods = {name for component in installed().components("method") for name in (component.name, component.id)}
    here = suite.model_copy(update={"methods": tuple(m for m in suite.methods if m.name in methods)})
    directory, cells = BenchmarkDirectory(out), cells_of(here, installed())
    directory.write(here, cells)
    machine: dict[str, str | int] = {"cpu": "", "cores": 1, "threads": 1, "device": "cpu", "torch": "", "attredit": ""}
    facts = Facts(
        steps=1, batch_size=1, training_seconds=1, cell_seconds=1, parameters=1, memory_bytes=1, gpu_bytes=None,
        machine=machine,
    )  # fmt: skip
    nothing = Figures(judge="", identity=None, images=1, metrics={}, attributes={}, not_measured={})
    results = [Result(cell=cell, date="", facts=facts, figures={"": nothing}) for cell in cells]
    for result in results:
        directory.append(result)
    return results


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, run_python: Any) -> Callable[..., str]:
    """Run a command; attredit's in this process, where trainings are short."""
    from attredit import launch, sharpening, tune
    from attredit.benchmark import runner
    from attredit.cli import datasets_inspect
    from attredit.cli.group import cli
    from attredit.cli.sources import prepared
    from attredit.evaluation import run as evaluation
    from attredit.evaluation.identity import IdentitySettings
    from attredit.evaluation.judge_training import JudgeSettings
    from attredit.inspection import mislabelled
    from attredit.testing import processes, runs  # noqa: F401  # else they would keep what is put in their place below

    # The launcher takes a free port instead of a fixed one that another test may hold.
    monkeypatch.setenv("PET_STANDALONE", "1")
    train, resume = launch.train, launch.resume
    monkeypatch.setattr(launch, "train", lambda request, **more: train(shortened(request), **more))
    monkeypatch.setattr(launch, "resume", lambda run, *, steps=None, **more: resume(run, steps=steps and 4, **more))

    search, study_of = tune.search, tune.study_of
    # Judges that learn for seconds agree on few images.
    monkeypatch.setattr(tune, "study_of", lambda request, spaces, _, *more: study_of(request, spaces, "mse", *more))
    monkeypatch.setattr(tune, "train", launch.train)
    monkeypatch.setattr(tune, "search", lambda s, r, spaces, trials, *more: search(s, r, spaces, min(trials, 2), *more))
    monkeypatch.setattr(runner, "run", carried_out)
    fit = sharpening.fit_sharpener
    monkeypatch.setattr(sharpening, "fit_sharpener", lambda *given, **how: fit(*given, **{**how, "steps": 2}))
    # Else an exported edit has ten decoders; here it has three.
    monkeypatch.setattr("attredit.editing.model._WHERE", 1)
    # Graphs as they are: tests/framing/test_onnx.py has them made simpler, as people's are.
    monkeypatch.setattr("torch.onnx.export", functools.partial(torch.onnx.export, optimize=False))
    monkeypatch.setattr(datasets_inspect, "prepared", lambda request, **more: prepared(few(request), **more))
    monkeypatch.setattr(mislabelled, "doubts", functools.partial(mislabelled.doubts, width=4, steps=2))
    quick = IdentitySettings(faces=32, steps=2, batch_size=16, trunk=JudgeSettings(width=4))
    monkeypatch.setattr(evaluation, "identity_of", functools.partial(evaluation.identity_of, settings=quick))

    def call(program: str, *words: str) -> str:
        arguments = list(words)
        if "torch.distributed.run" in arguments and "--" not in arguments:
            # Two processes train where they log, too, which is another command; here, what the launcher has one do.
            program, *arguments = asked_of_the_launcher(arguments[2:])
        if program == "python":
            return run_module(run_python, *arguments)
        result = CliRunner().invoke(cli, arguments, prog_name="attredit")
        assert result.exit_code == 0, result.output
        return result.stdout

    return call


def run_module(python: Any, *words: str) -> str:
    """``python ...`` in a process of its own, where nothing can shorten a training but options."""
    if "train" in words:
        words = (*words, "--image-size=32", "--steps=2", "--batch-size=4")
        words += tuple(f"--set={key}=4" for key in WIDTHS.values())
        words += tuple(f"--data-option={key}={value}" for key, value in FACES.items())
    done = python(*words)
    if "--nproc_per_node" in words:
        assert (done.stdout + done.stderr).count("Run: ") == 1, "each trained a model of its own"
    return done.stdout  # type: ignore[no-any-return]


def asked_of_the_launcher(words: list[str]) -> list[str]:
    from torch.distributed.run import parse_args

    asked = parse_args(words)
    assert asked.module
    assert asked.nproc_per_node == "2"
    return [asked.training_script, *asked.training_script_args]


def run_block(block: str) -> None:
    names: dict[str, Any] = {}
    exec(compile(block, "block", "exec"), names)
    for name, dtype, shape in re.findall(r"^(\w+) = .*# (\w+) (\(.*\))$", block, re.M):
        assert (str(names[name].dtype), str(names[name].shape)) == (dtype, shape)


def run_command(command: str, run: Callable[..., str]) -> None:
    """Run one; what it is told to write must be there afterwards."""
    words = shlex.split(command)
    words, target = (words[:-2], Path(words[-1])) if ">" in words else (words, None)
    assert words[0] in ("attredit", "python"), f"{command!r} is neither run nor listed in NOT_RUN"
    outputs = [Path(words[words.index("-o") + 1])] if "-o" in words else []
    before = {path: path.stat().st_mtime_ns for path in outputs if path.exists()}
    printed = run(*words)
    for path in outputs:
        assert path.stat().st_mtime_ns != before.get(path), f"{path} was not written"
        assert path.is_file() or list(path.iterdir())
    if target is not None:
        assert target.suffix == ".json"
        assert json.loads(printed)


def run_all(commands: list[str], run: Callable[..., str]) -> None:
    for command in dict.fromkeys(commands):
        print(command)  # shown when it fails
        if command.startswith("python\n"):
            run_block(command.removeprefix("python\n"))
        elif command not in NOT_RUN:
            run_command(command, run)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_what_a_document_says_works(document: Path, place: Path, run: Any) -> None:
    run_all(commands_of(document.read_text()), run)


def test_the_demo(place: Path, run: Any) -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\ndemo:")[2].partition("\n\n")[0]
    commands = [c.replace("$(DEMO)", "runs/demo") for c in re.findall(r"^\t\$\(BIN\)/(attredit .*)$", recipe, re.M)]
    assert [c.split()[1] for c in commands] == ["train", "evaluate", "report"]
    run_all(commands, run)
    assert (place / "runs" / "demo" / "report.html").is_file()


def test_what_a_model_card_says_works(place: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = commands_of((place / "RUN" / "README.md").read_text())
    assert [c.split()[0] for c in commands] == ["attredit", "python", "attredit", "attredit"]
    (place / "run").symlink_to("RUN")  # the name it had when the card was written
    run_all(commands, run)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_readme_of_a_new_plugin_says_works(
    kind: str, place: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = Distribution(f"read-{kind}", kind)
    new.write(place / "new")
    dist_info(place / "new", new.title, {new.name: new.package})
    monkeypatch.syspath_prepend(place / "new")
    registry.installed.cache_clear()
    commands = commands_of((place / "new" / "README.md").read_text())
    assert set(new.commands) < set(commands)
    # The others are run by tests/test_distributions.py, in an environment that they may change.
    run_all([c for c in commands if c == "attredit plugins" or c in new.commands], run)


def test_commands_are_found_wherever_they_stand() -> None:
    text = "    make x  # why\n\nor `attredit train`, `attredit`\n```sh\n$ a \\\n  b\n```\n```python\nimport x\n```\n"
    assert commands_of(text) == ["make x", "attredit train", "a    b", "python\nimport x\n"]


@pytest.mark.parametrize(
    "command",
    [
        "git clone somewhere",
        "attredit train --no-such-option",
        "attredit edit RUN photo.png --set Smilin=1",
        "attredit evaluate NOWHERE --json > figures.json",
        "python\nimport attredit\nattredit.load('NOWHERE')\n",
    ],
)
def test_what_is_wrong_or_neither_run_nor_listed_fails(command: str, place: Path, run: Any) -> None:
    with pytest.raises((AssertionError, RunError)):
        run_all([command], run)


def test_everything_is_found_and_nothing_is_listed_for_nothing() -> None:
    found = [command for document in DOCUMENTS for command in commands_of(document.read_text())]
    assert set(NOT_RUN) <= set(found)
    assert len(found) > 40
    assert sum(command.startswith("python\n") for command in found) >= 2
