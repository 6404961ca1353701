"""Images that are there more than once, within a split or in two: the same bytes, or the same picture saved anew.

A perceptual hash of 64 bits finds candidates: the signs of the 64 lowest frequencies of the cosine transform of the
brightness, about their median (Zauner 2010, *Implementation and Benchmarking of Perceptual Image Hash Functions*,
section 3.2.1). Of aligned faces that alone would call many different people equal, so candidates are compared once
more, by pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from attredit.data import Images, Store
from attredit.progress import Progress, silent

MOST_BITS = 4
"""Bits of 64 that hashes of one picture may differ in."""
MOST_DIFFERENCE = 0.035
"""Root mean square difference of the blurred pixels of one picture, of a range of 1."""

BYTES = 1 << 23
"""Of images that are looked at together, before they become floating point."""
PAIRS = 1 << 22
"""Of hashes that are compared together."""

_BANDS = MOST_BITS + 1
_SIDE = 8
_ONES = np.array([value.bit_count() for value in range(1 << 16)], np.uint8)


@dataclass(frozen=True)
class Duplicates:
    """Groups of images that are one picture.

    Attributes:
        sizes: Images of each split, in order.
        group: (N,) of all images, split after split: images of one number are one picture.
        identical: (N,) the same for images that are equal byte for byte.
    """

    sizes: Mapping[str, int]
    group: np.ndarray
    identical: np.ndarray

    @cached_property
    def split(self) -> np.ndarray:
        """(N,) the index of each image's split."""
        return np.repeat(np.arange(len(self.sizes)), list(self.sizes.values()))

    def within(self, split: str) -> int:
        """Images of a split that another one before them in that split shows already."""
        own = self.group[self.split == list(self.sizes).index(split)]
        return len(own) - len(np.unique(own))

    def across(self, split: str, other: str) -> int:
        """Images of a split whose picture is also in another split."""
        own, others = (self.group[self.split == list(self.sizes).index(name)] for name in (split, other))
        return int(np.isin(own, others).sum())

    def groups(self, most: int, identical: bool = False) -> list[list[tuple[str, int]]]:
        """The first groups of two images or more, each image as its split and its row there."""
        numbers = self.identical if identical else self.group
        order = np.argsort(numbers, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
        several = sorted((part for part in parts if len(part) > 1), key=lambda part: int(part[0]))
        starts = np.cumsum([0, *self.sizes.values()])
        names = list(self.sizes)
        return [[(names[self.split[i]], int(i - starts[self.split[i]])) for i in part] for part in several[:most]]

    def conflicts(self, labels: np.ndarray) -> np.ndarray:
        """(n,) images in groups of identical ones whose known labels are not all equal, for each column.

        Args:
            labels: (N, n) of all images, split after split; below 0 where there is none.
        """
        found = []
        for column in labels.T:
            known = column >= 0
            groups = self.identical[known]
            lowest = np.full(len(self.identical), np.iinfo(np.int64).max)
            highest = np.full(len(self.identical), -1)
            np.minimum.at(lowest, groups, column[known])
            np.maximum.at(highest, groups, column[known])
            found.append(int((lowest != highest)[groups].sum()))
        return np.array(found)


def find_duplicates(stores: Mapping[str, Store], progress: Progress = silent) -> Duplicates:
    """Look for them in all splits at once.

    Hashes are compared exactly: two that differ in at most `MOST_BITS` bits agree in one of `MOST_BITS` + 1 bands, so
    that only images that agree in a band are compared, as in Norouzi, Punjani and Fleet 2012, *Fast Search in Hamming
    Space with Multi-Index Hashing*.

    Args:
        stores: Splits of one data set, of one geometry.
        progress: Told of (images read, images in all).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    sizes = {split: len(store) for split, store in stores.items()}
    digests, hashes = _read(stores, sum(sizes.values()), progress)
    _, first, identical = np.unique(digests, return_index=True, return_inverse=True)
    pairs = [_alike(stores, sizes, first[part]) for part in candidates(hashes[first])]
    near = np.concatenate([np.zeros((0, 2), np.int64), *pairs])
    edges = (np.ones(len(near), bool), (identical[near[:, 0]], identical[near[:, 1]]))
    _, group = connected_components(coo_array(edges, shape=(len(first), len(first))), directed=False)
    return Duplicates(sizes, group[identical], identical)


def hashes_of(images: np.ndarray) -> np.ndarray:
    """(B,) uint64 perceptual hashes of uint8 images (B, H, W, C)."""
    grey = images.mean(axis=-1, dtype=np.float32)
    low = _basis(grey.shape[1]) @ grey @ _basis(grey.shape[2]).T
    values = low.reshape(len(low), -1)
    # The mean brightness, which comes first, is no part of the median: it is far from all others.
    bits = values > np.median(values[:, 1:], axis=1, keepdims=True)
    padded = np.zeros((len(bits), 64), bool)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1).view(np.uint64)[:, 0]


def _basis(size: int) -> np.ndarray:
    """(8 or fewer, size) the lowest frequencies of the orthonormal cosine transform."""
    from scipy.fft import dct

    rows: np.ndarray = dct(np.eye(size, dtype=np.float32), axis=0, norm="ortho")[:_SIDE]
    return rows


def _read(stores: Mapping[str, Store], n: int, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    """Digests (N,) of 16 bytes, and hashes (N,) uint64, of all images."""
    digests, hashes, done = np.zeros(n, "V16"), np.zeros(n, np.uint64), 0
    for store in stores.values():
        rows = _rows(store.images)
        for start in range(0, len(store), rows):
            images = np.ascontiguousarray(store.images[start : start + rows])
            until = done + len(images)
            digests[done:until] = [hashlib.blake2b(image, digest_size=16).digest() for image in images]
            hashes[done:until] = hashes_of(images)
            done = until
            progress(done, n)
    return digests, hashes


def candidates(hashes: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs (P, 2) of indices whose hashes differ in few bits, in parts that fit into memory; some come twice."""
    bits = np.unpackbits(hashes.view(np.uint8).reshape(-1, 8), axis=1)
    for band in range(_BANDS):
        # Not neighbours: low frequencies, which say much, and higher ones in each.
        keys = np.packbits(bits[:, band::_BANDS], axis=1).view(np.uint16)[:, 0]
        order = np.argsort(keys, kind="stable")
        ends = np.searchsorted(keys[order], keys[order], side="right")
        # Each with all that come after it in its bucket.
        after = ends - np.arange(len(order)) - 1
        cuts = np.flatnonzero(np.diff(np.cumsum(after) // PAIRS)) + 1
        for rows in np.split(np.arange(len(order)), cuts):
            own = np.repeat(rows, after[rows])
            begins = np.repeat(np.cumsum(after[rows]) - after[rows], after[rows])
            left, right = order[own], order[own + 1 + np.arange(len(own)) - begins]
            near = _distance(hashes[left], hashes[right]) <= MOST_BITS
            yield np.stack([left[near], right[near]], axis=1)


def _distance(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(P,) bits in which hashes differ."""
    differing: np.ndarray = _ONES[(left ^ right).view(np.uint16)].reshape(-1, 4).sum(axis=1)
    return differing


def _alike(stores: Mapping[str, Store], sizes: Mapping[str, int], pairs: np.ndarray) -> np.ndarray:
    """Those of the pairs (P, 2) whose pixels are alike, too."""
    starts = np.cumsum([0, *sizes.values()])
    images = [store.images for store in stores.values()]
    kept, rows = [], _rows(images[0])
    for start in range(0, len(pairs), rows):
        part = pairs[start : start + rows]
        left, right = (_blurred(_gathered(images, starts, part[:, side])) for side in range(2))
        kept.append(part[np.sqrt(((left - right) ** 2).mean(axis=(1, 2, 3))) <= MOST_DIFFERENCE])
    return np.concatenate([np.zeros((0, 2), np.int64), *kept])


def _rows(images: Images | np.ndarray) -> int:
    """How many images (N, H, W, C) are looked at together: fewer of large ones."""
    return max(1, BYTES // int(np.prod(images.shape[1:])))


def _gathered(images: list[Images | np.ndarray], starts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(P, H, W, C) images of any splits."""
    found = np.empty((len(rows), *images[0].shape[1:]), np.uint8)
    for split, (start, stop) in enumerate(pairwise(starts)):
        own = (rows >= start) & (rows < stop)
        found[own] = images[split][rows[own] - start]
    return found


def _blurred(images: np.ndarray) -> np.ndarray:
    """(P, H, W, C) float32 in [0, 1], averaged over 3 by 3 pixels: saving and resizing change edges most."""
    from scipy.ndimage import uniform_filter

    blurred: np.ndarray = uniform_filter(images.astype(np.float32) / 255, size=(1, 3, 3, 1), mode="nearest")
    return blurred
