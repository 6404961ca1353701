"""Whatever an installed plugin does, the command line works, its stdout is its own, and trainings are the same."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch

from attredit.errors import PluginError, PluginWarning
from attredit.launch import train
from attredit.plugin.registry import Registry

HOOKS = "from attredit import hookimpl\nattredit_api = 1\n@hookimpl\ndef register_terms(register):\n"
WORKS = HOOKS + "    register('fine', 'a:b')\n"

BROKEN = {
    "raises": ("raise RuntimeError('boom')", "RuntimeError: boom"),
    "exits": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "unusual": ("class Unusual(BaseException): pass\nraise Unusual('not an Exception')", "Unusual: not an Exception"),
    "missing": ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
    "hook-raises": (HOOKS + "    register('half', 'a:b')\n    raise ValueError('later')", "ValueError: later"),
    "wrong-argument": (
        WORKS.replace("(register)", "(registr)"),
        "Argument(s) {'registr'} are declared in the hookimpl but can not be found in the hookspec",
    ),
    "no-hook": (
        WORKS.replace("register_terms", "register_trems"),
        "implements register_trems, which is no hook. Did you mean register_terms?",
    ),
    "twice": (WORKS + "    register('fine', 'a:c')\n", "registers 'term fine' twice"),
    "target": (WORKS.replace("a:b", "a.b"), "target 'a.b' of 'term fine' is not of the form 'module:attribute'"),
    "newer": (WORKS.replace("api = 1", "api = 99"), "written for API 99, and this is attredit .* with API 1; upgrade: "
              "pip install -U attredit$"),
    "older": (WORKS.replace("api = 1", "api = 0"), "upgrade: pip install -U attredit-older$"),
    "silent": (WORKS.replace("attredit_api = 1", ""), "needs a line: attredit_api = 1"),
    "core": (WORKS, "its name is that of a plugin of attredit, which was found first"),
}  # fmt: skip

# They work, and harm others unless they are held back.
CARELESS = {
    "chatty": (
        "import os, subprocess, sys\nprint('one')\nos.write(1, b'two')\n"
        "subprocess.run([sys.executable, '-c', 'print(3)'])\n" + WORKS + "    print('four')\n",
        ["prints to stdout"],
    ),
    "slow": ("import time\ntime.sleep(1.1)\n" + WORKS, [r"slow: took \d\.\d s to load"]),
    "hasty": (
        "import torch\nseed = torch.manual_seed\n"
        "torch.manual_seed = torch.random.manual_seed = lambda number: seed(7)\nseed(5)\n" + WORKS,
        ["imports torch", r"replaces torch\.manual_seed", "changes torch's random state"],
    ),
    # torch's compiler wraps torch.manual_seed itself, which is nobody's fault.
    "innocent": ("import torch._dynamo\n" + WORKS, []),
    "unmarked": (WORKS.replace("@hookimpl", ""), ["registers nothing: are its hooks marked with @hookimpl?"]),
}

# Of these, those that take seconds; they print nothing.
SECONDS = ("hasty", "innocent", "slow")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, fake_distribution: Any) -> Path:
    """All of them at once, two distributions with one plugin's name, and one with a name of ours."""
    folder = tmp_path_factory.mktemp("site")
    for plugin, (module, _) in {**BROKEN, **CARELESS}.items():
        fake_distribution(folder, plugin, module)
    fake_distribution(folder, "both", WORKS, name="attredit-a-both")
    fake_distribution(folder, "both", WORKS, name="attredit-b-both")
    # Sorted by name this is before ours, and would take its place.
    fake_distribution(folder, "ifcvaegan", WORKS, name="aaa-thief")
    return folder


@pytest.fixture
def run_with() -> Any:
    """``python -m attredit`` in a process of its own, with a folder on its path."""

    def run(site: Path | None, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        paths = [str(site)] if site is not None else []
        env = {**os.environ, "ATTREDIT_STRICT_PLUGINS": "0", "COLUMNS": "1000", **environment}
        env["PYTHONPATH"] = os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-m", "attredit", *arguments], capture_output=True, text=True, env=env, timeout=120
        )

    return run


