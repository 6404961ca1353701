"""A plugin that is one file: named, found in every process, recorded in the run, and refused when it is another."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import attredit
from attredit.benchmark.cells import Cell, cells_of
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.suite import parse_suite
from attredit.benchmark.worker import Task
from attredit.errors import PluginError, UsageError
from attredit.launch import resume
from attredit.plugin.files import VARIABLE
from attredit.plugin.registry import Registry, installed, use_plugin, using_plugins

# A method with a term of its own, on images of its own. Enough of them to be decoded in processes.
TEXT = """
import os
from attredit import AttributeSchema, Player, Recipe, Term, hookimpl

attredit_api = 1
COUNT = 300


@hookimpl
def register_methods(register):
    register("mine", "my_method:recipe", summary="Brightness, and a term of its own.")


@hookimpl
def register_terms(register):
    register("spread", "my_method:spread")


@hookimpl
def register_datasets(register):
    register("greys", "my_method:Greys")


players = {"autoencoder": Player(trains=("encoder", "decoder"), terms={"spread": Term(weight=0.1)})}
recipe = Recipe(extends="naive-cvaegan", players=players)


def spread(view):
    return view.z().square().mean()


class Greys:
    channels, splits = 3, ("train", "valid", "test")
    schema = AttributeSchema.of_binary(["bright"])

    def __init__(self, *, image_size, data_dir=None):
        self.size = image_size

    def fingerprint(self, split):
        return f"{split} {self.size}"

    def open(self, split):
        from datasets import Dataset

        labels = Dataset.from_dict({"bright": [i % 2 for i in range(COUNT)]})
        return labels.with_transform(lambda rows: {"image": [self.draw(value) for value in rows["bright"]]})

    def draw(self, value):
        import numpy as np

        image = np.full((self.size, self.size, 3), 100 * (1 + value), np.uint8)
        image[0, 0] = tuple(os.getpid().to_bytes(3, "big"))  # the process that drew it signs in the corner
        return image
"""


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After a test no file is in use any more."""
    with using_plugins([]):
        yield
    assert not os.environ[VARIABLE]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere" / "my_method.py"
    path.write_text(TEXT)
    return path


