"""What fifty installed plugins add to `attredit --help` and to `attredit plugins`, in one run.

    python benchmarks/bench_plugins.py

The plugins are distributions in a temporary folder on the path; each registers a method, a term and an encoder.
Commands with them and without them take turns, so that whatever else the machine does falls on both alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMANDS = {"--help": 0.2, "plugins": None}
MODULE = """
from attredit import hookimpl

attredit_api = 1


@hookimpl
def register_methods(register):
    register("method{number}", "attredit_fake{number}.recipes:default", summary="Of the benchmark.")


@hookimpl
def register_terms(register):
    register("term{number}", "attredit_fake{number}.terms:term")


@hookimpl
def register_encoders(register):
    register("encoder{number}", "attredit_fake{number}.networks:Encoder")
"""


def install(site: Path, plugins: int) -> None:
    for number in range(plugins):
        package = site / f"attredit_fake{number}"
        package.mkdir()
        (package / "__init__.py").write_text(MODULE.format(number=number))
        facts = site / f"attredit_fake{number}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: attredit-fake{number}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[attredit]\nfake{number} = attredit_fake{number}\n")


def seconds_of(command: str, site: Path | None) -> tuple[float, str]:
    paths = [str(site)] if site is not None else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "attredit", command], capture_output=True, text=True, check=True, env=environment
    )
    return time.perf_counter() - started, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugins", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        install(site, options.plugins)
        for command, most in COMMANDS.items():
            _, listed = seconds_of(command, site)  # the first also compiles them, as pip does when it installs
            assert command == "--help" or listed.count("attredit-fake") == options.plugins, "they were not found"
            pairs = [(seconds_of(command, None)[0], seconds_of(command, site)[0]) for _ in range(options.repeats)]
            without, with_them = (statistics.median(times) for times in zip(*pairs, strict=True))
            added = statistics.median(b - a for a, b in pairs)
            target = f" (at most {most:.1f} s is the aim)" if most is not None else ""
            print(
                f"attredit {command}: {without:.3f} s without, {with_them:.3f} s with {options.plugins} plugins: "
                f"{with_them / without:.2f} times, {added:+.3f} s{target}",
                flush=True,
            )
            if most is not None and added > most:
                raise SystemExit(f"{options.plugins} plugins add {added:.3f} s to attredit {command}.")


if __name__ == "__main__":
    main()
