"""How a picture is searched: squares all over it at many sizes, and the most promising ones brought into the frame."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.data.frames import Frame
from attredit.framing.network import SIZE, FrameNetwork, move_of

if TYPE_CHECKING:
    from PIL.Image import Image

SURE = 0.5
"""From this sureness on, there is something: what most training images reach."""

# A frame that is as near to the usual one as this, in half sides, logarithm of the side, and degrees, is the usual one;
# and there the odds of a subject are so many times as good as anywhere else.
_NEAR, _LIKELY = (0.12, 0.12, 0.25, 12.0), 10.0

# Sides of the squares that a search begins with: of the picture's shorter side, and not less than so many pixels.
_SMALLEST, _LARGEST, _FEWEST = 0.14, 1.0, 12
_RATIO = 1.6
_STRIDE, _PAD = 11, 12
# The most promising squares are moved so many times.
_PROMISING, _TIMES = 12, 5
# Two frames are of one subject if their centres are nearer than this share of a side.
_SAME = 0.5


class Found(NamedTuple):
    """Where a subject is.

    Attributes:
        frame: Of the picture.
        sureness: Between 0 and 1: that there is one.
    """

    frame: Frame
    sureness: float


@torch.inference_mode()
def find(image: Image, network: FrameNetwork, usual: Frame | None = None) -> list[Found]:
    """Frames in which a picture shows what the training images show, the surest first; none where nothing is sure.

    Args:
        image: The picture, with the channels of the training images.
        network: Of the model.
        usual: Where the frame lies in pictures like the training images. What lies there, or nearly, is taken to lie
            exactly there, and nothing else is looked for.
    """
    levels, there, led = _levels(image), 0.0, list[Found]()
    if usual is not None:
        led = _led(levels, network, _rows(usual))
        there = led[0].sureness if _is_near(led[0].frame, usual) else 0.0
    found = [] if there >= SURE else _anywhere(levels, network, led)
    if usual is not None and _LIKELY * _odds(there) >= max([_odds(SURE), *(_odds(one.sureness) for one in found)]):
        return [Found(usual, there)]
    return found


def _anywhere(levels: list[_Level], network: FrameNetwork, known: list[Found]) -> list[Found]:
    """What is sure, of what is known and of what squares all over the picture lead to, the surest first."""
    frames, scores = _everywhere(levels, network)
    promising = frames[_apart(frames, scores)[:_PROMISING]]
    promising = torch.cat([_rows(*(found.frame for found in known)), promising])
    return [found for found in _led(levels, network, promising) if found.sureness >= SURE]


def _odds(sureness: float) -> float:
    return sureness / (1.0 - sureness) if sureness < 1.0 else math.inf


def _led(levels: list[_Level], network: FrameNetwork, frames: Tensor) -> list[Found]:
    """Where frames (N, 4) lead to, the surest first."""
    for _ in range(_TIMES):
        frames = after_moves(frames, _said(levels, frames, network)[0])
    _, sureness = _said(levels, frames, network)
    return [_found(frames[i], sureness[i]) for i in _apart(frames, sureness)]


def _is_near(frame: Frame, usual: Frame) -> bool:
    across, down = usual.seen(frame.x, frame.y)
    move = (across, down, math.log(frame.side / usual.side), frame.angle - usual.angle)
    return all(abs(far) <= near for far, near in zip(move, _NEAR, strict=True))


def _rows(*frames: Frame) -> Tensor:
    rows = [[frame.x, frame.y, frame.side, math.radians(frame.angle)] for frame in frames]
    return torch.tensor(rows).view(-1, 4)


class _Level(NamedTuple):
    image: Tensor
    scale: float
    """Its pixels of one of the picture's."""


def _levels(image: Image) -> list[_Level]:
    """The picture, from so large that the smallest squares have the network's size, to so small that the largest do."""
    shorter = min(image.size)
    side = max(_SMALLEST * shorter, _FEWEST)
    pixels, levels = _pixels(image.reduce(max(1, int(side / SIZE / 2)))), list[_Level]()
    while not levels or side < _LARGEST * shorter * _RATIO**0.5:
        size = [max(1, round(length * SIZE / side)) for length in (image.height, image.width)]
        pixels = F.interpolate(pixels, size=size, mode="bilinear", antialias=True)
        levels.append(_Level(pixels, SIZE / side))
        side *= _RATIO
    return levels