def digest(file: Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def test_a_file_is_a_plugin_and_its_hash_is_its_version(file: Path) -> None:
    use_plugin(file)
    info = installed().plugins[-1]
    assert (info.name, info.distribution, info.version) == ("my_method", str(file), digest(file))
    assert {component.id for component in info.components} == {
        "my_method/mine", "my_method/spread", "my_method/greys",
    }  # fmt: skip
    assert installed().load("term", "spread") is sys.modules["my_method"].spread
    # Nothing is left beside it: neither a cache, nor its folder on the path.
    assert [path.name for path in file.parent.iterdir()] == ["my_method.py"]
    assert str(file.parent) not in sys.path


def test_named_again_it_is_read_again_even_in_the_same_second(file: Path) -> None:
    use_plugin(file)
    assert installed().load("dataset", "greys")(image_size=8).schema.names == ("bright",)
    before = file.stat()
    file.write_text(TEXT.replace('["bright"]', '["pallid"]'))
    os.utime(file, (before.st_atime, before.st_mtime))  # same time, same length: what caches go by
    use_plugin(file)
    assert installed().load("dataset", "greys")(image_size=8).schema.names == ("pallid",)
    assert installed().plugins[-1].version == digest(file)
    assert len(os.environ[VARIABLE].split(os.pathsep)) == 1


def test_it_is_in_use_until_the_end_of_the_block(file: Path) -> None:
    with using_plugins([file]):
        assert installed().find("method", "mine").plugin == "my_method"
    assert "my_method" not in sys.modules
    with pytest.raises(UsageError, match="Unknown method 'mine'"):
        installed().find("method", "mine")


def test_a_choice_of_installed_plugins_does_not_leave_files_out(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTREDIT_LOAD_PLUGINS", "")
    use_plugin(file)
    assert [plugin.name for plugin in installed().plugins] == ["core", "my_method"]
    with pytest.raises(UsageError, match=r"Not looked into, because ATTREDIT_LOAD_PLUGINS leaves them out: .*networks"):
        installed().find("encoder", "conv")


def test_a_choice_that_does_not_exist_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTREDIT_LOAD_PLUGINS", "ifcvaegan,network")
    with pytest.raises(UsageError, match=r"ATTREDIT_LOAD_PLUGINS names an unknown plugin 'network'\. Did you mean net"):
        Registry.discover()


@pytest.mark.parametrize(
    "name, message",
    [
        ("nowhere.py", r"There is no plugin file .*nowhere\.py\.$"),
        ("folder", r"folder is a directory, not a plugin file\. Name a \.py file in it"),
        ("notes.txt", r"'notes\.txt' is no name of a Python module\."),
        ("my-method.py", r"'my-method\.py' is no name of a Python module\. Name the plugin file like my_method\.py"),
        ("json.py", r"json\.py has the name of another module, json \(.*json.__init__\.py\)\. Rename the file"),
        ("sys.py", r"sys\.py has the name of another module, sys \(built.in\)"),
        ("antigravity.py", r"has the name of another module, antigravity"),
        ("attredit_networks.py", r"has the name of another module, attredit_networks"),
        ("ifcvaegan.py", r"ifcvaegan\.py has the name of a plugin of attredit\. Rename the file"),
        ("core.py", r"core\.py has the name of a plugin of attredit"),
    ],
)
def test_what_cannot_be_a_plugin_file_is_one_sentence(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / name
    if name not in ("folder", "nowhere.py"):
        path.write_text(TEXT)
    known = sys.modules.get(path.stem)
    with pytest.raises(UsageError, match=message), using_plugins([path]):
        installed()
    assert sys.modules.get(path.stem) is known


def test_two_files_of_one_name_are_refused(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "my_method.py"
    other.write_text(TEXT)
    use_plugin(file)
    with pytest.raises(UsageError, match=r"elsewhere.my_method\.py and .*my_method"):
        use_plugin(other)
    assert installed().find("method", "mine").distribution == str(file)


def test_a_broken_file_is_an_error_wherever_something_is_looked_up(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTREDIT_STRICT_PLUGINS", "0")
    file.write_text("x = (\n")
    use_plugin(file)
    with pytest.raises(
        PluginError, match=r"my_method\.py is broken: SyntaxError: .*line 1\)\. See: attredit plugins show"
    ):
        installed().find("method", "ifcvaegan")
    assert "x = (" in installed().plugins[-1].traceback


@pytest.fixture
def run(file: Path, request_for: Any) -> Path:
    """A run of the file's method, whose images processes have drawn."""
    use_plugin(file)
    request = request_for(method="mine", dataset="greys", attributes=("bright",), data_options={}, steps=2)
    trained: Path = attredit.train(request)
    return trained


def test_the_run_records_the_file_and_refuses_to_load_without_it_or_with_another(run: Path, file: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    recorded = {"distribution": "my_method.py", "version": digest(file)}
    assert config["origins"]["method"] == {"id": "my_method/mine", **recorded}
    assert config["origins"]["term spread"] == {"id": "my_method/spread", **recorded}
    assert config["origins"]["encoder"]["distribution"] == "attredit"
    assert str(file.parent) not in (run / "config.json").read_text()
    card = (run / "README.md").read_text()
    assert f"| Plugin file | `my_method.py`, `{digest(file)}` |" in card
    assert "photo.png --set bright=1 -o edited.png --plugin my_method.py" in card
    assert 'attredit.use_plugin("my_method.py")\neditor = attredit.load(' in card
    assert re.search(r"attredit train --method my_method/mine --dataset my_method/greys .*--plugin my_method\.py", card)
    picture = np.zeros((40, 40, 3), np.uint8)
    before = attredit.load(run).edit(picture, bright=1, output="numpy")

    with using_plugins([]):
        os.environ[VARIABLE] = ""
        installed.cache_clear()
        for refused in (lambda: attredit.load(run), lambda: resume(run)):
            with pytest.raises(
                PluginError, match=r"my_method\.py, which was not named\. Name it: --plugin my_method\.py"
            ):
                refused()
    file.write_text(TEXT + "# another\n")
    use_plugin(file)
    with pytest.raises(
        PluginError, match=rf"has changed since: it is {digest(file)} now\. Restore the one that is sha"
    ):
        attredit.load(run)
    file.write_text(TEXT)
    use_plugin(file)
    assert np.array_equal(attredit.load(run).edit(picture, bright=1, output="numpy"), before)


def test_processes_that_decode_have_the_file(file: Path) -> None:
    from attredit.data import Geometry, prepare

    use_plugin(file)
    source = installed().load("dataset", "greys")(image_size=8)
    store = prepare(source, "train", Geometry(8), name="greys", workers=2)
    drew = {int.from_bytes(image[0, 0].tolist(), "big") for image in store.images}
    assert os.getpid() in drew  # the first range is drawn here,
    assert len(drew) > 1  # the others elsewhere


SUITE = """
summary = "one cell"
methods = [{ name = "mine", set = ["parts.encoder.options.width=4", "parts.decoder.options.width=4"] }]
datasets = [{ name = "greys" }]
attributes = ["bright"]
seeds = [0]
image_size = 16
budget = { steps = 2 }
evaluation = { limit = 20 }
"""


def cell_of(file: Path) -> Cell:
    use_plugin(file)
    (cell,) = cells_of(parse_suite(SUITE, "my.toml", "my"), installed())
    return cell


def test_the_key_of_a_cell_covers_the_file(file: Path) -> None:
    keys = []
    for text in (TEXT, TEXT + "# another\n", TEXT):
        file.write_text(text)
        keys.append(cell_of(file).key)
    assert keys[0] == keys[2] != keys[1]


WORKER = "import sys; from attredit.benchmark.worker import carry_out; carry_out(sys.argv[1])"


def test_the_process_of_a_cell_has_the_file_and_refuses_another(file: Path, tmp_path: Path, run_python: Any) -> None:
    cell = cell_of(file)
    # What is not there cannot be measured, so no judge is trained, which takes minutes.
    cell = cell.model_copy(update={"evaluation": cell.evaluation.model_copy(update={"split": "nowhere"})})
    task = Task(
        kind="cell",
        cells=(cell,),
        benchmark=tmp_path,
        device="cpu",
        plugins={str(file): digest(file)},
    )
    task.write(tmp_path / "cell")
    os.environ[VARIABLE] = ""  # as a cluster that passes no environment on
    (tmp_path / "worker.py").write_text(WORKER)
    for text in (TEXT + "# another\n", TEXT):
        file.write_text(text)
        run_python(tmp_path / "worker.py", tmp_path / "cell")
    refused, trained = BenchmarkDirectory(tmp_path).record().results
    assert re.search(rf"{re.escape(str(file))} has changed", refused.error)
    assert "nowhere" in trained.error
    assert (tmp_path / "cell" / "run" / "model.safetensors").is_file()
    origins = json.loads((tmp_path / "cell" / "run" / "config.json").read_text())["origins"]
    assert origins["data set"] == {"id": "my_method/greys", "distribution": "my_method.py", "version": digest(file)}
