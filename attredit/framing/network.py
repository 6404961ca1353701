"""The network that says how a crop would have to move to show its subject as the training images show theirs.

It is asked about places, not about the crop: each of a grid of places says which place of the true frame it shows, how
exactly it knows that, and whether it is in the frame at all. An eye looks like an eye wherever it is, so little
training is enough; and the move that fits all the answers is more exact than each of them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIZE, CELLS = 32, 8
"""H = W of the crops that it sees, and of the grid of places in each."""

_WIDTHS = (24, 48, 96)
# Of a crop without contrast nothing is made larger.
_FLAT = 0.05
# Nothing is known more exactly, in half sides; and moves are no larger.
_FINEST, _MOST = -4.0, torch.tensor([1.5, 1.5, 1.0, 1.2])


class Votes(NamedTuple):
    """What the places (B, CELLS, CELLS) of crops say.

    Attributes:
        places: (B, CELLS, CELLS, 2) which place of the true frame they show: it reaches from -1 to 1.
        spread: Logarithm of the error that is to be expected of that.
        inside: Logits of being in the true frame.
    """

    places: Tensor
    spread: Tensor
    inside: Tensor


class FrameNetwork(nn.Module):
    """Crops (B, C, SIZE, SIZE) in [0, 1] to votes.

    Args:
        channels: C.

    Attributes:
        floor: The evidence that most training images give, seen as at the end of a search.
    """

    floor: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("floor", torch.zeros(()))
        first, second, third = _WIDTHS
        self.near = nn.Sequential(_convolution(channels, first, 2), _convolution(first, second, 2))
        self.wide = nn.Sequential(_convolution(second, third, 2), _convolution(third, third, 1))
        self.from_near = nn.Conv2d(second, second, 1, bias=False)
        self.from_wide = nn.Conv2d(third, second, 1, bias=False)
        self.both = nn.Sequential(nn.BatchNorm2d(second), nn.ReLU(), nn.Conv2d(second, 4, 1))

    def forward(self, crops: Tensor) -> Votes:
        """See the class."""
        near = self.near(_standardised(crops).contiguous(memory_format=torch.channels_last))
        wide = F.interpolate(self.from_wide(self.wide(near)), scale_factor=2.0, mode="bilinear", align_corners=False)
        said = self.both(self.from_near(near) + wide).permute(0, 2, 3, 1)
        return Votes(said[..., :2] + middles(crops.device), said[..., 2].clamp(min=_FINEST), said[..., 3])

    def sureness(self, votes: Votes) -> Tensor:
        """(B,) between 0 and 1, and .5 at the floor, whether crops show what the training images show, and in place."""
        return (evidence(votes) - self.floor).sigmoid()


def evidence(votes: Votes) -> Tensor:
    """(B,) that crops are framed: how surely their places are inside, and how likely they lie where they say.

    The second is the logarithm of Laplace's density: votes that know where they are, and are there. What merely has the
    colours of a subject says that it is inside, and not where.
    """
    error = (votes.places - middles(votes.places.device)).abs().sum(3)
    return (votes.inside - error / votes.spread.exp() - 2.0 * votes.spread).mean((1, 2))


def middles(device: torch.device) -> Tensor:
    """(CELLS, CELLS, 2) the places of a crop, which reaches from -1 to 1."""
    line = (torch.arange(CELLS, device=device) + 0.5) * 2.0 / CELLS - 1.0
    return torch.stack([line.expand(CELLS, -1), line[:, None].expand(-1, CELLS)], 2)


def move_of(votes: Votes) -> Tensor:
    """(B, 4) the moves that fit votes best: weighted least squares.

    A move says where the true frame lies within the crop: to the right and down in half sides of the crop, the
    logarithm of its side as a share of the crop's, and by how many radians it is turned clockwise.
    """
    weight = (-2.0 * votes.spread).exp() * votes.inside.sigmoid()
    weight = (weight / weight.sum((1, 2), keepdim=True))[..., None]
    here, there = middles(weight.device), votes.places
    mean_here, mean_there = (weight * here).sum((1, 2)), (weight * there).sum((1, 2))
    here, there = here - mean_here[:, None, None], there - mean_there[:, None, None]
    # Places there are places here, turned and scaled: (a + bi) times them, as complex numbers.
    a, b = (weight * here * there).sum((1, 2, 3)), (weight[..., 0] * _cross(here, there)).sum((1, 2))
    power = (weight * here.square()).sum((1, 2, 3))
    a, b = a / power, b / power
    size = (a.square() + b.square()).clamp(min=1e-6)
    x, y = mean_there.unbind(1)
    shift = mean_here - torch.stack([a * x + b * y, a * y - b * x], 1) / size[:, None]
    move = torch.cat([shift, torch.stack([-0.5 * size.log(), -torch.atan2(b, a)], 1)], 1)
    return move.clamp(-_MOST, _MOST)


def _cross(one: Tensor, other: Tensor) -> Tensor:
    return one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]


def _convolution(before: int, after: int, stride: int, size: int = 3) -> nn.Module:
    convolution = nn.Conv2d(before, after, size, stride, size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())


def _standardised(crops: Tensor) -> Tensor:
    """Every crop with mean 0 and deviation 1: how bright a picture is says nothing of where its subject is."""
    mean = crops.mean((1, 2, 3), keepdim=True)
    return (crops - mean) / (crops.std((1, 2, 3), keepdim=True) + _FLAT)
