"""Shared by all tests: an own cache directory, one thread per process, and a tiny training request."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from warm_python import Warm

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["ATTREDIT_STRICT_PLUGINS"] = "1"
# What is printed is as wide as where nobody looks, whatever the terminal.
os.environ.pop("COLUMNS", None)
# Networks this small lose to several threads more than they gain, and the tests share the cores already.
os.environ["OMP_NUM_THREADS"] = "1"
# Where a shell started the tests in the background, or nohup did, these are ignored, and so they would be by every
# process they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

FACES = {"train": 96, "valid": 16, "test": 32}
TINY = {
    "parts.encoder.options.width": 4,
    "parts.decoder.options.width": 4,
    "latent_dim": 8,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked as long first, the others in their order."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache directory for the session, so that no test reads or writes the user's; processes of xdist share it."""
    base = tmp_path_factory.getbasetemp()
    path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    os.environ["ATTREDIT_CACHE"] = str(path)
    yield path
    del os.environ["ATTREDIT_CACHE"]


@pytest.fixture(scope="session", autouse=True)
def quick_judges(cache: Path) -> Iterator[None]:
    """Judges of which a test asks nothing learn for seconds, and other processes find them in the cache."""
    from attredit.evaluation import judge

    fit, usual = judge.fit_judges, judge.JudgeSettings()

    def quick(schema: Any, store: Any, settings: Any, *rest: Any) -> Any:
        return fit(schema, store, replace(settings, epochs=1, steps=40) if settings == usual else settings, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "fit_judges", quick)
        yield


@pytest.fixture(scope="session", autouse=True)
def decoded_here() -> Iterator[None]:
    """A busy machine takes long for the first images, and would start processes for the others."""
    from attredit.data import workers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "WORTH_WORKERS", float("inf"))
        yield


@pytest.fixture(autouse=True)
def no_modules_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a test imported from its own folder or from examples/ is forgotten: another has files of the same names."""
    before = set(sys.modules)
    yield
    passing = (str(tmp_path_factory.getbasetemp()), str(Path(__file__).parents[1] / "examples"))
    for name in sys.modules.keys() - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(passing):
            del sys.modules[name]


@pytest.fixture(scope="session")
def tiny() -> tuple[dict[str, int], dict[str, object]]:
    """Data options and recipe overrides of the smallest useful training."""
    return FACES, TINY


@pytest.fixture(scope="session")
def tiny_request() -> Any:
    """Make training requests of seconds: 32x32, width 4, batches of 8."""
    from attredit.request import Request

    base = Request(
        attributes=("Smiling",),
        image_size=32,
        steps=8,
        batch_size=8,
        log_every=2,
        save_every=4,
        data_options=FACES,
        device="cpu",
    )

    def make(**changes: Any) -> Request:
        changes["overrides"] = {**TINY, **changes.get("overrides", {})}
        return base.replaced(**changes)

    return make


@pytest.fixture
def request_for(tmp_path: Path, tiny_request: Any) -> Any:
    """The same, in a directory of the test's own unless another is named."""
    return functools.partial(tiny_request, run_dir=str(tmp_path / "run"))


@pytest.fixture
def train_command(tmp_path: Path) -> Any:
    """The command line of the same request, for tests that need real processes."""

    import torch

    def make(run_dir: Path, *more: str, processes: int = 0) -> list[str]:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        options = [f"--data-option={k}={v}" for k, v in FACES.items()]
        options += [f"--set={k}={v}" for k, v in TINY.items()]
        # Launched processes find out by themselves, as people's do.
        device = [] if processes and not torch.cuda.is_available() else ["--device=cpu"]
        sizes = ["--attr=Smiling", "--image-size=32", "--batch-size=8", "--steps=8", "--log-every=2", "--save-every=4"]
        return [
            sys.executable, *(launcher if processes else []), "-m", "attredit", "train",
            *sizes, *options, *device, f"--run-dir={run_dir}", *more,
        ]  # fmt: skip

    return make


@pytest.fixture
def fresh_python(tmp_path: Path) -> Path:
    """The interpreter of a new environment, with the commands `pip` and `attredit`.

    It sees the packages of the one that runs the tests, pip among them, so torch is not downloaded again.
    """
    place = tmp_path / "environment"
    venv.create(place)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    (site / "seen.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    for command, module in {"attredit": "attredit.cli", "pip": "pip._internal.cli.main"}.items():
        script = python.with_name(command)
        script.write_text(f"#!{python}\nimport sys\n\nfrom {module} import main\n\nsys.exit(main())\n")
        script.chmod(0o755)
    return python


@pytest.fixture(scope="session")
def run_process() -> Any:
    """Run a command; fails the test with its output when it fails."""

    def run(
        command: list[str], check: bool = True, cwd: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        # Without what the library readline puts there behind Python's back: the width of a terminal.
        environment = dict(environment or os.environ)
        done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=600)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """A Python whose processes need not import torch."""
    python = Warm()
    yield python
    python.close()


@pytest.fixture(scope="session")
def run_python(warm: Warm) -> Any:
    """Do what follows `python` on a command line, in a process of that Python; fails with its output."""

    def run(*words: Any, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        done = warm.run(words, environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def fake_distribution() -> Any:
    """Put a distribution with one plugin into a folder, as pip leaves it behind; returns its dist-info folder."""

    def make(site: Path, plugin: str, module: str, *, name: str = "", metadata: str = "", urls: str = "") -> Path:
        name = name or f"attredit-{plugin}"
        facts = site / f"{name.replace('-', '_')}-1.0.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(metadata or f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{urls}")
        imported = f"{name}_{plugin}".replace("-", "_")
        (facts / "entry_points.txt").write_text(f"[attredit]\n{plugin} = {imported}\n")
        (site / f"{imported}.py").write_text(module)
        return facts

    return make
