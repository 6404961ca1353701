"""Benchmark directories whose figures are worked out by hand: results and evaluations without any training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from attredit.benchmark.cells import Cell
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.results import Facts, Figures, Result
from attredit.benchmark.suite import Budget, DatasetEntry, EvaluationPlan, parse_suite
from attredit.evaluation.result import Evaluation, JudgeFacts
from attredit.evaluation.statistics import Estimate
from attredit.evaluation.table import Figure
from attredit.evaluation.values import Values, write_values
from attredit.request import Request
from attredit.runs.directory import RunDirectory

# Of a cell in the tiny suite: enough to be killed between two checkpoints.
STEPS = 100
SUITE = """
summary = "Made by hand."
attributes = ["Smiling"]
seeds = SEEDS
budget = { steps = 100 }
datasets = [{ name = "quadrants" }]
methods = [{ name = "naive" }, { name = "ours" }]
"""
MACHINE: dict[str, str | int] = {
    "cpu": "abacus", "cores": 2, "threads": 1, "device": "cpu", "torch": "2", "attredit": "0",
}  # fmt: skip


def cell_of(label: str = "naive", seed: int = 0, **changes: Any) -> Cell:
    facts: dict[str, Any] = {
        "key": f"{label}-{seed}",
        "suite": "made",
        "label": label,
        "point": {},
        "request": Request(method="naive-cvaegan", attributes=("Smiling",), seed=seed, image_size=16),
        "recipe": label,
        "dataset": DatasetEntry(name="quadrants"),
        "budget": Budget(steps=100),
        "evaluation": EvaluationPlan(),
    }
    own = {name: changes.pop(name) for name in list(changes) if name in Request.model_fields and name != "dataset"}
    facts["request"] = facts["request"].replaced(**own)
    return Cell(**facts | changes)


def facts_of(**changes: Any) -> Facts:
    facts: dict[str, Any] = {
        "steps": 100,
        "batch_size": 8,
        "training_seconds": 2.0,
        "cell_seconds": 3.0,
        "parameters": 1000,
        "memory_bytes": 5_000_000,
        "gpu_bytes": None,
        "machine": MACHINE,
    }
    return Facts(**facts | changes)


def figures_of(
    figures: Mapping[str, Figure], own: Mapping[str, Estimate] = MappingProxyType({}), judge: str = "reader"
) -> Figures:
    pooled = {name: figure.pooled() for name, figure in figures.items() if "/" not in name}
    metrics = {name: estimate for name, estimate in pooled.items() if estimate is not None} | dict(own)
    return Figures(judge=judge, identity=None, images=4, metrics=metrics, attributes={}, not_measured={})


def result_of(cell: Cell, figures: dict[str, Figure] | None = None, error: str = "", **facts: Any) -> Result:
    return Result(
        cell=cell,
        date="2026-01-01T00:00:00+00:00",
        error=error,
        facts=None if error else facts_of(**facts),
        figures={} if error else {"": figures_of(figures or {})},
    )


def figure(values: Sequence[float], share: bool = False, units: int = 1, attribute: str | None = "Smiling") -> Figure:
    return Figure(share, units, {attribute: np.asarray(values, np.float64)[:, None]})


def finish(
    directory: BenchmarkDirectory,
    cell: Cell,
    figures: dict[str, Figure],
    own: Mapping[str, Estimate] = MappingProxyType({}),
    elsewhere: Mapping[str, dict[str, Figure]] = MappingProxyType({}),
    judge: str = "reader",
    rows: Sequence[int] = range(4),
    **facts: Any,
) -> Result:
    """What a cell leaves: its run's evaluations, with every image's values, and a line; `own` has no single images."""
    measured = {"": figures_of(figures, own, judge)}
    measured |= {label: figures_of(other, judge="another reader") for label, other in elsewhere.items()}
    result = result_of(cell, **facts).model_copy(update={"figures": measured})
    run = RunDirectory(directory.run(cell.key))
    run.path.mkdir(parents=True)
    for label, every in {"": figures, **elsewhere}.items():
        evaluation = Evaluation(
            split="test",
            images=4,
            judge=JudgeFacts(hash="reader", accuracy={}, agreement={}),
            metrics=measured[label].metrics,
            attributes={},
            identity=None,
            off_target_matrix={},
            not_measured={},
            data={"label": label} if label else {},
            run={},
            versions={},
        )
        write_values(run, evaluation, Values(np.asarray(rows), every))
        evaluation.write(run)
    directory.append(result)
    return result


def directory_of(path: Path, cells: Sequence[Cell]) -> BenchmarkDirectory:
    directory = BenchmarkDirectory(path / "made")
    text = SUITE.replace("SEEDS", str(sorted({cell.seed for cell in cells})))
    directory.write(parse_suite(text, "made.toml", "made"), cells)
    return directory


def plain(directory: Path, finished: bool = False) -> list[dict[str, Any]]:
    """Lines of results.jsonl, or those of finished cells, without what may differ from one carrying out to another."""
    lines = []
    for line in (directory / "results.jsonl").read_text().splitlines():
        result = json.loads(line)
        if finished and result["error"]:
            continue
        del result["date"]
        for fact in ("training_seconds", "cell_seconds", "memory_bytes"):
            del result["facts"][fact]
        lines.append(result)
    return sorted(lines, key=lambda result: str(result["cell"]["key"]))
