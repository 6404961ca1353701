"""What the network is shown in training: images moved, surrounded by something, and crops that show nothing whole.

Everything drawn is a function of a seed and a step. Of a training image only what lies in its square is known. A seam
where that ends would give the true frame away, so it is taken to end earlier, at random, and what lies beyond is the
image's edge repeated or mirrored, or something else altogether.
"""

from __future__ import annotations

import hashlib
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.framing.network import SIZE

# Drawn once, and then used again and again, each time another part of them in another light.
_BANK, _BANK_SIZE = 512, 48
# Mosaics, things in each of their rows and columns, and pixels of each of these.
_MOSAICS, _TILES, _TILE = 256, 4, 12
# Images that are to be shown smaller than this, as a logarithm, are averaged over two pixels first.
_FINE = 0.35


class Dice:
    """Random numbers (on the CPU) of one step."""

    def __init__(self, seed: int, step: int) -> None:
        digest = hashlib.blake2b(f"{seed}/{step}/frame".encode(), digest_size=8).digest()
        self._generator = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Between `low` and `high`."""
        return torch.rand(shape, generator=self._generator) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""
        return torch.randn(shape, generator=self._generator)

    def chosen(self, share: float, count: int) -> Tensor:
        """(count, 1, 1, 1) bool: each with this probability."""
        return (self.uniform(0.0, 1.0, count) < share).view(-1, 1, 1, 1)

    def order(self, count: int) -> Tensor:
        """A permutation."""
        return torch.randperm(count, generator=self._generator)


class Crops:
    """Makes crops of a batch of images.

    Args:
        seed: Of the training.
        images: (N, C, H, W) some to cut backgrounds out of.
    """

    def __init__(self, seed: int, images: Tensor) -> None:
        dice = Dice(seed, -1)
        few = images[(dice.uniform(0.0, 1.0, _BANK) * len(images)).long()]
        self._bank = torch.cat([_backgrounds(part, dice) for part in torch.split(few, 64)])
        self._mosaics = _mosaics(torch.cat([F.adaptive_avg_pool2d(of, _TILE) for of in (few, self._bank)]), dice)

    def positives(self, images: Tensor, dice: Dice) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) moved within reach: crops (B, C, SIZE, SIZE) and their moves (B, 4)."""
        count = len(images)
        # Some far off, as where a search begins, and some nearly there, as where it ends.
        reach = torch.tensor([0.45, 0.45, 0.35, 0.65]) * torch.where(dice.chosen(0.5, count), 1.0, 0.3).view(-1, 1)
        moves = dice.uniform(-1.0, 1.0, count, 4) * reach
        return _seen(self._moved(images, moves, dice), dice), moves

    def framed(self, images: Tensor, dice: Dice) -> Tensor:
        """Crops (B, C, SIZE, SIZE) of images (B, C, H, W) as a search ends with them: nearly framed, in any light."""
        moves = dice.uniform(-1.0, 1.0, len(images), 4) * torch.tensor([0.02, 0.02, 0.02, 0.03])
        return _seen(self._moved(images, moves, dice), dice)

    def negatives(self, images: Tensor, dice: Dice) -> Tensor:
        """As many crops in which none of the images (B, C, H, W) is whole, or in the right order."""
        ends = [round(share * len(images)) for share in (0.3, 0.5, 0.6, 0.75)]
        far, torn, blurred, several, rest = torch.tensor_split(images, ends)
        near = self._moved(torch.cat([torn, blurred]), _near(len(torn) + len(blurred), dice), dice)
        torn, blurred = _shuffled(near[: len(torn)], dice), _smeared(near[len(torn) :])
        far = self._moved(far, _far(len(far), dice), dice)
        several = _part(self._mosaics, len(several), 0.3, (-0.6, 0.0), dice)
        return _seen(torch.cat([far, torn, blurred, several, self._background(len(rest), dice)]), dice)

    def _moved(self, images: Tensor, moves: Tensor, dice: Dice) -> Tensor:
        """Images (B, C, H, W), mirrored or not, as crops see them of which `moves` (B, 4) are true."""
        count = len(images)
        images = torch.where(dice.chosen(0.5, count), images.flip(3), images)
        wanted = places_shown(moves, SIZE)
        first, last = (sign * (1.0 - _insets(count, dice)) for sign in (-1.0, 1.0))
        kept = wanted.clamp(first, last)
        mirrored = torch.where(dice.chosen(0.3, count), (2 * kept - wanted).clamp(first, last), kept)
        content, coarse = torch.empty(count, images.shape[1], SIZE, SIZE), moves[:, 2] < _FINE
        for chosen, of in ((coarse, F.avg_pool2d(images[coarse], 2)), (~coarse, images[~coarse])):
            content[chosen] = _looked_up(of, mirrored[chosen])
        beyond = (wanted - kept).abs().amax(3)[:, None] / dice.uniform(0.02, 0.3, count, 1, 1, 1)
        alpha = torch.where(dice.chosen(0.35, count), 0.0, beyond.clamp(max=1.0))
        return torch.lerp(content, self._background(count, dice), alpha)

    def _background(self, count: int, dice: Dice) -> Tensor:
        """(count, C, SIZE, SIZE): parts of what was drawn, turned in any way."""
        return _part(self._bank, count, math.pi, (-1.5, 0.0), dice)


