"""What every component obeys. Protocols, so plugins inherit from nothing of ours.

Shapes: B batch, A width of the conditioning vector, Z latent width, C channels, H and W image size. Images are float in
[0, 1], NCHW. Constructors are keyword-only; `attredit.build` passes those of `channels`, `image_size`, `latent_dim`,
`attr_dim` and, to decoders, `skip_channels` that they ask for, beside the recipe's options.

Constructors are also called when a trained model is read, before its weights replace the first ones. A network that
starts from weights of another, or from what the training images are, has a method ``initialize(images)``, called only
when a training starts, with some of them: (N, C, H, W), the same for all parts and processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from attredit.attributes import AttributeSchema

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset
    from torch import Tensor

    from attredit.editor import Editor
    from attredit.evaluation import EvaluationData
    from attredit.view import BatchView


class Code(NamedTuple):
    """What an encoder says of images.

    Attributes:
        mean: (B, Z), or a feature map (B, Z, h, w).
        logvar: Shaped as mean; None for an encoder that does not sample.
        attrs: (B, A) logits of the label head; None where there is none.
        skips: Feature maps for decoders with skip connections.
        labels: (B, A) what the image itself is taken to have: true labels in training (predicted ones where they are
            missing), predicted ones in editing. The core fills it in, for decoders that edit by difference.
    """

    mean: Tensor
    logvar: Tensor | None
    attrs: Tensor | None
    skips: tuple[Tensor, ...] = ()
    labels: Tensor | None = None


class Verdict(NamedTuple):
    """What a discriminator or classifier says of images.

    Attributes:
        realness: (B, 1) logits.
        attrs: (B, A) logits; None where it has no label head.
        features: Feature maps, shallow to deep, for feature matching.
    """

    realness: Tensor
    attrs: Tensor | None = None
    features: tuple[Tensor, ...] = ()


class Encoder(Protocol):
    """Images (B, C, H, W) to a code.

    `labels` (B, A) are for encoders that read the class (CVAE-GAN): true ones in training (predicted ones where they
    are missing), predicted ones in editing; None when the encoder itself is the recipe's predictor.

    An encoder whose codes have skips says their channels in ``skip_channels``; a decoder that asks for an argument of
    that name is given them, or () where there are none.
    """

    def __call__(self, images: Tensor, labels: Tensor | None) -> Code:
        """See the class."""


class Decoder(Protocol):
    """Latent (B, Z) and wanted attributes (B, A) to image logits (B, C, H, W); the core applies the sigmoid.

    `code` is what is known of the unedited image, for methods that edit by difference (`code.labels`) or through skip
    connections; None when the latent comes from the prior.

    A decoder of feature maps that can be given samples of the prior says their shape, (Z, h, w), in ``latent_shape``.
    """

    def __call__(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
        """See the class."""


class Discriminator(Protocol):
    """Images (B, C, H, W) to a verdict; also what a separate classifier is."""

    def __call__(self, images: Tensor) -> Verdict:
        """See the class."""


class Factorizer(Protocol):
    """A strategy that keeps attribute information out of the latent."""

    def penalty(self, view: BatchView) -> Tensor:
        """The scalar that the encoder minimises."""

    def fit(self, view: BatchView) -> Tensor | None:
        """The scalar that the strategy's own network minimises (equation 7); None when it has no network."""


class TermFunction(Protocol):
    """A loss term: a function of the view, or a module when it keeps state.

    Labels may be missing, and are NaN in ``view.targets``: ``view.loss`` leaves them out.
    """

    def __call__(self, view: BatchView) -> Tensor:
        """See the class."""


class MappedColumn(NamedTuple):
    """What a data source made of one column of a table.

    Attributes:
        column: Its name there.
        attribute: The attribute that it became; None where it was left out.
        values: What the table has for each value of the attribute, in label order.
        reason: Why it was left out.
        missing: How many of its labels are missing.
    """

    column: str
    attribute: str | None = None
    values: tuple[str, ...] = ()
    reason: str = ""
    missing: int = 0


class DataSource(Protocol):
    """Where images and labels come from. Constructors take ``image_size``, ``data_dir`` and their own options.

    Attributes:
        schema: Every attribute it has.
        channels: 1 or 3.
        splits: Those it has of train, valid and test; `attredit.data.split_of` makes them where there are none.

    A source may also have

    - ``biases``, a text for the model card on who is in the data, who labelled them and what the licence allows;
    - ``of_faces``, True where a face recognition network can tell what an edit does to identity;
    - ``argument``, of the class: the option, ``data_dir`` or its own, that ARGUMENT in ``--dataset NAME:ARGUMENT`` is;
    - ``mapping``, a sequence of `MappedColumn`: what became of each column of its tables;
    - ``warnings``, sentences on what it left out; with ``--strict`` they are an error.
    - ``boxes``, an argument of the constructor, for sources that know where in an image the model should look. When it
      is True, which the crop ``box`` asks for, data sets have a column ``box`` of four numbers: left, top, width and
      height in pixels of the image as it is shown. The fingerprint then changes with the boxes, too.
    """

    schema: AttributeSchema
    channels: int
    splits: tuple[str, ...]

    def fingerprint(self, split: str) -> str:
        """Hex digest that changes whenever an image or label of the split could."""

    def open(self, split: str) -> Dataset:
        """A data set with an `image` column and one integer column per attribute.

        A label is the index of the attribute's value, or None where it is missing. A row whose image raises when it is
        read is broken: it is left out of the prepared store, with its labels.
        """


@runtime_checkable
class CounterfactualSource(Protocol):
    """A data source that can also draw what an edited image should have been.

    `indices` are rows of the data set that `open` gives for the split. What is drawn is kept, as prepared images are:
    the split's `fingerprint` changes whenever it could.
    """

    def counterfactual(
        self, split: str, indices: Sequence[int], changes: Mapping[str, int], styles: int = 1
    ) -> np.ndarray:
        """The same images with only `changes` different: uint8 (N, S, H, W, C), one per style of what is put on."""


class Metric(Protocol):
    """A figure that `attredit evaluate` adds to its own."""

    def __call__(self, editor: Editor, data: EvaluationData) -> Mapping[str, float]:
        """See the class."""


def latent_shape(decoder: object, latent_dim: int) -> tuple[int, ...]:
    """Of one sample of the prior: what the decoder says, or (Z,)."""
    return tuple(getattr(decoder, "latent_shape", (latent_dim,)))
