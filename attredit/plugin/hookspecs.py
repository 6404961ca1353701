"""The hooks through which everything that varies reaches attredit, ours included. Called by `attredit.plugin.registry`.

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
    """Networks ``(images, labels | None) -> Code``, built as `attredit.Encoder`.

    Example:
        ```python
        @hookimpl
        def register_encoders(register):
            register("wide", "my_package.networks:WideEncoder", summary="twice the channels")
        ```
    """


@hookspec
def register_decoders(register: Register) -> None:
    """Networks ``(z, attrs, code | None) -> logits``, built as `attredit.Decoder`.

    Example:
        ```python
        @hookimpl
        def register_decoders(register):
            register("diffusers", "my_package.parts:Decoder", summary="AutoencoderKL's", needs=["diffusers"])
        ```
    """


@hookspec
def register_discriminators(register: Register) -> None:
    """Networks ``(images) -> Verdict``, discriminators and separate classifiers: `attredit.Discriminator`.

    Example:
        ```python
        @hookimpl
        def register_discriminators(register):
            register("patches", "my_package.networks:PatchDiscriminator", summary="a verdict for each patch, averaged")
        ```
    """


@hookspec
def register_factorizers(register: Register) -> None:
    """Strategies that keep attribute information out of the latent: `attredit.Factorizer`.

    The part of the name "factorizer" is one; the terms ``penalty`` and ``fit`` ask it.

    Example:
        ```python
        @hookimpl
        def register_factorizers(register):
            register("hsic", "my_package.factorizer:HSIC", summary="the Hilbert-Schmidt criterion of latent and labels")
        ```
    """


@hookspec
def register_compositors(register: Register) -> None:
    """Networks ``(images, before, after, change, attrs) -> composite edits``, built as `attredit.Compositor`.

    The part of the name "compositor" is one; without it, edits are blended as ``core/blend`` does.

    Example:
        ```python
        @hookimpl
        def register_compositors(register):
            register("hard", "my_package.compositor:HardEdges", summary="the decoder's pixels wherever they differ")
        ```
    """


@hookspec
def register_networks(register: Register) -> None:
    """Networks without a contract: what they are asked is the business of the terms that ask them (``view.ask``).

    A part is one if it says so: ``Part(use="critic", kind="network")``.

    Example:
        ```python
        @hookimpl
        def register_networks(register):
            register("critic", "my_package.networks:PairCritic", summary="whether two images are of one person")
        ```
    """


@hookspec
def register_terms(register: Register) -> None:
    """Loss terms ``(view) -> scalar``, functions or modules: `attredit.training.objectives.TermFunction`.

    A recipe's term names one under ``use``; its ``options`` are keyword arguments, of the function or the constructor.

    Example:
        ```python
        @hookimpl
        def register_terms(register):
            register("edges", "my_package.terms:edges", summary="squared error of the reconstruction's gradients")
        ```
    """


@hookspec
def register_metrics(register: Register) -> None:
    """Metrics ``(editor, data) -> {name: figure}``, beside those of `attredit evaluate`: `attredit.Metric`.

    Example:
        ```python
        @hookimpl
        def register_metrics(register):
            register("sharpness", "my_package.metrics:sharpness", summary="how sharp edits are, beside their originals")
        ```
    """


@hookspec
def register_datasets(register: Register) -> None:
    """Data sources, a schema and ``open(split)``: `attredit.DataSource`.

    Example:
        ```python
        @hookimpl
        def register_datasets(register):
            register("leaves", "my_package.data:Leaves", summary="photographs of leaves, by species and season")
        ```
    """


@hookspec
def register_methods(register: Register) -> None:
    """Recipes, which parts there are and who minimises which weighted terms: `attredit.Recipe`.

    Example:
        ```python
        @hookimpl
        def register_methods(register):
            register(
                "mine",
                "my_package.recipes:DEFAULT",
                summary="the naive model with a penalty of mine",
                presets={"large": "my_package.recipes:LARGE"},
            )
        ```
    """