def rows_of(listing: str) -> dict[str, list[str]]:
    """Lines of `attredit plugins` by plugin; a line without a name belongs to the one above."""
    rows: dict[str, list[str]] = {}
    name = ""
    for line in listing.splitlines()[3:]:
        name = line.split()[0] if line[:2].strip() else name
        if line.strip():
            rows.setdefault(name, []).append(line.strip())
    return rows


def test_the_listing_says_what_is_wrong_with_each(site: Path, run_with: Any) -> None:
    done = run_with(site, "plugins")
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    for plugin, (_, error) in BROKEN.items():
        found = [line for line in rows[plugin] if "broken: " in line]
        said = found[0].partition("broken: ")[2]
        assert len(found) == 1, plugin
        assert error in said or re.search(error, said), (plugin, said)
    for plugin, (_, warnings) in CARELESS.items():
        assert "broken" not in rows[plugin][0], plugin
        for warning in warnings:
            assert re.search(warning, " ".join(rows[plugin])), (plugin, warning)
        assert ("undone" in " ".join(rows[plugin])) == (plugin == "hasty")
    first, second = rows["both"]
    assert "attredit-a-both" in first
    assert "broken" not in first
    assert "broken: its name is that of a plugin of attredit-a-both" in second
    ours, thief = rows["ifcvaegan"]
    assert "6 factorizers, 2 methods" in ours
    assert "aaa-thief" in thief
    assert "broken" in thief
    # What they print is not lost, but no part of the answer.
    said = [line for line in done.stderr.splitlines() if not line.startswith("Still loading")]
    assert said == ["one", "two3", "four"]


def test_damaged_metadata_hide_nothing_else(tmp_path: Path, run_with: Any, fake_distribution: Any) -> None:
    fake_distribution(tmp_path, "nameless", WORKS, metadata="Metadata-Version: 2.1\nVersion: 1.0\n")
    (fake_distribution(tmp_path, "binary", WORKS) / "entry_points.txt").write_bytes(b"[attredit]\nbinary = \xff\xfe\n")
    (fake_distribution(tmp_path, "crooked", WORKS) / "entry_points.txt").write_text("[attredit]\nno equals sign\n")
    fake_distribution(tmp_path, "good", WORKS)
    done = run_with(tmp_path, "plugins")
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    for name in ("attredit-binary", "attredit-crooked"):
        assert "broken: its metadata cannot be read" in rows[name][0]
    assert f"a distribution in {tmp_path}" in done.stdout
    assert "METADATA has no Name" in done.stdout
    assert "1 term " in rows["good"][0]
    assert "6 factorizers, 2 methods" in rows["ifcvaegan"][0]


@pytest.mark.parametrize("arguments", [["--help"], ["methods"], ["datasets"]])
def test_what_commands_print_is_the_same_with_all_of_them(site: Path, run_with: Any, arguments: list[str]) -> None:
    without, with_them = run_with(None, *arguments), run_with(site, *arguments, **leave_out(*SECONDS))
    assert (without.returncode, with_them.returncode) == (0, 0)
    assert with_them.stdout == without.stdout


def leave_out(*names: str) -> dict[str, str]:
    ours = ["celeba", "collections", "csvae", "cvae-gan", "fader", "ifcvaegan", "naive-cvaegan", "networks"]
    wanted = [*ours, "sprites", "synthfaces", "vae-gan", *(set(BROKEN) | set(CARELESS)) - set(names)]
    return {"ATTREDIT_LOAD_PLUGINS": ",".join(wanted)}


def test_trainings_are_the_same_bytes_with_all_of_them(
    site: Path, run_with: Any, train_command: Any, tiny_request: Any, tmp_path: Path
) -> None:
    train(tiny_request(run_dir=str(tmp_path / "without"), steps=3))
    words = train_command(tmp_path / "with", "--steps=3")
    done = run_with(site, *words[words.index("attredit") + 1 :])
    assert done.returncode == 0, done.stderr
    for file in ("model.safetensors", "training.safetensors"):
        assert (tmp_path / "with" / file).read_bytes() == (tmp_path / "without" / file).read_bytes()


