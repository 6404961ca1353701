"""A compositor that learns: what the decoder draws softly, it draws as sharply as the photograph around it is.

It is shown the blend without weights, in which nothing of the image is left where the edit is, and told what the result
has. It learns from edits of which the truth is known. In the batch's own images the decoder's reconstruction is shown
where an edit would be, so it has to find the image again; and so it has in edits that were undone, which leave traces.
Being told matters: of images without glasses the truth never has any, whatever traces say. One that is not told
learns that traces come true, and paints back in what was taken off.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from attredit import BatchView
from attredit.editing.composite import edit_mask, fitted, in_bands, of_channels
from attredit.editing.placing import Upright
from attredit.editing.redrawing import Redrawing, missed, within
from attredit.errors import UsageError

Known = Literal["recomposed", "restored"]


class Refiner(Redrawing):
    """See the module; images of any size get the edit of the decoder's. It begins as the blend without weights.

    Args:
        channels: C.
        image_size: Of the decoder.
        attr_dim: A.
        width: Of the finest features.

    Raises:
        UsageError: it is not divisible by 8.
    """

    reach = 1

    def __init__(self, channels: int, image_size: int, attr_dim: int, width: int = 32) -> None:
        if image_size % 8:
            raise UsageError(f"The refiner needs an image size divisible by 8, not {image_size}.")
        super().__init__(channels, attr_dim, 2, width)

    def forward(self, images: Tensor, before: Tensor, after: Tensor, change: Tensor, attrs: Tensor) -> Tensor:
        """See `attredit.Compositor`."""
        (height, width), (h, w) = images.shape[2:], before.shape[2:]
        small = Upright((height, width)).to_decoder(images, (h, w))
        own = of_channels(small, before.shape[1])
        difference = self.edited(own, before, after, change, attrs) - own
        return in_bands(images, small, of_channels(difference, images.shape[1]), change)

    def edited(self, images: Tensor, before: Tensor, after: Tensor, change: Tensor, attrs: Tensor) -> Tensor:
        """See `attredit.Compositor`."""
        mask = edit_mask(change)
        blend = images + mask * (fitted(images, before, after, change) - images)
        return self.redrawn(blend, mask, attrs)


def refine(view: BatchView, of: Known = "recomposed", steps: float = 1.0, detail: float = 2.0) -> Tensor:
    """How far edits are from the truth, where they change something; mean over images and the pixels of each.

    Args:
        view: The step.
        of: Of which edits, see `BatchView.known_edit`.
        steps: See `missed`.
        detail: See `missed`.
    """
    mask = view.once("known_mask", lambda: edit_mask(view.known_edit(of)[1].change), of)
    return within(missed(view.images(of), view.real, steps, detail), mask)
