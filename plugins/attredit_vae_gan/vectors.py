"""Attribute vectors: mean latent of images with an attribute, minus that of images without (Larsen et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attredit import BatchView
from attredit.errors import UsageError
from attredit.toolkit import ClassMeans


class AttributeVectors(nn.Module):
    """Measures the vectors in passing, and hands them to the decoder.

    The paper encodes 10,000 images when training is over; here the batches of training are taken as they come, each
    weighing less the longer ago it was. It has no gradient.

    Args:
        decay: What a batch still weighs when the next has come; .997 remembers about 10,000 images in batches of 32.
    """

    def __init__(self, decay: float = 0.997) -> None:
        super().__init__()
        self.means, self.rates = ClassMeans(decay), ClassMeans(decay)

    @torch.no_grad()
    def forward(self, view: BatchView) -> Tensor:
        """Take in the step's batch.

        Returns:
            The vectors' mean length, for the log.
        """
        decoder = view.part("decoder")
        if not hasattr(decoder, "vectors"):
            raise UsageError("The decoder has no attribute vectors.", "Use the decoder vae-gan/attribute-vectors.")
        members, targets = view.gather(view.schema.indicators(view.labels)), view.gather(view.targets)
        vectors = view.schema.contrasts(self.means(view.gather(view.code().mean), members))
        known = (~targets.isnan()).float()
        # Each attribute's own mean, over the images that have a label of it.
        rates = torch.diag(self.rates(targets.nan_to_num(nan=0.0), known))
        # Assigned, not written into: this step's graph may hold the old ones.
        decoder.vectors, decoder.rates = vectors, rates
        length: Tensor = vectors.norm(dim=1).mean()
        return length
