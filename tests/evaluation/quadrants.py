"""A world whose figures can be worked out by hand.

Images are grey, 16x16; each attribute is the level of one quadrant: LEVELS[0] without and LEVELS[1] with it, or
HAIR[value] for a categorical one. Every part here reads and writes these quadrants, perfectly unless told otherwise.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import numpy as np
import torch

from attredit.attributes import Attribute, AttributeSchema
from attredit.data import Geometry, Store
from attredit.data.subset import spread
from attredit.editing.model import Model
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.judge import Reading
from attredit.networks import Code

SIZE, HALF = 16, 8
LEVELS = (64, 191)
HAIR = (40, 120, 200)
NAMES = ("Smiling", "Male", "Bangs", "Hat")
PLACES = [(slice(0, HALF), slice(0, HALF)), (slice(0, HALF), slice(HALF, SIZE))]
PLACES += [(slice(HALF, SIZE), slice(0, HALF)), (slice(HALF, SIZE), slice(HALF, SIZE))]
BINARY = AttributeSchema.of_binary(NAMES)
MIXED = AttributeSchema((Attribute("Smiling"), Attribute("Hair", ("black", "brown", "blond"))))


def levels_of(attribute):
    return torch.tensor(LEVELS if attribute.binary else HAIR) / 255.0


def draw(labels, schema=BINARY):
    """(N, 16, 16, 1) uint8."""
    images = np.full((len(labels), SIZE, SIZE, 1), LEVELS[0], np.uint8)
    for i, attribute in enumerate(schema):
        levels = np.array(LEVELS if attribute.binary else HAIR, np.uint8)
        images[:, *PLACES[i]] = levels[labels[:, i]][:, None, None, None]
    return images


def read(images, schema=BINARY):
    """(N, n) labels: the nearest level of each quadrant's mean."""
    means = torch.stack([images[:, 0, *PLACES[i]].mean((1, 2)) for i in range(len(schema))], 1)
    return torch.stack([(means[:, i : i + 1] - levels_of(a)).abs().argmin(1) for i, a in enumerate(schema)], 1)


class Reader:
    """A judge that is never wrong."""

    hash = "reader"

    def __init__(self, schema=BINARY):
        self.schema = schema

    def look(self, images):
        """Means of quadrants as features, and the image itself beside its negative as the one map."""
        labels = read(images, self.schema)
        features = torch.stack([images[:, 0, *place].mean((1, 2)) for place in PLACES], 1)
        logits, maps = 20 * self.schema.encode(labels) - 10, (torch.cat([images, 1 - images], 1),)
        return Reading(labels, torch.stack([labels, labels]), logits, features, maps)

    def obeyed(self, images, judged, column, asked):
        return judged.agreed[:, column] == asked

    def logits(self, images):
        return self.look(images).logits

    def features(self, images):
        return self.look(images).features


class Quadrants(Model):
    """An editor, and its model, of some attributes of `world`; what else it does than set quadrants is `decoding`'s."""

    device = torch.device("cpu")

    def __init__(self, edits=("Smiling",), world=BINARY, decoding=None, logvar=None, prior=None):
        super().__init__({}, world.select(edits), latent_dim=SIZE**2)
        self.world, self.logvar = world, logvar
        self.config = SimpleNamespace(recipe=SimpleNamespace(prior=prior))
        self.decoding = decoding or self.perfect
        self.encoded = self.decoded = 0

    def encode(self, images):
        self.encoded += len(images)
        labels = read(images, self.world)[:, [self.world.index(n) for n in self.schema.names]]
        logits = 20 * self.schema.encode(labels) - 10
        logvar = None if self.logvar is None else torch.full_like(images.flatten(1), self.logvar)
        flat = images.flatten(1)
        return Code(flat, logvar, logits, (images,), self.as_told(logits), flat)

    @property
    def model(self):
        return self

    def draw(self, z, attrs, code=None):
        if code is not None:
            assert len(z) == len(attrs) == len(code.mean) == len(code.skips[0]), "rows of different images"
        self.decoded += len(z)
        return self.decoding(z.view(-1, 1, SIZE, SIZE).clone(), attrs)

    def perfect(self, images, attrs):
        """Each edited attribute's quadrant at the level of the wanted label."""
        for i, (attribute, label) in enumerate(zip(self.schema, self.schema.decode(attrs).T, strict=True)):
            place = PLACES[self.world.index(self.schema.names[i])]
            images[:, 0, *place] = levels_of(attribute)[label][:, None, None]
        return images


class Source:
    """A source without counterfactuals."""

    channels = 1
    splits = ("train", "test")

    def __init__(self, schema=BINARY):
        self.schema = schema


class DrawingSource(Source):
    """A source with them: style s of what is put on is 5 s levels darker than the first."""

    def __init__(self, labels, schema=BINARY):
        super().__init__(schema)
        self.labels, self.asked, self.known_as = labels, [], uuid4().hex

    def fingerprint(self, split):
        return self.known_as

    def counterfactual(self, split, indices, changes, styles=1):
        self.asked.append((split, list(indices), dict(changes), styles))
        labels = self.labels[np.asarray(indices)].copy()
        ((name, value),) = changes.items()
        labels[:, self.schema.index(name)] = value
        images = np.repeat(draw(labels, self.schema)[:, None], styles, 1)
        for style in range(styles):
            images[:, style, *PLACES[self.schema.index(name)]] -= np.uint8(5 * style)
        return images


def labels_of(n, schema=BINARY, seed=0):
    random = np.random.default_rng(seed)
    return np.stack([random.integers(0, len(a.values), n) for a in schema], 1).astype(np.int16)


def store_of(labels, schema=BINARY, images=None):
    images = draw(labels, schema) if images is None else images
    return Store(Path("nowhere"), "drawn", schema, Geometry(SIZE, 1), "fingerprint", images, labels)


def data_of(labels, schema=BINARY, source=None, limit=None):
    store = store_of(labels, schema)
    source = source or Source(schema)
    train = store_of(labels_of(200, schema, seed=1), schema)
    return EvaluationData("test", spread(len(store), limit), store, train, schema, source, Reader(schema))


def brightness(editor, data):
    """A plugin's metric."""
    return {"brightness": data.images(data.indices).mean(), "nothing": float("nan")}


def each(editor, data):
    """A plugin's metric of every image."""
    return {"each": data.images(data.indices).mean((1, 2, 3))}


def shapeless(editor, data):
    """A plugin's metric that gives neither one number nor one for each image."""
    return {"shapeless": [1.0, 2.0, 3.0]}


def broken(editor, data):
    """A plugin's metric that fails."""
    raise KeyError("left eye")
