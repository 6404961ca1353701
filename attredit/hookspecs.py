"""The hooks through which everything that varies reaches attredit, ours included. Called by `attredit.registry`.

A plugin is a module found through the entry-point group ``attredit``. It implements some of the hooks below; each gets
a `register` callback and calls it once per component:

    from attredit import hookimpl

    attredit_api = 1

    @hookimpl
    def register_factorizers(register):
        register("mine", "my_package.factorizer:Mine", summary="What it does, in a few words.")

Targets are dotted names that are imported when a component is built, so that listing plugins never loads torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pluggy

GROUP = "attredit"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class Register(Protocol):
    """The callback that hooks receive."""

    def __call__(
        self,
        name: str,
        target: str,
        *,
        summary: str = "",
        presets: Mapping[str, str] | None = None,
        needs: Sequence[str] = (),
    ) -> None:
        """Register one component.

        Args:
            name: Short name, unique within the plugin and kind; the full id is ``plugin/name``.
            target: ``"module:attribute"``, imported when the component is first built.
            summary: One line for listings.
            presets: For methods only: further targets by preset name.
            needs: Distributions that must be installed for the target to import, named in the error if it does not.
        """


@hookspec
def register_encoders(register: Register) -> None:
    """Networks ``(images, labels | None) -> Code``."""


@hookspec
def register_decoders(register: Register) -> None:
    """Networks ``(z, attrs, code | None) -> logits``."""


@hookspec
def register_discriminators(register: Register) -> None:
    """Networks ``(images) -> Verdict``: discriminators and separate classifiers."""


@hookspec
def register_factorizers(register: Register) -> None:
    """Strategies that keep attribute information out of the latent: ``penalty(view)`` and ``fit(view)``."""


@hookspec
def register_terms(register: Register) -> None:
    """Loss terms ``(view) -> scalar``: functions, or modules where they keep state."""


@hookspec
def register_metrics(register: Register) -> None:
    """Metrics ``(editor, data) -> dict[str, float]`` that `attredit evaluate` adds to its own."""


@hookspec
def register_datasets(register: Register) -> None:
    """Data sources: a schema and ``open(split)``."""


@hookspec
def register_methods(register: Register) -> None:
    """Recipes: which parts there are and who minimises which weighted terms."""
