"""The promises: what the core says of every component to whoever uses one. docs/conformance.md explains each.

A promise names the function that checks it as text, so that listing promises imports no torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attredit.testing.workshop import Subject

NETWORKS = ("encoder", "decoder", "discriminator")
LOSSES = ("factorizer", "term")
TRAINED = (*NETWORKS, *LOSSES, "method")


@dataclass(frozen=True)
class Promise:
    """Something that the core promises of components.

    Attributes:
        name: As in docs/conformance.md.
        summary: What is promised, in a few words.
        targets: By kind of component ("plugin" for the plugin itself), ``module:function`` below `attredit.testing`:
            called with a `Subject`, it returns a note, or raises `Broken` or `Skipped`.
        quick: False where processes are started, which takes seconds.
    """

    name: str
    summary: str
    targets: Mapping[str, str]
    quick: bool = True

    def function(self, kind: str) -> Callable[[Subject], str]:
        """What checks it on a component of this kind."""
        module, _, name = self.targets[kind].partition(":")
        found: Callable[[Subject], str] = getattr(importlib.import_module(f"attredit.testing.{module}"), name)
        return found


def _all(kinds: Iterable[str], target: str) -> dict[str, str]:
    return dict.fromkeys(kinds, target)


def _of_imports(name: str) -> dict[str, str]:
    return {"plugin": f"imports:{name}"}


PROMISES = (
    Promise("loads", "it and everything that it registers can be imported", _of_imports("loads")),
    Promise("torch-free-import", "listing it never imports torch", _of_imports("torch_free"), quick=False),
    Promise("import-time", "importing it costs next to nothing", _of_imports("cost"), quick=False),
    Promise("silent-import", "importing it and its targets prints nothing", _of_imports("silent"), quick=False),
    Promise(
        "import-leaves-state",
        "importing it changes no random state and no function of torch or NumPy",
        _of_imports("leaves_state"),
        quick=False,
    ),
    Promise(
        "shapes",
        "outputs have the stated shapes and dtypes, whatever the size, channels and attributes",
        _all(NETWORKS, "parts:shapes") | _all(LOSSES, "losses:shapes") | {"compositor": "parts:composites"},
    ),
    Promise(
        "gradients",
        "gradients reach what they should, and nothing else changes",
        _all(NETWORKS, "parts:gradients") | {"factorizer": "losses:gradients", "term": "losses:gradients_of_term"},
    ),
    Promise(
        "determinism",
        "the same seed gives the same results",
        _all(NETWORKS, "parts:determinism") | _all(LOSSES, "losses:determinism"),
    ),
    Promise(
        "save-and-load",
        "saved and loaded, it says the same",
        _all(NETWORKS, "parts:save_and_load") | _all(LOSSES, "losses:save_and_load"),
    ),
    Promise("recipes", "each preset can be written down, read again and built", {"method": "runs:recipes"}),
    Promise(
        "partners",
        "it trains together with what is registered",
        _all(TRAINED, "hosts:partners") | {"dataset": "data_training:trains"},
    ),
    Promise("exact-resume", "stopped and resumed, a run ends with the same bytes", _all(TRAINED, "runs:exact_resume")),
    Promise(
        "identity-edit",
        "asking for what the image already has changes little",
        _all(("encoder", "decoder", "method"), "runs:identity_edit"),
    ),
    Promise("data-source", "images, labels and splits are what the source says", {"dataset": "data:contents"}),
    Promise("counterfactuals", "what it draws instead has the stated form", {"dataset": "data:counterfactuals"}),
    Promise("metrics", "it gives finite numbers, the same every time", {"metric": "metrics:figures"}),
    Promise("fingerprints", "the same in every instance and process", {"dataset": "data:fingerprints"}, quick=False),
    Promise(
        "workers", "it can be sent to other processes, and reads the same there", {"dataset": "data:workers"}, False
    ),
    Promise(
        "two-processes",
        "two processes train what one trains",
        _all(TRAINED, "processes:two_processes"),
        quick=False,
    ),
)
