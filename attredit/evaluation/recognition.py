"""Identity on photos of faces: a published face recognition network; only if its weights are on this machine.

Drawn faces need none, since `attredit.evaluation.identity` trains one on pairs that only they can have. The network is
a small vision transformer trained with ArcFace (Deng et al. 2019) on MS1MV3, as its author shares it for timm. attredit
downloads nothing.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.errors import RunError
from attredit.evaluation.identity import Identity
from attredit.files import checksum_of

MODEL = "gaunernst/vit_tiny_patch8_112.arcface_ms1mv3"
NOT_OF_FACES = (
    "The data set says neither whom its images show (a column person in its table does) nor that it is of faces, which "
    "is what the recognition network was trained on."
)
_NO_PACKAGE = "On photos it takes the package timm: pip install 'attredit[identity]'."
_NO_WEIGHTS = f"On photos it takes a face recognition network, which attredit does not download: hf download {MODEL}."


class Recogniser(nn.Module):
    """Images as attredit has them, to a recognition network's embeddings.

    Args:
        network: Normalised (B, 3, S, S) to (B, E).
        size: S.
        mean: Of each channel, subtracted.
        std: Of each channel, divided by.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network, self.size = network, size
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """(B, E) of images (B, C, H, W) in [0, 1]."""
        resized = F.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)
        found: Tensor = self.network((resized.expand(-1, 3, -1, -1) - self.mean) / self.std)
        return found


def recognition_of(device: torch.device) -> tuple[Identity | None, str]:
    """The recognition network on a device; or None, and why.

    Raises:
        RunError: its files are damaged.
    """
    if find_spec("timm") is None:
        return None, _NO_PACKAGE
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(MODEL, local_files_only=True))
    except LocalEntryNotFoundError:
        return None, _NO_WEIGHTS
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return None, _NO_WEIGHTS
    import timm

    # timm passes on whatever its many constructors and safetensors raise.
    try:
        network = timm.create_model(f"local-dir:{folder}", pretrained=True)
        settings: dict[str, Any] = timm.data.resolve_model_data_config(network)
    except Exception as error:
        raise RunError(f"{folder} is damaged: {error}.", f"Get it again: hf download {MODEL}") from error
    found = Recogniser(network, settings["input_size"][-1], settings["mean"], settings["std"])
    return Identity(found.to(device), checksum_of(weights)[:16]), ""
