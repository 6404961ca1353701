"""LPIPS (Zhang et al. 2018), as torchmetrics has it, in VGG's features; only if their weights are on this machine.

VGG, because the counterfactual literature reports that (Melistas et al. 2024). attredit downloads nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attredit.evaluation.weights import Weights

NOT_ASKED = "It takes VGG's features: attredit evaluate --full."
WEIGHTS = Weights("VGG", "torchmetrics", "lpips", "https://download.pytorch.org/models/vgg16-397923af.pth")
_CHUNK = 32


class Lpips:
    """Measures how different people find two images.

    Args:
        network: Two images (B, 3, H, W) in [-1, 1] to (B, 1, 1, 1).
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    @torch.inference_mode()
    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """(B,) between images (B, C, H, W) in [0, 1]."""
        pairs = zip(*(torch.split(2 * images.expand(-1, 3, -1, -1) - 1, _CHUNK) for images in (a, b)), strict=True)
        return torch.cat([self._network(*pair).flatten() for pair in pairs])


def lpips_of(device: torch.device) -> tuple[Lpips | None, str]:
    """LPIPS on a device; or None, and why.

    Raises:
        RunError: the weights' file is damaged.
    """
    if lacking := WEIGHTS.lacking():
        return None, lacking
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    # torchvision finds the file where we did.
    return Lpips(LearnedPerceptualImagePatchSimilarity(net_type="vgg").net.to(device)), ""
