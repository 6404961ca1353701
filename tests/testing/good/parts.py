"""One small component of each kind."""

import hashlib

import numpy as np
import torch
from torch import nn

from attredit import AttributeSchema, Code, Optimizer, Part, Player, Recipe, Term, Verdict
from attredit.errors import UsageError


class Encoder(nn.Module):
    def __init__(self, *, channels, image_size, latent_dim, attr_dim):
        super().__init__()
        if image_size > 32:
            raise UsageError(f"image_size is {image_size}.", "It is at most 32.")
        self.latent_dim = latent_dim
        self.layer = nn.Linear(channels * image_size**2, 2 * latent_dim + attr_dim)

    def forward(self, images, labels=None):
        found = self.layer(images.flatten(1))
        mean, logvar, attrs = found.split([self.latent_dim, self.latent_dim, found.shape[1] - 2 * self.latent_dim], 1)
        return Code(mean, logvar, attrs)


class Decoder(nn.Module):
    gain = 1.0

    def __init__(self, *, channels, image_size, latent_dim, attr_dim):
        super().__init__()
        self.shape = (channels, image_size, image_size)
        self.layer = nn.Linear(latent_dim + attr_dim, channels * image_size**2)

    def forward(self, z, attrs, code=None):
        return self.layer(torch.cat([z, self.gain * attrs], 1)).view(-1, *self.shape)


class Discriminator(nn.Module):
    def __init__(self, *, channels, image_size):
        super().__init__()
        self.first = nn.Linear(channels * image_size**2, 8)
        self.last = nn.Linear(8, 1)

    def forward(self, images):
        features = self.first(images.flatten(1)).tanh()
        return Verdict(self.last(features), None, (features,))


class Compositor(nn.Module):
    def forward(self, images, before, after, change, attrs):
        edit = nn.functional.interpolate(change * (after - before), size=images.shape[-2:], mode="bilinear")
        return (images + edit).clamp(0, 1)


class Factorizer(nn.Module):
    def __init__(self, *, latent_dim, attr_dim):
        super().__init__()
        self.layer = nn.Linear(latent_dim, attr_dim)

    def logits(self, view):
        return view.once("small/logits", lambda: view.part("factorizer").layer(view.z()))

    def fit(self, view):
        return view.loss(self.logits(view), view.targets)

    def penalty(self, view):
        return view.loss(self.logits(view), view.schema.uniform(view.targets))


def centred(view):
    return view.gather(view.z()).mean(0).square().sum()


class Moving(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("level", torch.zeros(()))

    def forward(self, view):
        now = view.gather(view.images("reconstruction").mean((1, 2, 3))).mean()
        level = 0.9 * self.level + 0.1 * now
        self.level = level.detach()
        return (level - 0.5).square()


def brightness(editor, data):
    decoded = editor.edit(list(data.images(data.indices)), mode="decoded", output="tensor")
    return {"brightness": float(torch.stack(list(decoded)).float().mean())}


class Painter:
    def __init__(self, image_size):
        self.image_size = image_size

    def __call__(self, rows):
        if "row" not in rows:
            return rows
        return {"image": [self.image(i, i % 2) for i in rows["row"]]} | rows

    def image(self, row, wide):
        image = np.full((self.image_size, self.image_size, 3), row, np.uint8)
        image[:, : self.image_size // (2 if wide else 8)] = 255
        return image


class Stripes:
    schema = AttributeSchema.of_binary(["Wide"])
    channels = 3
    splits = ("train", "test")

    def __init__(self, *, image_size, data_dir=None, rows=20):
        self.image_size, self.rows = image_size, rows

    def fingerprint(self, split):
        return hashlib.sha256(f"{split} {self.image_size} {self.rows}".encode()).hexdigest()

    def open(self, split):
        from datasets import Dataset

        labels = [i % 2 for i in range(self.rows)]
        return Dataset.from_dict({"row": list(range(self.rows)), "Wide": labels}).with_transform(
            Painter(self.image_size)
        )

    def counterfactual(self, split, indices, changes, styles=1):
        return np.stack([Painter(self.image_size).image(i, changes.get("Wide", i % 2)) for i in indices])[:, None]


ADAM = Optimizer(name="adam", lr=1e-3)
TERMS = {
    "rec": Term(),
    "kl": Term(weight=0.01),
    "class": Term(weight=0.1),
    "penalty": Term(weight=0.1),
    "centred": Term(weight=0.1),
    "moving": Term(weight=0.1),
}

DEFAULT = Recipe(
    parts={
        "encoder": Part(use="small"),
        "decoder": Part(use="small"),
        "factorizer": Part(use="small"),
        "critic": Part(use="small"),
    },
    players={
        "autoencoder": Player(trains=("encoder", "decoder"), terms=TERMS, optimizer=ADAM),
        "factorizer": Player(trains=("factorizer",), terms={"fit": Term()}, optimizer=ADAM),
        "critic": Player(
            trains=("critic",), terms={"gan": Term(options={"part": "critic", "scale": 1.0})}, optimizer=ADAM
        ),
    },
    latent_dim=6,
    batch_size=8,
    steps=10,
)

WIDE = Recipe(extends="NAME/small", latent_dim=9)
