"""The judge's network and how it is trained. Any change here that could change a judge's weights needs a new VERSION."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.attributes import AttributeSchema

VERSION = 1
_SEED = 20170711
_TOP = 4
_SHARP = 0.3


@dataclass(frozen=True)
class JudgeSettings:
    """How a judge is built and trained; part of its hash.

    Attributes:
        width: Channels of the first stage, doubling at each of the others, at most 4 times.
        size: Larger images are reduced to this before they are read.
        epochs: Passes over the training images.
        images: Most images a pass; larger splits are sampled.
        batch_size: Images a step.
        lr: Peak of the one-cycle learning rate.
        blur: Largest standard deviation of the blur, in pixels of 64x64 images.
        noise: Largest standard deviation of the noise, of pixels in [0, 1].
        light: Largest change of brightness and relative change of contrast.
        shift: Largest displacement, in pixels of 64x64 images.
        zoom: Largest relative change of scale.
    """

    width: int = 24
    size: int = 64
    epochs: int = 5
    images: int = 60_000
    batch_size: int = 128
    lr: float = 4e-3
    blur: float = 1.6
    noise: float = 0.05
    light: float = 0.1
    shift: float = 2.0
    zoom: float = 0.05


class JudgeNetwork(nn.Module):
    """Images (B, C, H, W) in [0, 1] to logits (B, A): strided convolutions that keep a 4x4 map of places.

    Args:
        channels: C.
        image_size: H = W.
        attr_dim: A.
        settings: Width and largest size.
    """

    def __init__(self, channels: int, image_size: int, attr_dim: int, settings: JudgeSettings) -> None:
        super().__init__()
        self.size = min(image_size, settings.size)
        stages = max(1, round(math.log2(self.size / _TOP)))
        sizes = [channels, *(settings.width * min(2**i, 4) for i in range(stages))]
        layers: list[nn.Module] = []
        for a, b in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
        self.trunk = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(_TOP), nn.Flatten())
        self.head = nn.Linear(sizes[-1] * _TOP**2, attr_dim)

    def forward(self, images: Tensor) -> Tensor:
        """Read images of any size."""
        logits: Tensor = self.head(self.trunk(2 * reduced(images, self.size) - 1))
        return logits


def reduced(images: Tensor, size: int) -> Tensor:
    """Images no larger than a size."""
    if images.shape[-1] <= size:
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def fit(
    schema: AttributeSchema,
    store: Any,
    settings: JudgeSettings,
    device: torch.device,
    progress: Callable[[int, int], None],
) -> JudgeNetwork:
    """Train a judge of all of a schema's attributes.

    Args:
        schema: Attributes in the order of the store's labels.
        store: A prepared training split.
        settings: How.
        device: Where.
        progress: Told of every finished step, as (done, total).

    Returns:
        The network, in evaluation mode. The caller's random state is as before.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        size, channels = store.images.shape[1], store.images.shape[3]
        network = JudgeNetwork(channels, size, schema.width, settings)
    network = network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    targets = schema.encode(torch.from_numpy(np.asarray(store.labels)))
    order = np.random.default_rng(_SEED)
    generator = torch.Generator().manual_seed(_SEED)
    batches = _batches(order, len(store), settings)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.lr, total_steps=len(batches), pct_start=0.25)
    for step, rows in enumerate(batches):
        images = reduced(store.batch(rows).to(device).float() / 255.0, network.size)
        images = augmented(images, settings, generator).contiguous(memory_format=torch.channels_last)
        loss = schema.loss(network(images), targets[torch.from_numpy(rows)].to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        progress(step + 1, len(batches))
    return network.eval().requires_grad_(False)


def augmented(images: Tensor, settings: JudgeSettings, generator: torch.Generator) -> Tensor:
    """What decoders do to images, mildly: each is blurred (a quarter hardly), noisy, in other light, and moved a little.

    Args:
        images: (B, C, H, W) in [0, 1].
        settings: How much.
        generator: Source of randomness, on the CPU.
    """
    draw = torch.rand(8, len(images), generator=generator).to(images.device)
    around = 2 * draw - 1
    unit = images.shape[-1] / 64.0
    sigma = (unit * settings.blur * (draw[0] - 0.25).clamp(min=0.0) / 0.75).clamp(min=_SHARP)
    zoom, gain = 1 + settings.zoom * around[1], 1 + settings.light * around[2]
    across, down = (gaussian_rows(images.shape[-1], sigma, zoom, unit * settings.shift * around[i]) for i in (3, 4))
    moved = down[:, None] @ images @ across[:, None].transpose(2, 3)
    light = moved * gain.view(-1, 1, 1, 1) + settings.light * around[5].view(-1, 1, 1, 1)
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    return (light + settings.noise * draw[6].view(-1, 1, 1, 1) * noise).clamp(0.0, 1.0)


def gaussian_rows(size: int, sigma: Tensor, zoom: Tensor, shift: Tensor) -> Tensor:
    """Matrices (B, size, size) that resample a line of pixels with a Gaussian; what lies outside repeats the edge.

    Args:
        size: Pixels.
        sigma: (B,) standard deviations in pixels.
        zoom: (B,) factors, about the centre.
        shift: (B,) pixels.
    """
    place = torch.arange(size, dtype=sigma.dtype, device=sigma.device)
    middle = (size - 1) / 2
    wanted = (middle + shift[:, None] + (place - middle) * zoom[:, None]).clamp(0.0, size - 1.0)
    return (-0.5 * ((wanted[:, :, None] - place) / sigma[:, None, None]).square()).softmax(2)


def _batches(order: np.random.Generator, n: int, settings: JudgeSettings) -> list[np.ndarray]:
    """Rows of every step. Batches of one are left out: they have no batch statistics."""
    found: list[np.ndarray] = []
    for _ in range(settings.epochs):
        rows = order.permutation(n)[: settings.images]
        batches = np.split(rows, range(settings.batch_size, len(rows), settings.batch_size))
        found += [batch for batch in batches if len(batch) > 1]
    return found
