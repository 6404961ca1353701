"""How the network is trained: in one go, as a function of the training images and a seed alone."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.data.store import Store
from attredit.data.subset import some_images
from attredit.devices import seeded
from attredit.framing.crops import Crops, Dice, places_shown
from attredit.framing.network import CELLS, FrameNetwork, Votes, evidence, move_of

STEPS, BATCH = 1200, 32
"""Of a training that is long enough, and images a step."""

_RATE = 4e-3
# As many crops more show nothing.
_NOTHING = BATCH // 2
# What errors of a move are measured in: half sides, a logarithm, radians.
_UNITS = torch.tensor([0.5, 0.5, 0.4, 0.5])
_WEIGHTS = {"places": 1.0, "inside": 2.0, "move": 5.0}
# H = W of images that are larger; what it sees is half of that at most.
_LARGEST = 64
# Of most images, a move is missed by no more of these.
_CLOSE = 0.4
# Images that backgrounds are cut out of, and that say how sure is sure: all but this share of them are.
_JUDGED, _UNSURE = 512, 0.15


def fit_frame(store: Store, seed: int, steps: int = STEPS) -> FrameNetwork:
    """A network that knows the frame of a store's images.

    Args:
        store: The training images.
        seed: Same images and seed, same network.
        steps: Of training.
    """
    with seeded(seed):
        network = FrameNetwork(store.geometry.channels).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, pct_start=0.1)
    judged = _images(store, some_images(store, _JUDGED))
    crops = Crops(seed, judged)
    for step in range(steps):
        dice = Dice(seed, step)
        images = _images(store, (dice.uniform(0.0, 1.0, BATCH) * len(store)).long().numpy())
        near, moves = crops.positives(images, dice)
        nothing = crops.negatives(images[:_NOTHING], dice)
        loss = _loss(network(torch.cat([near, nothing])), moves)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    network.eval().requires_grad_(False)
    network.floor.copy_(evidence(network(crops.framed(judged, Dice(seed, steps)))).quantile(_UNSURE))
    return network


def knows(network: FrameNetwork, store: Store, seed: int) -> bool:
    """Whether the images of a store share a frame, as far as the network can tell: it finds that of most of them."""
    images = _images(store, some_images(store, 2 * BATCH))
    dice = Dice(seed, -2)
    crops, moves = Crops(seed, images).positives(images, dice)
    with torch.inference_mode():
        missed = (move_of(network(crops)) - moves).abs() / _UNITS
    return bool(missed.amax(1).median() < _CLOSE)


def _loss(votes: Votes, moves: Tensor) -> Tensor:
    """Of votes on crops with moves (N, 4), and on others after them that show nothing.

    Votes on places are Laplace's: each has an error that it expects. Places outside the frame say nothing of it.
    """
    count = len(moves)
    near = Votes(*(said[:count] for said in votes))
    known = places_shown(moves, CELLS)
    within = known.abs().amax(3) < 1.0
    error = (near.places - known).abs().sum(3)
    inside = F.pad(within.float(), [0, 0, 0, 0, 0, len(votes.inside) - count])
    terms = {
        "places": (error / near.spread.exp() + 2.0 * near.spread)[within].mean(),
        "inside": F.binary_cross_entropy_with_logits(votes.inside, inside),
        "move": ((move_of(near) - moves).abs() / _UNITS).mean(),
    }
    return torch.stack([_WEIGHTS[name] * term for name, term in terms.items()]).sum()


def _images(store: Store, rows: np.ndarray) -> Tensor:
    """(B, C, H, W) in [0, 1], no larger than is of use."""
    images = store.batch(rows).float() / 255.0
    if images.shape[-1] <= _LARGEST:
        return images
    return F.interpolate(images, size=(_LARGEST, _LARGEST), mode="bilinear", antialias=True)
