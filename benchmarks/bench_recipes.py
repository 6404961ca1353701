"""Time until the edits work, for the presets `default` and `reference`, in one run.

    python benchmarks/bench_recipes.py --seconds 180

Each preset trains for the same seconds on drawn faces. Every `--every` steps the clock stops and the judge scores
class0, class1 and edit_success on held-out faces; the time at which all three first reach `--threshold` is reported,
or the best that was reached.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from pathlib import Path

from attredit.launch import evaluate, train
from attredit.request import Request
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory
from attredit.training.observer import Observer

SCORES = ("class0", "class1", "edit_success")


class _Enough(Exception):
    pass


class Stopwatch(Observer):
    """Scores every checkpoint, off the clock."""

    def __init__(self, run: str, threshold: float, seconds: float, limit: int) -> None:
        self.run, self.threshold, self.seconds, self.limit = run, threshold, seconds, limit
        self.spent, self.best, self.since = 0.0, 0.0, 0.0
        self.reached: float | None = None

    def on_start(self, config: RunConfig, run: RunDirectory, step: int) -> None:
        """Start the clock."""
        self.since = time.perf_counter()

    def on_save(self, step: int) -> None:
        """Stop the clock, score, and go on unless done."""
        self.spent += time.perf_counter() - self.since
        metrics = evaluate(self.run, limit=self.limit).to_json()["metrics"]
        worst = min(metrics[name]["value"] for name in SCORES)
        self.best = max(self.best, worst)
        print(f"  step {step:5d} {self.spent:6.1f} s  worst of {', '.join(SCORES)}: {worst:.3f}", flush=True)
        if worst >= self.threshold:
            self.reached = self.spent
        if self.reached is not None or self.spent > self.seconds:
            raise _Enough
        self.since = time.perf_counter()


def time_to(preset: str, options: argparse.Namespace, folder: Path) -> Stopwatch:
    print(f"preset {preset}", flush=True)
    run = str(folder / preset)
    watch = Stopwatch(run, options.threshold, options.seconds, options.limit)
    request = Request(
        preset=preset, attributes=[options.attr], run_dir=run, save_every=options.every, steps=options.steps
    )
    with contextlib.suppress(_Enough):
        train(request, observers=[watch])
    return watch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attr", default="Smiling")
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--every", type=int, default=200)
    parser.add_argument("--threshold", type=float, default=0.95)
    parser.add_argument("--limit", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours, reference = (time_to(preset, options, Path(folder)) for preset in ("default", "reference"))
    for name, watch in (("default", ours), ("reference", reference)):
        what = f"{watch.reached:.0f} s" if watch.reached else f"not in {watch.spent:.0f} s (best {watch.best:.3f})"
        print(f"{name}: {what} to {options.threshold}")
    if ours.reached:
        later = reference.reached or reference.spent
        bound = "" if reference.reached else "more than "
        print(f"ratio: reference takes {bound}{later / ours.reached:.1f} times as long")


if __name__ == "__main__":
    main()