def places_shown(moves: Tensor, size: int) -> Tensor:
    """(B, size, size, 2) which places of the true frame crops show of which `moves` (B, 4) are true."""
    places = (torch.arange(size) + 0.5) * 2.0 / size - 1.0
    shift, (scale, angle) = moves[:, :2], moves[:, 2:].unbind(1)
    x, y = places - shift[:, 0].view(-1, 1, 1), places[:, None] - shift[:, 1].view(-1, 1, 1)
    across, down = (f(angle).div(scale.exp()).view(-1, 1, 1) for f in (torch.cos, torch.sin))
    return torch.stack([across * x + down * y, across * y - down * x], 3)


def _backgrounds(images: Tensor, dice: Dice) -> Tensor:
    """As many as images: clouds and patches much enlarged, one cut out of another."""
    count = len(images)
    one, other = (torch.where(dice.chosen(0.5, count), _clouds(images, dice), _patches(images, dice)) for _ in "ab")
    shape = 12.0 * (_cloud(count, 1, dice) + dice.normal(count, 1, 1, 1))
    return torch.lerp(one, other, shape.sigmoid())


def _mosaics(things: Tensor, dice: Dice) -> Tensor:
    """(N, C, H, W): things (T, C, _TILE, _TILE) side by side on plain ground.

    Rows of anything have darker and lighter places at regular distances, as a subject may have.
    """
    few = things[(dice.uniform(0.0, 1.0, _MOSAICS, _TILES**2) * len(things)).long()]
    # An ellipse of each is seen: small as in a catalogue, or nearly all of it as in a contact sheet.
    line = (torch.arange(_TILE) + 0.5) * 2.0 / _TILE - 1.0
    across, down = dice.uniform(0.3, 1.6, 2, _MOSAICS, 1, 1, 1, 1)
    shape = (6.0 * (1.0 - (line / across).square() - (line[:, None] / down).square())).sigmoid()
    ground = dice.uniform(-0.5, 1.5, _MOSAICS, 1, 1, 1, 1) + 0.2 * dice.normal(_MOSAICS, 1, things.shape[1], 1, 1)
    few = torch.lerp(ground.clamp(0.0, 1.0), few, shape).view(_MOSAICS, _TILES, _TILES, -1, _TILE, _TILE)
    return few.permute(0, 3, 1, 4, 2, 5).reshape(_MOSAICS, -1, _TILES * _TILE, _TILES * _TILE)


def _part(drawn: Tensor, count: int, turn: float, scales: tuple[float, float], dice: Dice) -> Tensor:
    """(count, C, SIZE, SIZE): parts of some of what was drawn, turned and enlarged at random."""
    chosen = drawn[(dice.uniform(0.0, 1.0, count) * len(drawn)).long()]
    angle, scale = dice.uniform(-turn, turn, count), dice.uniform(*scales, count)
    return _looked_up(chosen, _turned(angle, scale, dice.uniform(-0.3, 0.3, count, 2), SIZE))


def _looked_up(images: Tensor, places: Tensor) -> Tensor:
    return F.grid_sample(images, places, "bilinear", "border", align_corners=False)


def _turned(angle: Tensor, scale: Tensor, shift: Tensor, size: int) -> Tensor:
    """Places (B, size, size, 2) of squares of this logarithmic size."""
    across, down = (f(angle) * scale.exp() for f in (torch.cos, torch.sin))
    rows = [torch.stack([across, -down, shift[:, 0]], 1), torch.stack([down, across, shift[:, 1]], 1)]
    return F.affine_grid(torch.stack(rows, 1), [len(angle), 1, size, size], align_corners=False)


def _shuffled(crops: Tensor, dice: Dice) -> Tensor:
    """Crops (B, C, H, W) cut into 2 x 2 or 4 x 4 tiles that lie in another order."""
    return torch.where(dice.chosen(0.5, len(crops)), _tiled(crops, 2, dice), _tiled(crops, 4, dice))


