"""Distance of images in the judge's eyes: LPIPS (Zhang et al. 2018, equation 1) of its layers, all weights alike.

Figures end in ``_judge``: they compare with each other on one data set, and with nobody's LPIPS.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.evaluation.judge import Reading


def distance(a: Reading, b: Reading) -> Tensor:
    """(B,) squared differences of maps whose channels have length 1 in every place: mean over places, then over layers.

    Between 0 and 2 where maps are not negative.
    """
    layers = [
        (F.normalize(mine, dim=1) - F.normalize(theirs, dim=1)).square().sum(1).mean((1, 2))
        for mine, theirs in zip(a.maps, b.maps, strict=True)
    ]
    return torch.stack(layers).mean(0)
