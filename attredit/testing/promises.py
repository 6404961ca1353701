"""The promises: what the core says of every component to whoever uses one. docs/conformance.md explains each.

A promise names the function that checks it as text, so that listing promises imports no torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attredit.testing.workshop import Subject

NETWORKS = ("encoder", "decoder", "discriminator")
PARTS = (*NETWORKS, "factorizer")
TRAINED = (*PARTS, "term", "method")


@dataclass(frozen=True)
class Promise:
    """Something that the core promises of components.

    Attributes:
        name: As in docs/conformance.md.
        summary: What is promised, in a few words.
        kinds: Kinds of components that it is about; "plugin" for the plugin itself.
        target: ``module:function`` below `attredit.testing`; called with a `Subject`, returns a note, or raises
            `Broken` or `Skipped`.
        quick: False where processes are started, which takes seconds.
    """

    name: str
    summary: str
    kinds: tuple[str, ...]
    target: str
    quick: bool = True

    def function(self) -> Callable[[Subject], str]:
        """What checks it."""
        module, _, name = self.target.partition(":")
        found: Callable[[Subject], str] = getattr(importlib.import_module(f"attredit.testing.{module}"), name)
        return found


PROMISES = (
    Promise("loads", "it and everything that it registers can be imported", ("plugin",), "imports:loads"),
    Promise("torch-free-import", "listing it never imports torch", ("plugin",), "imports:torch_free", quick=False),
    Promise("import-time", "importing it costs next to nothing", ("plugin",), "imports:cost", quick=False),
    Promise("silent-import", "importing it and its targets prints nothing", ("plugin",), "imports:silent", quick=False),
    Promise(
        "import-leaves-state",
        "importing it changes no random state and no function of torch or NumPy",
        ("plugin",),
        "imports:leaves_state",
        quick=False,
    ),
    Promise("shapes", "outputs have the stated shapes and dtypes at every size", NETWORKS, "parts:shapes"),
)