def _tiled(crops: Tensor, parts: int, dice: Dice) -> Tensor:
    count, channels, height, width = crops.shape
    tiles = crops.reshape(count, channels, parts, height // parts, parts, width // parts).transpose(3, 4)
    tiles = tiles.reshape(count, channels, parts**2, height // parts, width // parts)
    # None keeps its order: whoever draws it is turned by one.
    order = torch.stack([dice.order(parts**2) for _ in range(count)])
    order = torch.where((order == torch.arange(parts**2)).all(1, keepdim=True), order.roll(1, 1), order)
    tiles = tiles.gather(2, order.view(count, 1, -1, 1, 1).expand_as(tiles))
    tiles = tiles.reshape(count, channels, parts, parts, height // parts, width // parts).transpose(3, 4)
    return tiles.reshape(crops.shape)


def _insets(count: int, dice: Dice) -> Tensor:
    """(B, 1, 1, 2) how far from the edge, across and down, an image is taken to end: half of them at the edge."""
    return (dice.uniform(-0.25, 0.25, count, 1, 1, 2)).clamp(min=0.0)


def _near(count: int, dice: Dice) -> Tensor:
    return dice.uniform(-1.0, 1.0, count, 4) * torch.tensor([0.4, 0.4, 0.4, 0.7])


def _far(count: int, dice: Dice) -> Tensor:
    """Moves of crops that show a part much enlarged, a small whole, or a side."""
    angle, kind = dice.uniform(-0.7, 0.7, count), dice.uniform(0.0, 1.0, count)
    turn, distance = dice.uniform(0.0, 2 * math.pi, count), dice.uniform(1.3, 2.2, count)
    scale = torch.where(kind < 0.4, dice.uniform(0.8, 1.8, count), dice.uniform(-0.5, 0.5, count))
    scale = torch.where(kind > 0.75, dice.uniform(-2.0, -1.0, count), scale)
    # An enlarged part lies anywhere; so does a small whole.
    distance = torch.where(kind < 0.4, distance * scale.exp() / 3.0, torch.where(kind > 0.75, distance / 2.0, distance))
    return torch.stack([distance * turn.cos(), distance * turn.sin(), scale, angle], 1)


def _smeared(crops: Tensor) -> Tensor:
    """Crops of which next to nothing is left but their colours."""
    return F.interpolate(F.adaptive_avg_pool2d(crops, 4), size=crops.shape[-2:], mode="bicubic").clamp(0.0, 1.0)


def _patches(images: Tensor, dice: Dice) -> Tensor:
    """Parts of others of the images, three to twelve times as large."""
    count = len(images)
    angle, scale = dice.uniform(-math.pi, math.pi, count), dice.uniform(-2.5, -1.1, count)
    places = _turned(angle, scale, dice.uniform(-0.8, 0.8, count, 2), _BANK_SIZE)
    return _looked_up(images[dice.order(count)], places)


def _clouds(images: Tensor, dice: Dice) -> Tensor:
    """Noise of any coarseness around any colour."""
    count, channels = images.shape[:2]
    grey, coloured = _cloud(count, 1, dice), _cloud(count, channels, dice)
    strength = dice.uniform(-3.5, -0.7, count, 1, 1, 1).exp()
    return (dice.uniform(0.0, 1.0, count, channels, 1, 1) + strength * (grey + 0.5 * coloured)).clamp(0.0, 1.0)


def _cloud(count: int, channels: int, dice: Dice) -> Tensor:
    """(count, channels, H, W): grids of noise, coarse to fine, each with a weight of its own."""
    total = torch.zeros(count, channels, _BANK_SIZE, _BANK_SIZE)
    for cells in (2, 4, 8, 16, _BANK_SIZE):
        grid = dice.normal(count, channels, cells, cells) * dice.uniform(0.0, 1.0, count, 1, 1, 1) ** 2
        total += F.interpolate(grid, size=(_BANK_SIZE, _BANK_SIZE), mode="bilinear", align_corners=False)
    return total


def _seen(crops: Tensor, dice: Dice) -> Tensor:
    """Crops as a camera may show them: sharp or not, in any light."""
    count, channels = crops.shape[:2]
    soft = F.interpolate(F.avg_pool2d(crops, 2), size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    crops = torch.lerp(crops, soft, dice.uniform(-1.0, 1.0, count, 1, 1, 1).clamp(min=0.0))
    gains = (0.35 * dice.normal(count, 1, 1, 1) + 0.1 * dice.normal(count, channels, 1, 1)).exp()
    noise = dice.uniform(-0.04, 0.04, count, 1, 1, 1).clamp(min=0.0) * dice.normal(count, channels, SIZE, SIZE)
    return (crops * gains + 0.1 * dice.normal(count, 1, 1, 1) + noise).clamp(0.0, 1.0)
