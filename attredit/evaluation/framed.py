"""Another collection's pictures, each seen in the frame that a run finds in it, as its edits are."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from attredit.data import Frame, Geometry, Store
from attredit.data.collection import Collection
from attredit.data.source import CounterfactualSource, DataSource
from attredit.editing.frames import sought
from attredit.errors import DataError
from attredit.evaluation.statistics import Estimate, wilson_share
from attredit.files import digest_of

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL.Image import Image

    from attredit.framing.network import FrameNetwork

NO_FRAME = "no frame is found in it"


class FramedSource:
    """A source whose images are seen where a run finds its subject.

    Args:
        source: The images.
        network: Of the run.
        geometry: The run's.
    """

    def __init__(self, source: DataSource, network: FrameNetwork, geometry: Geometry) -> None:
        self._source, self._network, self._geometry = source, network, geometry
        self.schema, self.channels, self.splits = source.schema, source.channels, source.splits

    def fingerprint(self, split: str) -> str:
        """See `DataSource`; with the network's weights."""
        weights = digest_of(self._network.state_dict(), asdict(self._geometry))
        return hashlib.sha256(f"{self._source.fingerprint(split)}/{weights}".encode()).hexdigest()

    def open(self, split: str) -> Dataset:
        """See `DataSource`."""
        return self._source.open(split)

    def frame(self, image: Image) -> Frame:
        """See `DataSource`."""
        found = sought(image, self._geometry, self._network)
        if not found:
            raise DataError(NO_FRAME)
        return found[0].frame


def framed(collection: Collection, network: FrameNetwork | None) -> Collection:
    """The same, each image in the frame that is found in it; as it is, where the run finds none, or boxes tell them.

    Squares that are drawn are to be seen whole, with their true edits.
    """
    source, geometry = collection.source, collection.geometry
    if network is None or geometry.crop == "box" or isinstance(source, CounterfactualSource):
        return collection
    return replace(collection, source=FramedSource(source, network, geometry))


def frames_found(store: Store) -> Estimate:
    """The share of a `framed` collection's pictures in which a frame is found; broken ones are none."""
    without = sum(image.reason == NO_FRAME for image in store.broken)
    return wilson_share(np.repeat([1.0, 0.0], [len(store), without]))
