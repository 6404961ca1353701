"""A plugin that keeps every promise passes; what is asked for wrongly is told; reports say what was done."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from attredit.errors import UsageError
from attredit.plugin.registry import KINDS
from attredit.testing import PROMISES, BrokenPromises, check_plugin, checks, plan


def test_a_good_plugin_keeps_every_promise(install: Callable[..., str]) -> None:
    cache = os.environ["ATTREDIT_CACHE"]
    report = check_plugin(install())
    assert not report.failed
    assert {check.promise for check in report.checks} == {promise.name for promise in PROMISES}
    assert [(c.promise, c.kind, c.component) for c in report.checks] == [
        (task.promise.name, task.kind, task.name) for task in plan(report.plugin)
    ]
    assert [str(check) for check in report.checks if check.state == "skipped"] == [
        f"save-and-load: term {report.plugin}/centred skipped: a function: it keeps no state"
    ]
    assert os.environ["ATTREDIT_CACHE"] == cache
    notes = {check.promise: check.note for check in report.checks if check.kind in ("plugin", "encoder")}
    assert notes["loads"] == "10 components"
    assert notes["shapes"] == "image sizes 16, 32"  # 64 and 48 it refuses, as it may
    assert notes["import-time"].endswith(" ms")


def test_every_kind_of_component_has_promises() -> None:
    assert {kind for promise in PROMISES for kind in promise.targets} == {"plugin", *KINDS} - {
        "network"
    }  # which has no contract
    assert all(callable(promise.function(kind)) for promise in PROMISES for kind in promise.targets)


def test_a_plugin_that_does_not_load_is_told_and_no_more(install: Callable[..., str]) -> None:
    name = install({"attredit_api = 1": "raise RuntimeError('boom')"})
    with pytest.raises(BrokenPromises, match=r"breaks 1 promise\.\n\nloads: (?s:.)*RuntimeError: boom"):
        check_plugin(name)


def test_a_plugin_that_registers_nothing_is_told(install: Callable[..., str]) -> None:
    with pytest.raises(BrokenPromises, match="none of its hooks registers anything"):
        check_plugin(install(kinds="nothing"), quick=True)


def test_a_target_that_lacks_what_it_needs_is_skipped(install: Callable[..., str]) -> None:
    name = install({'"PARTS:brightness"': '"no_such_module:brightness", needs=["something"]'}, kinds="metric")
    report = check_plugin(name, quick=True)
    assert [check.state for check in report.checks] == ["skipped", "skipped"]
    assert "pip install something" in report.checks[0].note


def test_unknown_names(install: Callable[..., str]) -> None:
    name = install(kinds="metric")
    with pytest.raises(UsageError, match=rf"Unknown plugin 'mad'.*{name}"):
        check_plugin("mad")
    with pytest.raises(UsageError, match=r"Unknown promise 'shape'. Did you mean shapes\?"):
        next(checks(name, only=["shape"]))


def test_quick_leaves_out_what_starts_processes(install: Callable[..., str]) -> None:
    tasks = plan(install(), quick=True)
    assert {task.promise.name for task in tasks} == {promise.name for promise in PROMISES if promise.quick}


def test_an_exception_of_a_component_is_its_failure_with_a_traceback(install: Callable[..., str]) -> None:
    name = install(
        parts={"found = self.layer": "raise ZeroDivisionError('why')\n        found = self.layer"}, kinds="encoder"
    )
    (check,) = checks(name, only=["shapes"])
    assert check.state == "failed"
    assert check.found == "ZeroDivisionError: why"
    assert f"{name}_parts.py" in check.traceback
