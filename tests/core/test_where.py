"""Where it runs: other systems, shares, containers, terminals. What cannot be had here is taken away, or fails."""

from __future__ import annotations

import ast
import builtins
import codecs
import errno
import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from warm_python import Warm

import attredit
from attredit.benchmark.suite import read_suite
from attredit.cli.console import is_main_process
from attredit.data import cache_dir
from attredit.errors import RunError, UsageError
from attredit.evaluation.judge_training import JudgeSettings
from attredit.files import expanded, write_bytes
from attredit.launch import run_name, train, trainer_of
from attredit.request import CollectionRequest, Request
from attredit.runs.directory import RunDirectory

evaluate = functools.partial(attredit.evaluate, limit=8, device="cpu", judge=JudgeSettings(width=4, epochs=1, steps=5))
ROOT = Path(__file__).parents[2]
# A part of what modules have on POSIX systems alone; whoever uses it looks first whether it is there.
POSIX = {
    "os": {
        "chown", "fchmod", "fchown", "fork", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getsid", "getuid",
        "killpg", "lchown", "mkfifo", "nice", "pread", "preadv", "pwrite", "sched_getaffinity", "setgid", "setpgid",
        "setsid", "setuid", "statvfs", "sync", "sysconf", "uname", "wait3", "wait4", "waitid",
    },
    "signal": {
        "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGCONT", "SIGPIPE", "SIGQUIT", "SIGSTOP",
        "alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait",
    },
    "time": {"tzset"},
}  # fmt: skip
ABSENT = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog"}


def on_posix_alone(tree: ast.Module) -> Iterator[str]:
    """Uses of what Windows lacks, but those in functions that look first whether it is there."""
    for function in [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)] or [tree]:
        looks = {ast.unparse(n.args[1]).strip("'") for n in ast.walk(function) if _is_look(n)}  # type: ignore[attr-defined]
        caught = any(isinstance(n, ast.ExceptHandler) and "ImportError" in ast.unparse(n) for n in ast.walk(function))
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.attr in POSIX.get(node.value.id, ()) and node.attr not in looks:
                    yield f"{node.value.id}.{node.attr}"
            elif isinstance(node, ast.Import) and not caught:
                yield from (alias.name for alias in node.names if alias.name in ABSENT)


