"""Every promise, broken by a plugin that is otherwise good, is caught: by that promise and by no other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from attredit.testing import PROMISES, BrokenPromises, check_plugin

NETWORKS = "encoder decoder discriminator factorizer term method"
QUICK = tuple(promise.name for promise in PROMISES if promise.quick)
IMPORTS = tuple(promise.name for promise in PROMISES if "plugin" in promise.targets)
LISTING = ("loads", "torch-free-import", "import-time")
MEANWHILE = "self.latent_dim = latent_dim"


@dataclass(frozen=True)
class Fault:
    """What is replaced in a good plugin, and how that is complained of.

    Attributes:
        kinds: The components that the plugin registers.
        says: A regular expression of the complaint.
        hooks: Replacements in its module.
        parts: Replacements in its parts.
        among: The promises that are checked; the quick ones when empty.
        options: Further arguments of `check_plugin`.
    """

    kinds: str
    says: str
    hooks: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    among: tuple[str, ...] = QUICK
    options: dict[str, Any] = field(default_factory=dict)


FAULTS = {
    "loads": Fault(
        "metric dataset", "cannot be loaded: .* has no attribute", parts={"def brightness": "def brightnes"}
    ),
    "torch-free-import": Fault(
        "metric",
        "it imports torch",
        hooks={"attredit_api = 1": "import torch  # noqa: F401\n\nattredit_api = 1"},
        among=LISTING,
        options={"import_milliseconds": 1e6},
    ),
    "import-time": Fault(
        "metric",
        "an import of at most 100 ms\n.* [34]\\d\\d ms",
        hooks={"attredit_api = 1": "import time\n\ntime.sleep(0.3)\nattredit_api = 1"},
        among=LISTING,
    ),
    "silent-import": Fault(
        "metric",
        "importing it prints 'hello",
        hooks={"attredit_api = 1": "print('hello')\nattredit_api = 1"},
        among=IMPORTS,
    ),
    "import-leaves-state": Fault(
        "metric",
        "changes torch's random state, Python's random state, torch.set_printoptions$",
        parts={
            "import torch\n": "import random, torch\nrandom.seed(0)\ntorch.manual_seed(0)\n"
            "torch.set_printoptions = lambda **options: None\n"
        },
        among=IMPORTS,
    ),
    "shapes": Fault(
        NETWORKS,
        r"outputs of float32 at image_size=32, channels=3, latent_dim=8, attr_dim=1\n.*float64 \(4, 1\)",
        parts={"return Code(mean, logvar, attrs)": "return Code(mean, logvar, attrs.double())"},
    ),
    "gradients": Fault(
        NETWORKS,
        "a gradient for every weight that requires one\n.*none for spare.weight, spare.bias",
        parts={MEANWHILE: f"{MEANWHILE}\n        self.spare = nn.Linear(2, 2)"},
    ),
    "determinism": Fault(
        NETWORKS,
        "the same outputs in editing, whatever the random state",
        parts={"return Code(mean,": "return Code(mean if self.training else mean + torch.randn_like(mean),"},
    ),
    "save-and-load": Fault(
        NETWORKS,
        "the same outputs after saving and loading",
        parts={
            MEANWHILE: f"{MEANWHILE}\n        self.scale = float(torch.rand(()))",
            "return Code(mean,": "return Code(self.scale * mean,",
        },
    ),
    "recipes": Fault(
        NETWORKS,
        "preset wide to build at some image size\n.*has no 'widht'",
        parts={"latent_dim=9)": "parts={'decoder': Part(use='small', options={'widht': 3})})"},
    ),
    "partners": Fault(
        NETWORKS,
        "2 steps of training in .*/small\n.*AssertionError: it tires",
        parts={"def fit(self, view):": "def fit(self, view):\n        assert view.step < 1, 'it tires'"},
    ),
    "exact-resume": Fault(
        NETWORKS,
        "a run stopped after 2 of 4 steps\n.*model.safetensors with other values of .*encoder.layer",
        parts={
            MEANWHILE: "self.latent_dim, self.calls = latent_dim, 0",
            "return Code(mean,": "self.calls += 1\n        times = 1 + self.calls / 10 if self.training else 1\n"
            "        return Code(times * mean,",
        },
    ),
    "identity-edit": Fault(
        NETWORKS,
        "a mean change of the reconstruction of at most 0.02",
        parts={"gain = 1.0": "gain = 300.0", "latent_dim=6,": "latent_dim=6, decode_with='predicted',"},
    ),
    "data-source": Fault(
        "dataset",
        r"splits among train, valid, test, train among them\n.*\('train', 'holdout'\)",
        parts={'splits = ("train", "test")': 'splits = ("train", "holdout")'},
    ),
    "counterfactuals": Fault(
        "dataset", r"uint8 \(N, S, H, W, 3\)", parts={"for i in indices])[:, None]": "for i in indices])"}
    ),
    "metrics": Fault(
        f"metric {NETWORKS}", "gives nan", parts={'"brightness": float(': '"brightness": float("nan") * float('}
    ),
    "fingerprints": Fault(
        "dataset",
        "one fingerprint of split train in all processes",
        parts={"return hashlib.sha256(": "return str(hash(split))\n        return hashlib.sha256("},
        among=("data-source", "counterfactuals", "fingerprints"),
    ),
    "workers": Fault(
        "dataset",
        "cannot be sent to other processes",
        parts={
            "import hashlib\n": "import hashlib\nimport threading\n",
            "self.image_size, self.rows =": "self.lock = threading.Lock()\n        self.image_size, self.rows =",
        },
        among=("data-source", "counterfactuals", "workers"),
    ),
    "two-processes": Fault(
        NETWORKS,
        "the weights of one process, but for rounding\n.*parts.encoder.layer.* differs by up to",
        parts={"view.gather(view.z()).mean(0)": "view.z().mean(0)"},
        among=("gradients", "determinism", "two-processes"),
    ),
}


def test_every_promise_is_broken_here() -> None:
    assert list(FAULTS) == [promise.name for promise in PROMISES]


@pytest.mark.parametrize("promise", FAULTS)
def test_is_caught_by_that_promise_alone(promise: str, install: Callable[..., str], monkeypatch: Any) -> None:
    import torch

    # What a broken plugin replaces is put back.
    monkeypatch.setattr(torch, "set_printoptions", torch.set_printoptions)
    fault = FAULTS[promise]
    name = install(fault.hooks, fault.parts, fault.kinds)
    with pytest.raises(BrokenPromises) as raised, torch.random.fork_rng(devices=[]):
        check_plugin(name, only=fault.among, **fault.options)
    text, report = str(raised.value), raised.value.report
    assert {check.promise for check in report.failed} == {promise}, text
    assert re.search(fault.says, text, re.M), text
    for check in report.failed:
        assert f"{promise}: {check.kind} {check.component} failed\n  expected: {check.expected}\n" in text
        assert f"  found:    {check.found}\n  see:      docs/conformance.md#{promise}" in text


def test_a_loss_that_knows_of_no_missing_labels_is_caught(install: Callable[..., str]) -> None:
    asked = "return view.loss(self.logits(view), view.targets)"
    careless = {asked: "return (self.logits(view).sigmoid() - view.targets).square().mean()"}
    with pytest.raises(BrokenPromises) as raised:
        check_plugin(install({}, careless, NETWORKS), only=("shapes",))
    (failed,) = raised.value.report.failed
    assert (failed.promise, failed.kind) == ("shapes", "factorizer")
    assert (failed.expected, failed.found) == (
        "fit as a finite number",
        "nan (Left of 2 values, 3 channels, some labels missing)",
    )
