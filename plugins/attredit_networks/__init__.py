"""Networks that any method can name: the paper's, and faster ones for small budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attredit import hookimpl

if TYPE_CHECKING:
    from attredit import Register

attredit_api = 1


@hookimpl
def register_encoders(register: Register) -> None:
    """The paper's encoder, those for small budgets, and csvae's two posteriors."""
    register("paper", "attredit_networks.paper:PaperEncoder", summary="four 5x5 stride-2 convolutions, label head")
    register("conv", "attredit_networks.conv:ConvEncoder", summary="4x4 stride-2 convolutions with group norm")
    register("principal", "attredit_networks.principal:PrincipalEncoder", summary="principal components, label head")
    register("subspaces", "attredit_networks.subspaces:SubspaceEncoder", summary="q(z given x), q(w given x and y)")


@hookimpl
def register_decoders(register: Register) -> None:
    """The paper's decoder, those for small budgets, and csvae's."""
    register("paper", "attredit_networks.paper:PaperDecoder", summary="four 3x3 stride-2 transposed convolutions")
    register("conv", "attredit_networks.conv:ConvDecoder", summary="upsampling convolutions with group norm")
    register(
        "principal",
        "attredit_networks.principal:PrincipalDecoder",
        summary="principal components that attributes change, and upsampling convolutions",
    )
    register("subspaces", "attredit_networks.subspaces:SubspaceDecoder", summary="p(x given w and z), p(w given y)")


@hookimpl
def register_discriminators(register: Register) -> None:
    """The paper's discriminator, and a faster one."""
    register("paper", "attredit_networks.paper:PaperDiscriminator", summary="four 5x5 stride-2 convolutions")
    register("conv", "attredit_networks.conv:ConvDiscriminator", summary="4x4 stride-2 convolutions, or a classifier")


@hookimpl
def register_compositors(register: Register) -> None:
    """One that learns."""
    register("refiner", "attredit_networks.refiner:Refiner", summary="draws the blend again, as sharply as images are")


@hookimpl
def register_terms(register: Register) -> None:
    """What it learns from."""
    register("refine", "attredit_networks.refiner:refine", summary="composite edits of which the truth is known")
