"""Inception's features, for FID and KID as others report them; only if its weights are on this machine.

The weights are those of the first FID (Heusel et al. 2017), converted by torch-fidelity, where that package would keep
them. attredit downloads nothing.
"""

from __future__ import annotations

import pickle

import torch
from torch import Tensor, nn

from attredit.evaluation.weights import Weights

NAMES = ("fid", "kid", "composite_fid", "composite_kid", "sample_fid", "sample_kid")
NOT_ASKED = "It takes Inception's features: attredit evaluate --full."
WEIGHTS = Weights(
    "Inception",
    "torch-fidelity",
    "fid",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
)
_CHUNK = 32


class Inception:
    """Images to the 2,048 features of Inception's last pooling.

    Args:
        network: uint8 (B, 3, H, W) to a tuple of one (B, D).
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """(B, D) of images (B, C, H, W) in [0, 1], on their device."""
        pixels = images.expand(-1, 3, -1, -1).mul(255).round().clamp(0, 255).to(torch.uint8)
        return torch.cat([self._network(chunk)[0] for chunk in torch.split(pixels, _CHUNK)])


def inception_of(device: torch.device) -> tuple[Inception | None, str]:
    """Inception on a device; or None, and why.

    Raises:
        RunError: the weights' file is damaged.
    """
    if lacking := WEIGHTS.lacking():
        return None, lacking
    # The package would run whatever code the file holds: it is given none that holds more than tensors.
    try:
        torch.load(WEIGHTS.file, weights_only=True)
    except pickle.UnpicklingError as error:
        raise WEIGHTS.refused("holds more than tensors") from error
    from torch_fidelity import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(WEIGHTS.file))
    return Inception(network.to(device)), ""