def test_an_import_that_hangs_is_named_and_can_be_interrupted(
    tmp_path: Path, run_with: Any, fake_distribution: Any
) -> None:
    fake_distribution(tmp_path, "stuck", "import time\ntime.sleep(100)\n")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "attredit", "methods"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr is not None
        started = time.monotonic()
        said = process.stderr.readline()
        assert said.startswith("Still loading plugin stuck (attredit-stuck), for 5 s now.")
        assert time.monotonic() - started > 4
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1].strip() == "Interrupted."
        assert process.returncode == 130
    # And what the line advises helps.
    done = run_with(tmp_path, "methods", ATTREDIT_LOAD_PLUGINS="ifcvaegan")
    assert done.returncode == 0, done.stderr


def test_torch_is_put_back_where_it_was_loaded_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "hasty_here.py").write_text(CARELESS["hasty"][0])
    # Not the same function where torch's compiler has been imported, which wraps the first.
    before, state = (torch.manual_seed, torch.random.manual_seed), torch.get_rng_state()
    info = Registry().add(EntryPoint("hasty", "hasty_here", "attredit"))
    assert (torch.manual_seed, torch.random.manual_seed) == before
    assert torch.equal(torch.get_rng_state(), state)
    # It was here already, so nobody is told that this plugin loads it.
    assert info.warnings == ("replaces torch.manual_seed (undone)", "changes torch's random state (undone)")


def test_strict_raises_what_the_plugin_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTREDIT_STRICT_PLUGINS", "1")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "raises_here.py").write_text("raise RuntimeError('boom')")
    with pytest.raises(RuntimeError, match="boom"):
        Registry().add(EntryPoint("raises", "raises_here", "attredit"))


@pytest.mark.parametrize("value", ["", "networks", "networks, ifcvaegan"])
def test_only_wanted_plugins_are_loaded(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTREDIT_LOAD_PLUGINS", value)
    registry = Registry.discover()
    wanted = {name.strip() for name in value.split(",")} - {""}
    assert {plugin.name for plugin in registry.plugins} == {"core", *wanted}
    assert {*registry.left_out} & {"networks", "ifcvaegan", "celeba"} == {"networks", "ifcvaegan", "celeba"} - wanted


# What changes nothing for the others, and what the listing says of each.
CHANGES = {
    "import os; os.environ['OMP_NUM_THREADS'] = '7'": "changes environment variables",
    "import os; del os.environ['PATH']": "changes environment variables",
    "import os; os.chdir('/')": "changes the working directory",
    "import sys; sys.path.insert(0, '/nowhere')": "changes sys.path",
    "import warnings; warnings.filterwarnings('error')": "changes filters of warnings",
    "import logging; logging.basicConfig(level='DEBUG')": "changes the root of logging",
    "import logging; logging.disable(50)": "changes the root of logging",
    "import locale; locale.setlocale(locale.LC_ALL, 'C')": "changes the locale",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)": "changes handlers of signals",
    "import os; os.umask(0o111)": "changes the umask",
    "import sys; sys.excepthook = print": "changes sys.excepthook",
    "import sys; sys.setrecursionlimit(5000)": "changes the limit of recursion",
    "import random; random.seed(7)": "changes Python's random state",
    "import multiprocessing as m; m.set_start_method('spawn')": "changes the start method of multiprocessing",
    "import socket; socket.setdefaulttimeout(7)": "changes the timeout of sockets",
    "import numpy; numpy.random.seed(7)": "changes numpy's random state",
    "import numpy; numpy.seterr(all='raise')": "changes numpy's handling of errors",
    "from PIL import Image; Image.MAX_IMAGE_PIXELS = 7": "changes PIL's limit of pixels",
    "from PIL import ImageFile; ImageFile.LOAD_TRUNCATED_IMAGES = True": "changes what PIL does with truncated images",
    "import torch; torch.set_default_dtype(torch.float64)": "changes torch's default dtype",
    "import torch; torch.set_default_device('meta')": "changes torch's default device",
    "import torch; torch.set_num_threads(7)": "changes torch's threads",
    "import torch; torch.use_deterministic_algorithms(True)": "changes torch's deterministic algorithms",
    "import torch; torch.set_grad_enabled(False)": "changes whether torch computes gradients",
    "import torch; torch.autograd.set_detect_anomaly(True)": "changes torch's search for anomalies",
    "import torch; torch.set_float32_matmul_precision('medium')": "changes torch's precision of matrix products",
    "import torch; torch.backends.cudnn.benchmark = True": "changes torch.backends.cudnn.benchmark",
}
# Of this process, which stays as it is.
PROBE = """
import locale, logging, multiprocessing, os, random, signal, socket, sys, warnings
import datasets, matplotlib, numpy, pandas, torch, torchvision
from PIL import Image, ImageFile

if not sys.argv[1]:
    locale.setlocale(locale.LC_ALL, "")
def state():
    return [
        dict(os.environ), os.getcwd(), [*sys.path], [*map(str, warnings.filters)], logging.root.level,
        logging.root.handlers, logging.root.manager.disable, locale.setlocale(locale.LC_ALL),
        signal.getsignal(signal.SIGTERM), sys.excepthook, sys.getrecursionlimit(), random.getstate(),
        multiprocessing.get_start_method(allow_none=True), socket.getdefaulttimeout(), str(numpy.random.get_state()),
        numpy.geterr(), Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, torch.get_default_dtype(),
        torch.get_default_device(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(),
        torch.is_grad_enabled(), torch.is_anomaly_enabled(), torch.get_float32_matmul_precision(),
        torch.backends.cudnn.benchmark, torch.get_rng_state().tolist(),
    ]
before = state()
"""
LISTING = """
from attredit.plugin.registry import installed
for plugin in installed().plugins:
    if plugin.warnings:
        print(plugin.name, "|".join(plugin.warnings), sep=": ")
assert state() == before, [pair for pair in zip(before, state()) if pair[0] != pair[1]]
"""