def _pixels(image: Image) -> Tensor:
    """(1, C, H, W) float in [0, 1]."""
    array = np.array(image)
    return torch.from_numpy(array.reshape(1, image.height, image.width, -1)).permute(0, 3, 1, 2).float() / 255.0


def _everywhere(levels: list[_Level], network: FrameNetwork) -> tuple[Tensor, Tensor]:
    """Frames (N, 4) that squares all over the picture lead to, and how much of each of these is in one (N,)."""
    frames, scores = [], []
    for image, scale in levels:
        padded = F.pad(image, [_PAD] * 4, "replicate")
        windows = padded.unfold(2, SIZE, _STRIDE).unfold(3, SIZE, _STRIDE)[0]
        rows, columns = windows.shape[1:3]
        votes = network(windows.permute(1, 2, 0, 3, 4).reshape(-1, image.shape[1], SIZE, SIZE))
        x, y = (((torch.arange(n) * _STRIDE) + SIZE / 2 - _PAD) / scale for n in (columns, rows))
        squares = torch.zeros(rows, columns, 4)
        squares[..., 0], squares[..., 1], squares[..., 2] = x, y[:, None], SIZE / scale
        frames.append(after_moves(squares.reshape(-1, 4), move_of(votes)))
        scores.append(votes.inside.sigmoid().mean((1, 2)))
    return torch.cat(frames), torch.cat(scores)


def _said(levels: list[_Level], frames: Tensor, network: FrameNetwork) -> tuple[Tensor, Tensor]:
    """Moves (N, 4) and sureness (N,) of frames (N, 4): the mean for what they show, and that mirrored."""
    crops = torch.stack([_crop(levels, frame) for frame in frames])
    votes = network(torch.cat([crops, crops.flip(3)]))
    moves = move_of(votes).view(2, -1, 4) * torch.tensor([[1.0] * 4, [-1.0, 1.0, 1.0, -1.0]])[:, None]
    return moves.mean(0), network.sureness(votes).view(2, -1).mean(0)


def _crop(levels: list[_Level], frame: Tensor) -> Tensor:
    """(C, SIZE, SIZE) of a frame, of the smallest level that has all of its detail."""
    fine = [level for level in levels if level.scale * frame[2] >= SIZE]
    image, scale = fine[-1] if fine else levels[0]
    x, y, side, angle = (frame * torch.tensor([scale, scale, scale, 1.0])).tolist()
    height, width = image.shape[-2:]
    across, down = side * math.cos(angle), side * math.sin(angle)
    theta = [[across / width, -down / width, 2 * x / width - 1], [down / height, across / height, 2 * y / height - 1]]
    grid = F.affine_grid(torch.tensor([theta]), [1, 1, SIZE, SIZE], align_corners=False)
    return F.grid_sample(image, grid, "bilinear", "border", align_corners=False)[0]


def after_moves(frames: Tensor, moves: Tensor) -> Tensor:
    """Frames (N, 4), their angles in radians, after moves (N, 4) within them."""
    x, y, side, angle = frames.unbind(1)
    across, down, scale, turn = moves.unbind(1)
    half = side / 2
    x = x + half * (angle.cos() * across - angle.sin() * down)
    y = y + half * (angle.sin() * across + angle.cos() * down)
    return torch.stack([x, y, side * scale.exp(), angle + turn], 1)


def _apart(frames: Tensor, scores: Tensor) -> list[int]:
    """Indices of the surest frames, one for each subject, the surest first."""
    places, sides, kept = frames[:, :2].numpy(), frames[:, 2].numpy(), list[int]()
    for i in scores.argsort(descending=True).tolist():
        far = np.hypot(*(places[kept] - places[i]).T)
        if (far >= _SAME * np.maximum(sides[kept], sides[i])).all():
            kept.append(i)
        if len(kept) == 4 * _PROMISING:
            break
    return kept


def _found(frame: Tensor, sureness: Tensor) -> Found:
    x, y, side, angle = frame.tolist()
    return Found(Frame(x, y, side, math.degrees(angle)), float(sureness))
