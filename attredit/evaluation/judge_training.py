"""The judge's network and how it is trained. Whatever changes a trained judge's weights here needs a new VERSION."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attredit.attributes import AttributeSchema
from attredit.devices import repeatable, seeded
from attredit.errors import DataError

if TYPE_CHECKING:
    from attredit.data import Store

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
        steps: At least so many steps, in more passes over few images.
        images: Most images a pass; larger splits are sampled.
        batch_size: Images a step.
        lr: Peak of the one-cycle learning rate.
        blur: Largest standard deviation of the blur, in pixels of 64x64 images.
        noise: Largest standard deviation of the noise, of pixels in [0, 1].
        light: Largest change of brightness and relative change of contrast.
        shift: Largest displacement, in pixels of 64x64 images.
        zoom: Largest relative change of scale.
    """

    width: int = 16
    size: int = 64
    epochs: int = 6
    steps: int = 500
    images: int = 60_000
    batch_size: int = 64
    lr: float = 0.01
    blur: float = 1.4
    noise: float = 0.02
    light: float = 0.1
    shift: float = 1.0
    zoom: float = 0.03


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
        for i, (a, b) in enumerate(itertools.pairwise(sizes)):
            layers += [_convolution(a, b, 2), *([_Residual(b)] if 0 < i < stages - 1 else [])]
        self.trunk = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(_TOP), nn.Flatten())
        self.head = nn.Linear(sizes[-1] * _TOP**2, attr_dim)

    def forward(self, images: Tensor) -> Tensor:
        """Read images of any size."""
        logits: Tensor = self.head(self.trunk(2 * reduced(images, self.size) - 1))
        return logits

    def look(self, images: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Read images of any size, and say what was seen on the way.

        Returns:
            Logits (B, A), features (B, D): the last map averaged over places, and every layer's map (B, C, h, w).
        """
        x, maps = 2 * reduced(images, self.size) - 1, []
        *layers, pool, flatten = self.trunk
        for layer in layers:
            x = layer(x)
            maps.append(x)
        return self.head(flatten(pool(x))), x.mean((2, 3)), tuple(maps)


class _Residual(nn.Module):
    """A convolution beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = _convolution(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.layers(x)
        return added


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def reduced(images: Tensor, size: int) -> Tensor:
    """Images no larger than a size."""
    if images.shape[-1] <= size:
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def fit(
    schema: AttributeSchema,
    store: Store,
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

    Raises:
        DataError: a single image teaches nothing.
    """
    if len(store) < 2:
        raise DataError("The judge cannot be trained on one image.", "Use a data set with more training images.")
    network = untrained(schema, store, settings)
    network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    targets = schema.encode(torch.from_numpy(np.asarray(store.labels)))
    order = np.random.default_rng(_SEED)
    generator = torch.Generator().manual_seed(_SEED)
    batches = _batches(order, len(store), settings)

    def loss(step: int) -> Tensor:
        rows = batches[step]
        images = reduced(store.batch(rows).to(device).float() / 255.0, network.size)
        images = augmented(images, settings, generator).contiguous(memory_format=torch.channels_last)
        return schema.loss(network(images), targets[torch.from_numpy(rows)].to(device))

    descend(network, settings.lr, len(batches), loss, progress)
    return network


def descend(
    network: nn.Module,
    lr: float,
    steps: int,
    loss: Callable[[int], Tensor],
    progress: Callable[[int, int], None],
) -> None:
    """Train with Adam and a one-cycle learning rate, and leave the network in evaluation mode.

    Args:
        network: In training mode.
        lr: The peak.
        steps: How many.
        loss: Of a step, by its number.
        progress: Told of every finished step, as (done, steps).
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.25)
    with repeatable(next(network.parameters()).device):
        for step in range(steps):
            optimizer.zero_grad(set_to_none=True)
            loss(step).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            progress(step + 1, steps)
    network.eval().requires_grad_(False)


def untrained(schema: AttributeSchema, store: Store, settings: JudgeSettings) -> JudgeNetwork:
    """The network before training."""
    return fresh(store, schema.width, settings)


def fresh(store: Store, outputs: int, settings: JudgeSettings) -> JudgeNetwork:
    """A network for a store's images, always with the same first weights. The caller's random state is as before."""
    with seeded(_SEED):
        return JudgeNetwork(store.images.shape[3], store.images.shape[1], outputs, settings)


def augmented(images: Tensor, settings: JudgeSettings, generator: torch.Generator) -> Tensor:
    """What decoders do to images, mildly: blur (hardly any for a quarter), noise, other light, a little motion.

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
    passes = 0
    while passes < settings.epochs or len(found) < settings.steps:
        rows = order.permutation(n)[: settings.images]
        batches = np.split(rows, range(settings.batch_size, len(rows), settings.batch_size))
        found += [batch for batch in batches if len(batch) > 1]
        passes += 1
    return found
