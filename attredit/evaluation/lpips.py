"""LPIPS (Zhang et al. 2018), as torchmetrics has it, in VGG's features; only if their weights are on this machine.

VGG, because the counterfactual literature reports that (Melistas et al. 2024). attredit downloads nothing.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from attredit.errors import RunError

NAME = "lpips"
NOT_ASKED = "It takes VGG's features: attredit evaluate --full."
_URL = "https://download.pytorch.org/models/"
FILE = "vgg16-397923af.pth"
DIGEST = "397923af"  # the file's SHA-256 starts so, as its name says
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
    if find_spec("torchmetrics") is None:
        return None, "It takes the package torchmetrics: pip install 'attredit[lpips]'."
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILE
    if not path.is_file():
        where = f"put {_URL}{FILE} into {path.parent}"
        return None, f"It takes VGG's weights, which attredit does not download: {where}."
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(DIGEST):
        raise RunError(f"{path} is damaged: its SHA-256 does not start with {DIGEST}.", f"Get it again: {_URL}{FILE}")
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    # torchvision finds the file where we did.
    return Lpips(LearnedPerceptualImagePatchSimilarity(net_type="vgg").net.to(device)), ""