def _is_look(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("hasattr", "getattr") and len(node.args) > 1


def test_what_windows_lacks_is_looked_for_first() -> None:
    files = [*(ROOT / "attredit").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    assert len(files) > 200
    found = {f"{f.name}: {use}" for f in files for use in on_posix_alone(ast.parse(f.read_text("utf-8")))}
    assert not found
    assert list(on_posix_alone(ast.parse("import fcntl, os\ndef f():\n    os.fork()"))) == ["os.fork"]


def test_texts_are_of_no_encoding_but_utf_8() -> None:
    """Windows would take another, which lacks most signs."""
    found = []
    for file in [*(ROOT / "attredit").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            given = ast.unparse(node)
            if node.func.attr in ("read_text", "write_text") and "utf-8" not in given and "entry_points" not in given:
                found.append(f"{file.name}: {given}")
            if node.func.attr in ("run", "Popen", "check_output") and "text=True" in given and "encoding" not in given:
                found.append(f"{file.name}: {given}")
    assert not found


@pytest.fixture
def refuses(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have a function of `os` fail."""

    def make(name: str, number: int, times: int = 10**9) -> None:
        real, left = getattr(os, name), [times]

        def fail(*arguments: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] >= 0:
                raise OSError(number, os.strerror(number))
            return real(*arguments, **more)

        monkeypatch.setattr(os, name, fail)

    return make


def test_only_what_is_open_for_writing_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.name == "nt":
        return  # where the real one fails
    import fcntl

    waited = []

    def fsync(number: int) -> None:
        """Windows's."""
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        waited.append(number)

    monkeypatch.setattr(os, "fsync", fsync)
    write_bytes(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert waited


@pytest.mark.parametrize("name, number", [("chmod", errno.EPERM), ("fsync", errno.EINVAL), ("fsync", errno.ENOTSUP)])
def test_a_share_that_refuses_takes_a_run(name: str, number: int, refuses: Any, request_for: Any) -> None:
    refuses(name, number)
    assert RunDirectory(train(request_for(steps=1))).config().steps == 1


def test_a_disk_that_fails_is_an_error(tmp_path: Path, refuses: Any) -> None:
    refuses("fsync", errno.EIO)
    with pytest.raises(RunError, match=r"Cannot write .*file"):
        write_bytes(tmp_path / "file", b"content")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_being_read_is_replaced_a_moment_later(tmp_path: Path, refuses: Any) -> None:
    write_bytes(tmp_path / "file", b"old")
    refuses("replace", errno.EACCES, times=2)
    write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    refuses("replace", errno.EACCES)
    with pytest.raises(RunError, match="Cannot write"):
        write_bytes(tmp_path / "file", b"never")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_files_are_for_whom_the_user_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", b"content")
    finally:
        os.umask(before)
    assert os.name == "nt" or (tmp_path / "file").stat().st_mode & 0o777 == 0o640


NOBODY = """
import pwd
def nobody(uid): raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = nobody
from attredit.cli import main
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows its users")
def test_a_user_whom_nobody_knows(tmp_path: Path, train_command: Any, run_process: Any, warm: Warm) -> None:
    """Nor has he a home directory, as in containers."""
    lacking = ("HOME", "USER", "LOGNAME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "ATTREDIT_CACHE")
    nobody_s = {k: v for k, v in os.environ.items() if k not in lacking}
    script, place = tmp_path / "nobody.py", tmp_path / "place"
    script.write_text(NOBODY)
    place.mkdir()
    words = [script, *train_command(Path("run"))[3:], "--steps=1"]
    without = warm.run(words, place, environment=nobody_s)
    assert without.returncode == 1
    assert without.stderr.strip().endswith(
        "Error: There is no home directory to keep prepared data in. Name a place with the environment variable "
        "ATTREDIT_CACHE."
    )
    assert not list(place.iterdir())
    # What libraries do while they are imported is proved by a process that has none.
    with_cache = nobody_s | {"ATTREDIT_CACHE": str(tmp_path / "cache")}
    run_process([sys.executable, *map(str, words)], cwd=place, environment=with_cache)
    assert (place / "run" / "model.safetensors").is_file()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_request: Any) -> Path:
    return train(tiny_request(run_dir=str(tmp_path_factory.mktemp("where") / "run"), steps=1))


def test_a_cache_that_has_everything_may_be_read_only(
    run: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = evaluate(run)
    mine = tmp_path / "cache"
    # Other tests share it, and what they are making may vanish while it is copied.
    shutil.copytree(cache, mine, ignore=shutil.ignore_patterns(".*", "*.part", "*.lock"))
    monkeypatch.setenv("ATTREDIT_CACHE", str(mine))
    # Not by permissions: whoever may do everything is not kept out by them.
    real_open, real_os_open = builtins.open, os.open

    def refused(path: Any, writes: bool) -> None:
        if writes and isinstance(path, str | os.PathLike) and str(path).startswith(str(mine)):
            raise PermissionError(errno.EROFS, "Read-only file system", str(path))

    def opened(path: Any, mode: str = "r", *more: Any, **others: Any) -> Any:
        refused(path, bool(set(mode) & set("wax+")))
        return real_open(path, mode, *more, **others)

    def os_opened(path: Any, flags: int, *more: Any, **others: Any) -> int:
        refused(path, bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))
        return real_os_open(path, flags, *more, **others)

    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr("io.open", opened)
    monkeypatch.setattr(os, "open", os_opened)
    monkeypatch.setattr(os, "mkdir", lambda path, *more, **others: refused(path, True))
    monkeypatch.setattr(os, "utime", lambda path, *more, **others: refused(path, True))
    assert evaluate(run).metrics == before.metrics
    shutil.rmtree(mine / "stores", ignore_errors=True)
    with pytest.raises(RunError, match=r"Read-only file system.*ATTREDIT_CACHE"):
        evaluate(run)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_tilde_is_the_home_directory(
    home: Path, run: Path, monkeypatch: pytest.MonkeyPatch, request_for: Any
) -> None:
    monkeypatch.setenv("ATTREDIT_CACHE", "~/cache")
    assert cache_dir() == home / "cache"
    asked = Request(run_dir="~/runs/mine", data_dir="~/data")
    assert (asked.run_dir, asked.data_dir) == (str(home / "runs" / "mine"), str(home / "data"))
    assert RunDirectory("~/runs/mine").path == home / "runs" / "mine"
    (home / "mine.toml").write_text((ROOT / "attredit/benchmark/suites/quick.toml").read_text("utf-8"), "utf-8")
    assert read_suite("~/mine.toml").name == "mine"
    shutil.copytree(run, home / "run")
    assert attredit.load("~/run").config == attredit.load(run).config
    with pytest.raises(UsageError, match="~nobody-is-called-that/x begins with a ~"):
        expanded("~nobody-is-called-that/x")


def test_a_tilde_in_options_of_a_data_set(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    from attredit.plugin.registry import installed

    for split in ("a", "b"):
        (home / "pictures" / split).mkdir(parents=True)
        for number in range(4):
            Image.fromarray(np.full((8, 8, 3), 9 * number, np.uint8)).save(home / "pictures" / split / f"{number}.png")
    for asked in ({"dataset": "folder:~/pictures"}, {"dataset": "folder", "data_dir": "~/pictures"}):
        settled = CollectionRequest(**asked, image_size=8).settled(installed())
        assert (settled.dataset, settled.data_dir) == ("collections/folder", str(home / "pictures"))
        assert settled.collection(installed()).schema.names == ("label",)


def test_a_tilde_on_the_command_line(home: Path, run: Path, run_process: Any) -> None:
    command = [sys.executable, "-m", "attredit", "train", f"--resume={run}", "--run-dir=~/x"]
    assert run_process(command, check=False).returncode == 2
    shutil.copytree(run, home / "run")
    assert "ifcvaegan" in run_process([sys.executable, "-m", "attredit", "show", "~/run"]).stdout


def test_many_attributes_make_a_short_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_for: Any) -> None:
    few = ("Smiling", "Eyeglasses")
    assert run_name(Request(), few) == "ifcvaegan-synthfaces-Smiling-Eyeglasses"
    assert run_name(Request(), [f"Attribute_{i}" for i in range(40)]) == "ifcvaegan-synthfaces-40-attributes"
    assert run_name(Request(), ["微笑" * 30]) == "ifcvaegan-synthfaces-1-attributes"
    # Signs that systems give a meaning to, and what Windows cuts off.
    assert run_name(Request(), ["a/b:c?", "..", "Lunettes dorées."]) == "ifcvaegan-synthfaces-a-b-c--..-Lunettes-dorées"


@pytest.mark.parametrize("name", ["x" * 300, "file/run"])
def test_a_run_that_cannot_be_written_is_found_before_images_are_prepared(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_for: Any
) -> None:
    monkeypatch.setenv("ATTREDIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"Cannot create .*Name another --run-dir"):
        train(request_for(run_dir=str(tmp_path / name)))
    assert not (tmp_path / "cache").exists()


def test_nothing_is_left_of_a_run_that_is_not_begun(tmp_path: Path, request_for: Any) -> None:
    trainer_of(request_for(run_dir=str(tmp_path / "a" / "b")))
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "environment, main",
    [
        ({"RANK": "1"}, True),
        ({"LOCAL_RANK": "1"}, True),
        ({"RANK": "1", "WORLD_SIZE": "1"}, True),
        ({"RANK": "1", "WORLD_SIZE": "2"}, False),
        ({"RANK": "0", "WORLD_SIZE": "2"}, True),
        ({}, True),
    ],
)
def test_rank_alone_silences_nothing(environment: dict[str, str], main: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_main_process() == main


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_whatever_a_terminal_can_show(encoding: str, run: Path, tmp_path: Path) -> None:
    evaluate(run)
    for command in ["show", str(run)], *([["methods"], ["plugins"]] if encoding == "cp1252" else []):
        env = {**os.environ, "PYTHONIOENCODING": encoding, "RANK": "1"}
        done = subprocess.run([sys.executable, "-m", "attredit", *command], env=env, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.decode(encoding)) > 200  # RANK alone has silenced nothing


def test_signs_that_an_encoding_lacks_have_plain_ones() -> None:
    from attredit.cli.console import make_printable

    make_printable()
    assert "5 ↑ – 微".encode("ascii", "attredit") == b"5 ^ - ?"
    assert codecs.lookup_error("attredit") is not None
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
