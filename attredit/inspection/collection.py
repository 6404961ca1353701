"""Everything that `attredit datasets inspect` says of a data set, worked out once for terminal, page and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from attredit.attributes import BINARY, Attribute, AttributeSchema
from attredit.data import BrokenImage, Store
from attredit.inspection.duplicates import MOST_BITS, MOST_DIFFERENCE, Duplicates, find_duplicates
from attredit.inspection.statistics import Counts, associations, counts_of
from attredit.progress import StagedProgress, silent

RARE = 0.02
STRONG = 0.5
FEW = {"train": 1000}
FEW_ELSEWHERE = 100
EXAMPLES = 10
GROUPS = 20
"""Groups of duplicates that are shown."""


@dataclass(frozen=True)
class Inspection:
    """What a data set is.

    Attributes:
        name: Its name.
        stores: Its splits.
        counts: Values by split.
        associations: By split, (n, n); see `attredit.inspection.statistics.association`.
        duplicates: Of all splits.
        conflicts: By attribute, identical images whose labels are not equal.
    """

    name: str
    stores: Mapping[str, Store]
    counts: Mapping[str, Counts]
    associations: Mapping[str, np.ndarray]
    duplicates: Duplicates
    conflicts: Mapping[str, int]

    @property
    def schema(self) -> AttributeSchema:
        """The attributes that were asked for."""
        return next(iter(self.counts.values())).schema

    @property
    def first(self) -> str:
        """The split that counts most: train, where there is one."""
        return "train" if "train" in self.stores else next(iter(self.stores))

    def strongest(self, split: str) -> list[tuple[str, str, float]]:
        """Pairs of attributes, those that go together most before all others; without those that have one value."""
        matrix, names = self.associations[split], self.schema.names
        pairs = [(names[j], names[i], float(matrix[i, j])) for i in range(len(names)) for j in range(i)]
        return sorted((pair for pair in pairs if not np.isnan(pair[2])), key=lambda pair: -abs(pair[2]))

    def shares(self, attribute: Attribute, value: int) -> list[tuple[str, int]]:
        """For each split a value's share of the labelled images, in words, and how many images have it."""
        found = []
        for counts in self.counts.values():
            own = counts.of(attribute.name)
            found.append((percent(own[value] / own.sum()) if own.any() else "–", int(own[value])))
        return found

    def unlabelled(self, attribute: Attribute) -> list[tuple[str, int]]:
        """For each split the share of the images without a label, in words, and how many; [] where all have one."""
        found = [(counts.missing(attribute.name), counts.images) for counts in self.counts.values()]
        return [(percent(n / images), n) for n, images in found] if any(n for n, _ in found) else []

    def examples(self, attribute: Attribute, value: int) -> np.ndarray:
        """Rows of up to ten images of the first split that have a value, drawn at random, the same each time."""
        store = self.stores[self.first]
        rows = np.flatnonzero(store.label_columns([attribute.name])[:, 0] == value)
        return np.sort(np.random.default_rng(0).permutation(rows)[:EXAMPLES])

    def leaks(self) -> list[tuple[str, str, int]]:
        """Later split, earlier split, and images of the later one that are also in the earlier one."""
        splits = list(self.stores)
        pairs = [(later, earlier) for i, later in enumerate(splits) for earlier in splits[:i]]
        return [(later, earlier, self.duplicates.across(later, earlier)) for later, earlier in pairs]

    def broken(self) -> list[tuple[str, BrokenImage]]:
        """Images that cannot be decoded, of all splits, each with its split."""
        return [(split, image) for split, store in self.stores.items() for image in store.broken]

    def to_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries; correlations that are no numbers are null."""
        shared = {f"{later} in {earlier}": n for later, earlier, n in self.leaks()}
        return {
            "dataset": self.name,
            "warnings": warnings_of(self),
            "splits": {split: self._split(split) for split in self.stores},
            "duplicates": {
                "bits": MOST_BITS,
                "difference": MOST_DIFFERENCE,
                "within": {split: self.duplicates.within(split) for split in self.stores},
                "across": shared,
                "groups": self.duplicates.groups(GROUPS),
            },
            "conflicts": dict(self.conflicts),
        }

    def _split(self, split: str) -> dict[str, Any]:
        counts, matrix = self.counts[split], self.associations[split]
        values = {a.name: dict(zip(a.values, counts.of(a.name).tolist(), strict=True)) for a in self.schema}
        return {
            "images": counts.images,
            "broken": [image._asdict() for image in self.stores[split].broken],
            "image_size": self.stores[split].geometry.size,
            "values": values,
            "missing": {a.name: counts.missing(a.name) for a in self.schema},
            "correlations": [[None if np.isnan(v) else round(float(v), 4) for v in row] for row in matrix],
        }


def inspect(
    name: str, stores: Mapping[str, Store], attributes: Iterable[str] = (), progress: StagedProgress = silent
) -> Inspection:
    """Look at all images and labels of a data set.

    Args:
        name: The data set's.
        stores: Its splits, prepared with one geometry.
        attributes: Those to look at; all when empty.
        progress: Told of (what, images done, images in all).

    Raises:
        UsageError: an unknown attribute.
    """
    whole = next(iter(stores.values())).schema
    schema = whole.select(tuple(attributes) or whole.names)
    labels = {split: store.label_columns(schema.names) for split, store in stores.items()}
    counts = {split: counts_of(schema, own) for split, own in labels.items()}
    duplicates = find_duplicates(stores, partial(progress, "looking for duplicates"))
    conflicts = duplicates.conflicts(np.concatenate(list(labels.values())))
    return Inspection(
        name,
        stores,
        counts,
        {split: associations(own) for split, own in counts.items()},
        duplicates,
        dict(zip(schema.names, conflicts.tolist(), strict=True)),
    )


def warnings_of(inspection: Inspection) -> list[str]:
    """What will hurt, and what to do about it; a sentence or two each, the worst first."""
    return [
        *_leaks(inspection),
        *_broken(inspection),
        *_one_sided(inspection),
        *_conflicts(inspection),
        *_rare(inspection),
        *_strong(inspection),
        *_few(inspection),
        *_repeated(inspection),
        *_unlabelled(inspection),
    ]


def _leaks(inspection: Inspection) -> list[str]:
    return [
        f"{_images(n)} of {later} {_are(n)} also in {earlier}: figures measured on {later} will be too good. Take "
        "every picture out of one of the two."
        for later, earlier, n in inspection.leaks()
        if n
    ]


def _broken(inspection: Inspection) -> list[str]:
    return [
        f"{_images(n)} of {split} cannot be decoded, and {_are(n)} left out. Replace what is broken, or remove it."
        for split, store in inspection.stores.items()
        if (n := len(store.broken))
    ]


def _one_sided(inspection: Inspection) -> list[str]:
    found = []
    for split, counts in inspection.counts.items():
        for attribute in inspection.schema:
            own = counts.of(attribute.name)
            if own.any() and (own > 0).sum() == 1:
                value = attribute.values[int(np.argmax(own))]
                found.append(
                    f"{attribute.name} is {value} in all of {split}: nothing can be learned or measured there. Leave "
                    "the attribute out, or add images with another value."
                )
    return found


def _conflicts(inspection: Inspection) -> list[str]:
    return [
        f"{_images(n)} {_are(n)} in groups of identical ones that disagree on {name}: some of these labels are wrong. "
        "Correct or remove them."
        for name, n in inspection.conflicts.items()
        if n
    ]


def _rare(inspection: Inspection) -> list[str]:
    counts, found = inspection.counts[inspection.first], []
    for attribute in inspection.schema:
        own = counts.of(attribute.name)
        for value, n in zip(attribute.values, own.tolist(), strict=True):
            if 0 < n < RARE * own.sum():
                share = f"{percent(n / own.sum())}, {_images(n)}"
                found.append(
                    f"{_named(attribute, value)} is rare in {inspection.first}: {share}. "
                    f"A model that ignores it does well on average: train with --balance {attribute.name}, "
                    "add images of it, or leave the attribute out."
                )
    return found


def _strong(inspection: Inspection) -> list[str]:
    return [
        f"{first} and {second} go together in {inspection.first} (correlation {value:.2f}): an edit of one will "
        "change the other. Train with both attributes, and look at off_target."
        for first, second, value in inspection.strongest(inspection.first)
        if abs(value) > STRONG
    ]


def _few(inspection: Inspection) -> list[str]:
    found = []
    for split, counts in inspection.counts.items():
        wanted, n = FEW.get(split, FEW_ELSEWHERE), counts.images
        if n < wanted:
            does = "models will learn them by heart" if split == "train" else "intervals of figures will be wide"
            found.append(f"There {_are(n)} only {_images(n)} in {split}, fewer than {wanted:,}: {does}.")
    return found


def _repeated(inspection: Inspection) -> list[str]:
    within = {split: inspection.duplicates.within(split) for split in inspection.stores}
    return [
        f"{_images(n)} of {split} {'repeats' if n == 1 else 'repeat'} an earlier one, which then weighs more than "
        "others. Remove the repetitions."
        for split, n in within.items()
        if n
    ]


def _unlabelled(inspection: Inspection) -> list[str]:
    found = []
    for split, counts in inspection.counts.items():
        for name in inspection.schema.names:
            if missing := counts.missing(name):
                found.append(f"{_images(missing)} of {split} {'has' if missing == 1 else 'have'} no label of {name}.")
    return found


def percent(share: float) -> str:
    """A share in per cent, with enough digits for a rare value."""
    return f"{100 * share:.2f} %" if share < RARE else f"{100 * share:.1f} %"


def _named(attribute: Attribute, value: str) -> str:
    """A value as it is called: "Smiling", "Smiling = 0", "Hair = blond"."""
    return attribute.name if attribute.values == BINARY and value == "1" else f"{attribute.name} = {value}"


def _images(n: int) -> str:
    return f"{n:,} image{'' if n == 1 else 's'}"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
