"""Tables worked out by hand: four images, two seeds, figures that a reader can add up."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import cell_of, directory_of, figure, finish, result_of

from attredit.benchmark.compare import Parts, best_of, comparisons_of
from attredit.benchmark.directory import BenchmarkDirectory
from attredit.benchmark.suite import CollectionEntry, DatasetEntry, read_suite
from attredit.benchmark.tables import as_csv, as_latex, as_markdown, facts, grids, number, write_tables
from attredit.errors import RunError
from attredit.evaluation.statistics import Estimate
from attredit.evaluation.table import Figure
from attredit.runs.directory import RunDirectory

ERRORS = np.array([0.125, 0.25, 0.375, 0.5])  # their mean is .3125
FLIPS = [0.0, 0.5, 0.0, 0.5]


def figures(more: float = 0.0, success: tuple[float, ...] = (1, 1, 1, 0)) -> dict[str, Figure]:
    return {
        "mse": figure((ERRORS + more).tolist(), attribute=None),
        "edit_success": figure(success, share=True),
        "off_target": figure(FLIPS, units=7),
    }


@pytest.fixture
def made(tmp_path: Path) -> BenchmarkDirectory:
    """Naive and ours with two seeds each; ours reconstructs each image worse by the same 1/64."""
    cells = [cell_of(label, seed) for seed in (0, 1) for label in ("naive", "ours")]
    directory = directory_of(tmp_path, cells)
    for cell in cells:
        finish(directory, cell, figures(1 / 64 if cell.label == "ours" else 0.0), training_seconds=2.0 + 2 * cell.seed)
    return directory


def test_figures_are_means_over_seeds_and_n_counts_every_verdict(made: BenchmarkDirectory) -> None:
    (comparison,) = comparisons_of(made)
    naive, ours = comparison.rows
    assert naive.values["mse"].estimate.value == pytest.approx(0.3125)
    assert ours.values["mse"].estimate.value == pytest.approx(0.3125 + 1 / 64)
    assert naive.values["edit_success"].estimate.value == pytest.approx(0.75)
    assert naive.values["off_target"].estimate.value == pytest.approx(0.25)
    assert [naive.values[n].estimate.n for n in ("mse", "edit_success", "off_target")] == [8, 8, 56]
    assert naive.mean("training_seconds") == 3.0
    assert naive.seeds == (0, 1)


def test_the_best_is_marked_by_paired_differences_though_intervals_overlap(made: BenchmarkDirectory) -> None:
    (comparison,) = comparisons_of(made)
    naive, ours = comparison.rows
    first, second = naive.values["mse"].estimate, ours.values["mse"].estimate
    assert first.high is not None
    assert second.low is not None
    assert first.high > second.low
    assert naive.values["mse"].best
    assert not ours.values["mse"].best
    # The same figures on the same images: nobody is better.
    assert not any(row.values[name].best for row in comparison.rows for name in ("edit_success", "off_target"))


def test_another_collection_has_a_table_of_its_own_with_intervals_and_marks(tmp_path: Path) -> None:
    dataset = DatasetEntry(name="quadrants", evaluate_on=(CollectionEntry(name="folder", label="loose"),))
    cells = [cell_of(label, seed, dataset=dataset) for seed in (0, 1) for label in ("naive", "ours")]
    directory = directory_of(tmp_path, cells)
    for cell in cells:
        worse = 1 / 64 if cell.label == "ours" else 0.0
        finish(directory, cell, figures(worse), elsewhere={"loose": figures(0.25 - 2 * worse)})
    own, loose = write_tables(directory)[0]
    assert (own.title, loose.title) == ("quadrants: Smiling", "quadrants: Smiling, measured on loose")
    assert [row.values["mse"].best for row in own.rows] == [True, False]
    assert [row.values["mse"].best for row in loose.rows] == [False, True]
    assert loose.rows[0].values["mse"].estimate.value == pytest.approx(0.5625)
    assert loose.rows[0].values["mse"].estimate.low is not None
    assert "Measured on 4 images of the test split of loose by judge another reader." in facts(loose)[0]
    assert "by judge reader." in facts(own)[0]
    # What it took, stands once.
    assert [grid.title for grid in grids(loose)] == [loose.title]
    text = (directory.path / "table.md").read_text()
    assert "## quadrants: Smiling, measured on loose\n" in text
    assert "| ours | **.53125** * (" in text
    rows = list(csv.DictReader(io.StringIO(as_csv([own, loose]))))
    assert [(row["dataset"], row["measured_on"], row["method"]) for row in rows] == [
        ("quadrants", on, method) for on in ("quadrants", "loose") for method in ("naive", "ours")
    ]


def test_seeds_that_saw_other_images_have_an_interval_and_are_compared_where_both_say_something(tmp_path: Path) -> None:
    cells = [cell_of(label, seed) for seed in (0, 1) for label in ("naive", "ours")]
    directory = directory_of(tmp_path, cells)
    for cell in cells:
        # A frame is found in four of five images, in others by the second seed.
        own = (0, 1, 2, 3) if cell.seed == 0 else (0, 2, 3, 4)
        finish(directory, cell, figures(0.25 if cell.label == "ours" else 0.0), rows=own)
    [comparison] = comparisons_of(directory)
    naive, ours = (row.values["mse"] for row in comparison.rows)
    assert naive.estimate.value == pytest.approx(0.3125)
    assert naive.estimate.low is not None
    assert naive.estimate.low < 0.3125 < naive.estimate.high
    assert naive.estimate.n == 8
    assert naive.best
    assert not ours.best


def parts(*rows: list[float]) -> Parts:
    return Parts(False, 1, tuple(np.array(row)[:, None] for row in rows), np.ones(1))


def test_no_interval_reaches_below_what_there_can_be() -> None:
    assert [number(-0.003, unit) for unit in ("share", "error", "bits")] == ["0.0", ".00000", "0"]
    assert number(-0.003, "") == "-0.003"  # a distance without bias, or a movement, may be below nothing


def test_the_best_has_to_be_beyond_doubt_and_a_direction_to_be_good_in() -> None:
    high, low = parts([5, 6, 7, 8.0]), parts([1, 2, 3, 4.0])
    assert best_of([(2.5, low), (6.5, high)], "higher") == 1
    assert best_of([(2.5, low), (6.5, high)], "lower") == 0
    assert best_of([(2.5, low), (6.5, high)], "") is None
    assert best_of([(6.5, high)], "higher") is None
    # The difference is 4, 0, 0, -3: larger in the mean, by chance.
    mixed = parts([5, 2, 3, 1.0])
    assert best_of([(2.5, low), (2.75, mixed)], "higher") is None
    # The best of three is compared with the second, not with the third.
    assert best_of([(2.5, low), (6.5, high), (6.75, parts([9, 6, 7, 5.0]))], "higher") is None
    assert best_of([(2.5, low), (6.5, None)], "higher") is None


def test_several_attributes_are_averaged_and_several_sets_are_several_tables(tmp_path: Path) -> None:
    pair, alone = cell_of("naive", attributes=("Smiling", "Male"), key="pair"), cell_of("naive", key="alone")
    directory = directory_of(tmp_path, [pair, alone])
    both = Figure(True, 1, {"Smiling": np.array([[1.0], [1], [1], [0]]), "Male": np.array([[0.0], [1], [np.nan], [0]])})
    nothing = Figure(False, 7, {"Smiling": np.array([[0.5], [0], [0], [0.0]]), "Male": np.full((4, 1), np.nan)})
    finish(directory, pair, {"edit_success": both, "off_target": nothing})
    finish(directory, alone, figures())
    first, second = comparisons_of(directory)
    assert [c.title for c in (first, second)] == ["quadrants: Smiling, Male", "quadrants: Smiling"]
    assert first.rows[0].values["edit_success"].estimate.value == pytest.approx((3 / 4 + 1 / 3) / 2)
    assert first.rows[0].values["off_target"].estimate.value == pytest.approx(0.125)  # of the one that says something


def test_failures_and_what_is_missing_are_said(tmp_path: Path) -> None:
    cells = [cell_of(label, seed) for label in ("naive", "ours") for seed in (0, 1, 2)]
    directory = directory_of(tmp_path, cells)
    finish(directory, cells[0], figures())
    finish(directory, cells[1], figures(), judge="another")
    directory.append(result_of(cells[3], error="Term kl is nan at step 3."))
    (comparison,) = comparisons_of(directory)
    said = "\n".join(facts(comparison))
    assert "Failed: ours, seed 0: Term kl is nan at step 3." in said
    assert "Not finished yet: 3 of 6 cells." in said
    assert "different judges (another, reader)" in said
    costs = {label: entries[0].text for label, entries in grids(comparison)[1].rows}
    assert costs == {"naive": "2 of 3", "ours": "0 of 3"}
    assert [entry.text for entry in grids(comparison)[0].rows[1][1]] == ["–", "–", "–"]
    assert [entry.text for entry in grids(comparison)[0].rows[2][1]] == ["4", "4", "28"]


def test_without_the_runs_there_are_means_without_intervals_and_a_note(made: BenchmarkDirectory) -> None:
    shutil.rmtree(made.run("ours-1"))
    (comparison,) = comparisons_of(made)
    naive, ours = comparison.rows
    assert ours.values["mse"].estimate.value == pytest.approx(0.3125 + 1 / 64)
    assert ours.values["mse"].estimate.low is None
    assert not naive.values["mse"].best
    assert naive.values["mse"].estimate.low is not None
    assert any("ours, seed 1: its row has no intervals" in note for note in comparison.notes)


def test_an_evaluation_that_is_not_the_recorded_one_is_not_used(made: BenchmarkDirectory) -> None:
    shutil.rmtree(made.run("ours-1"))
    shutil.copytree(made.run("naive-1"), made.run("ours-1"))
    (comparison,) = comparisons_of(made)
    assert any("evaluated again in another way" in note for note in comparison.notes)
    assert comparison.rows[1].values["mse"].estimate.low is None


def test_what_is_not_made_of_single_images_has_a_mean_and_a_single_seeds_own_interval(tmp_path: Path) -> None:
    cells = [cell_of("naive", 0), cell_of("naive", 1), cell_of("ours", 0)]
    directory = directory_of(tmp_path, cells)
    for cell, value in zip(cells, (2.0, 4.0, 1.0), strict=True):
        own = {"fid_judge": Estimate(value, value - 0.5, value + 0.5, 4)}
        finish(directory, cell, figures() | {"off_target_matrix/Male": figure([0.5, 0, 0, 0])}, own=own)
    (comparison,) = comparisons_of(directory)
    naive, ours = comparison.rows
    assert naive.values["fid_judge"].estimate == Estimate(3.0, None, None, 8)
    assert ours.values["fid_judge"].estimate == Estimate(1.0, 0.5, 1.5, 4)
    assert not ours.values["fid_judge"].best
    assert naive.values["off_target_matrix/Male"].estimate.value == pytest.approx(0.125)


def test_markdown_latex_and_csv(made: BenchmarkDirectory) -> None:
    comparisons, files = write_tables(made)
    assert [file.name for file in files] == ["table.md", "table.tex", "table.csv"]
    text = (made.path / "table.md").read_text()
    assert text == as_markdown("made", "Made by hand.", comparisons)
    assert "## quadrants: Smiling\n\n| method | mse\N{NO-BREAK SPACE}↓ | edit_success\N{NO-BREAK SPACE}↑ |" in text
    assert "| naive | **.31250** * (" in text
    assert "| ours | .32812 (" in text
    assert "| n a seed | 4 | 4 | 28 |" in text
    assert "| method | seeds | steps | seconds | parameters | memory MB |" in text
    assert "| naive | 2 | 100 | 3.0 | 1,000 | 5 |" in text
    assert "- Budget 100 steps each; 16x16 pixels; seeds 0, 1. Measured on 4 images of the test split by judge" in text
    assert "- Machine: abacus, 2 cores, 1 threads a cell, torch 2, attredit 0." in text
    tex = as_latex(comparisons)
    assert "\\begin{tabular}{lrrr}\n\\toprule\nmethod & mse~$\\downarrow$ & edit\\_success~$\\uparrow$ &" in tex
    assert "naive & \\textbf{.31250} {\\scriptsize (" in tex
    assert all(line.startswith("%") for line in tex.split("\\begin")[0].splitlines())
    rows = list(csv.DictReader(io.StringIO(as_csv(comparisons))))
    assert [(row["method"], float(row["mse"]), row["mse_best"], row["off_target_n"]) for row in rows] == [
        ("naive", 0.3125, "1", "56"),
        ("ours", 0.328125, "0", "56"),
    ]
    assert (rows[0]["seeds"], rows[0]["budget"], rows[0]["gpu_bytes"]) == ("0 1", "100 steps", "")


def test_labels_do_not_break_tables(tmp_path: Path) -> None:
    cell = cell_of("50 % {a_b} & c | d")
    directory = directory_of(tmp_path, [cell])
    finish(directory, cell, figures())
    comparisons, _ = write_tables(directory)
    assert "50 \\% \\{a\\_b\\} \\& c | d & .31250" in as_latex(comparisons)
    assert "| 50 % {a_b} & c \\| d | .31250" in as_markdown("made", "", comparisons)


def test_report_tells_a_benchmark_from_a_run(made: BenchmarkDirectory, attredit: Any, tmp_path: Path) -> None:
    result = attredit("report", made.path)
    assert result.exit_code == 0
    assert "quadrants: Smiling" in result.stdout
    assert ".31250*" in result.stdout
    assert f"Wrote {made.path / 'table.tex'}" in result.stdout
    refused = attredit("report", made.path, "-o", tmp_path)
    assert refused.exit_code == 2
    assert "Leave -o out." in refused.stderr
    nowhere = attredit("report", tmp_path)
    assert nowhere.exit_code == 1
    assert "is no run" in nowhere.stderr


def test_damaged_plans_and_places_that_hold_something_else(made: BenchmarkDirectory, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no benchmark"):
        comparisons_of(BenchmarkDirectory(tmp_path))
    no_cells = made.read().model_dump_json(exclude={"cells"})[:-1] + ', "cells": []}'
    for content in ("{", no_cells):
        made.plan_file.write_text(content)
        with pytest.raises(RunError, match="damaged or of another version"):
            comparisons_of(made)
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    run.config_file.write_text("{}")
    with pytest.raises(RunError, match="holds a run"):
        BenchmarkDirectory(run.path).write(read_suite("quick"), [])
