"""A plugin that keeps every promise; tests break one at a time. A copy of it is installed under another name."""

from attredit import hookimpl

attredit_api = 1


@hookimpl
def register_encoders(register):
    register("small", "PARTS:Encoder")


@hookimpl
def register_decoders(register):
    register("small", "PARTS:Decoder")


@hookimpl
def register_discriminators(register):
    register("small", "PARTS:Discriminator")


@hookimpl
def register_factorizers(register):
    register("small", "PARTS:Factorizer")


@hookimpl
def register_compositors(register):
    register("small", "PARTS:Compositor")


@hookimpl
def register_terms(register):
    register("centred", "PARTS:centred")
    register("moving", "PARTS:Moving")


@hookimpl
def register_metrics(register):
    register("brightness", "PARTS:brightness")


@hookimpl
def register_datasets(register):
    register("stripes", "PARTS:Stripes")


@hookimpl
def register_methods(register):
    register("small", "PARTS:DEFAULT", presets={"wide": "PARTS:WIDE"})
