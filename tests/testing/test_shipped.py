"""What ships keeps its promises: the cheap ones here for all, those that start processes for two."""

from __future__ import annotations

import pytest

from attredit.plugin.registry import installed
from attredit.testing import check_plugin

SHIPPED = [plugin.name for plugin in installed().plugins if plugin.distribution == "attredit"]
OF_EACH = ("loads", "torch-free-import", "import-time")


def test_all_are_here() -> None:
    data = {"synthfaces", "sprites", "celeba", "collections"}
    assert {"core", "networks", "ifcvaegan", "naive-cvaegan", "fader", *data} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_loads_quickly(name: str) -> None:
    check_plugin(name, only=OF_EACH)


def test_networks_and_factorizers() -> None:
    report = check_plugin("fader", only=("shapes", "gradients", "determinism", "save-and-load", "partners"))
    assert report.counts["passed"] == 16
    (factorizer,) = (check.note for check in report.of("partners") if check.kind == "factorizer")
    assert factorizer == "Trains in fader/fader. csvae/csvae, ifcvaegan/ifcvaegan: It reads no vector."


def test_a_data_set_in_other_processes() -> None:
    report = check_plugin("synthfaces", only=("data-source", "counterfactuals", "fingerprints", "workers"))
    assert report.counts == {"passed": 4}


def test_a_data_set_that_nobody_has_is_skipped() -> None:
    report = check_plugin("celeba", only=("data-source", "workers"))
    assert [check.state for check in report.checks] == ["skipped", "skipped"]
    assert "--data-dir" in report.checks[0].note