def test_what_a_plugin_changes_on_import_is_undone_and_told(
    tmp_path: Path, fake_distribution: Any, run_process: Any, run_python: Any
) -> None:
    for number, line in enumerate(CHANGES):
        fake_distribution(tmp_path, f"changes-{number:02}", f"{line}\n{WORKS}")
    # What attredit's own libraries do while they are imported is no plugin's fault, whoever imports them first.
    innocent = "import datasets, matplotlib, multiprocessing, numpy, pandas, socket, torch, torchvision\n"
    fake_distribution(tmp_path, "an-innocent", innocent + WORKS)
    names = [f"changes-{number:02}" for number in range(len(CHANGES))]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    env |= {"ATTREDIT_STRICT_PLUGINS": "0", "ATTREDIT_LOAD_PLUGINS": ",".join(["an-innocent", *names])}
    code = "import locale\nlocale.setlocale(locale.LC_ALL, 'C.UTF-8')\n"
    (tmp_path / "probe.py").write_text(code + PROBE + LISTING)
    alone = code + "state = lambda: 0\nbefore = 0\n" + LISTING
    for done in (
        run_python(tmp_path / "probe.py", "1", environment=env),  # where all was imported before
        run_process([sys.executable, "-c", alone], environment=env),
    ):
        said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
        assert said.pop("an-innocent", "imports torch").startswith(("imports torch", "slow"))
        for name, (line, phrase) in zip(names, CHANGES.items(), strict=True):
            assert f"{phrase} (undone)" in said.get(name, ""), (line, said.get(name))


def test_what_a_component_changes_on_import_is_undone_and_a_line_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "neat_hooks.py").write_text(WORKS.replace("a:b", "untidy_target:term"))
    (tmp_path / "untidy_target.py").write_text("import torch\ntorch.set_default_dtype(torch.float64)\nterm = len\n")
    registry = Registry()
    assert registry.add(EntryPoint("neat", "neat_hooks", "attredit")).warnings == ()
    with pytest.warns(
        PluginWarning, match=r"Plugin neat, .*untidy_target: it changes torch's default dtype \(undone\)"
    ):
        assert registry.load("term", "fine") is len
    assert torch.get_default_dtype() == torch.float32


def test_whatever_a_component_raises_on_import_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "whole_hooks.py").write_text(WORKS.replace("a:b", "failing_target:term"))
    (tmp_path / "failing_target.py").write_text("1 / 0\n")
    registry = Registry()
    registry.add(EntryPoint("whole", "whole_hooks", "attredit"))
    with pytest.raises(PluginError, match=r"term whole/fine\b.* ZeroDivisionError"):
        registry.load("term", "fine")
