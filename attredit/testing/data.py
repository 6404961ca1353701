"""What data sources promise. Of a large one, a few rows stand for all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from attredit.attributes import AttributeSchema
from attredit.data import Geometry
from attredit.data.decoding import Decoding, ShardDecoder, as_pixels
from attredit.data.labels import read_labels
from attredit.data.source import CounterfactualSource, DataSource, TransferSource
from attredit.data.workers import decode_in_processes
from attredit.errors import DataError, UsageError
from attredit.request import CollectionRequest
from attredit.testing import make
from attredit.testing.few import ROWS, Few
from attredit.testing.report import Broken, Skipped
from attredit.testing.workshop import Subject, python

_SPLITS = ("train", "valid", "test")


def small_source(subject: Subject) -> DataSource:
    """The data set, at the first image size that it takes.

    Raises:
        Skipped: it needs data, and nobody said where they are.
    """
    return _sized_source(subject)[0]


def _sized_source(subject: Subject) -> tuple[DataSource, int]:
    def opened(size: int) -> tuple[DataSource, int]:
        return _request(subject, size).collection(subject.registry).source, size

    try:
        return make.at_first_size(opened)
    except UsageError as error:
        raise Broken("a source that can be built", str(error)) from error
    except DataError as error:
        if subject.place.data_dir is None:
            raise Skipped(f"it needs data; name them (--data-dir, or data_dir=): {error.message}") from error
        raise


def _request(subject: Subject, size: int) -> CollectionRequest:
    where: dict[str, Any] = {"data_dir": subject.place.data_dir, "data_options": subject.place.data_options}
    return CollectionRequest(dataset=subject.it.id, image_size=size, **where)


def contents(subject: Subject) -> str:
    """Schema, splits, columns, labels and images."""
    source = small_source(subject)
    _expect(isinstance(source.schema, AttributeSchema), "an AttributeSchema", type(source.schema).__name__)
    _expect(source.channels in (1, 3), "1 or 3 channels", repr(source.channels))
    known = set(source.splits) <= set(_SPLITS) and "train" in source.splits
    _expect(known, f"splits among {', '.join(_SPLITS)}, train among them", repr(source.splits))
    for split in source.splits:
        rows = Few(source).open(split)
        names = rows.with_format(None).column_names
        labels = read_labels(rows, source.schema, f"split {split}")
        read = rows[:]
        _expect("image" in read, f"a column image in split {split}", f"{', '.join(names)}")
        for row, image in enumerate(read["image"]):
            _check_image(image, source.channels, f"image {row} of split {split}")
        counted = len(source.open(split))
        _expect(len(labels) == min(ROWS, counted), f"labels of {counted} rows", str(len(labels)))
    return f"{len(source.schema)} attributes, splits {', '.join(source.splits)}"


def fingerprints(subject: Subject) -> str:
    """The same of another instance, and in another process with another hash seed."""
    (first, size), second = _sized_source(subject), small_source(subject)
    found = {split: first.fingerprint(split) for split in first.splits}
    for split, digest in found.items():
        _expect(isinstance(digest, str) and digest != "", f"text for split {split}", repr(digest))
        again = second.fingerprint(split)
        _expect(again == digest, f"the same fingerprint of split {split} from two instances", f"{digest}, then {again}")
    elsewhere = _in_a_process(subject, size)
    for split, digest in found.items():
        what = f"{digest}, and {elsewhere[split]} in another process"
        _expect(elsewhere[split] == digest, f"one fingerprint of split {split} in all processes", what)
    return ""


def counterfactuals(subject: Subject) -> str:
    """Shape and dtype; and that nothing changes where nothing is asked for."""
    source = small_source(subject)
    if not isinstance(source, CounterfactualSource):
        raise Skipped("it draws none")
    split = source.splits[-1]
    labels = read_labels(source.open(split), source.schema, f"split {split}")[:2]
    attribute = source.schema.attributes[0]
    images = {v: source.counterfactual(split, [0, 1], {attribute.name: v}, styles=2) for v in range(2)}
    size = images[0].shape[-2] if images[0].ndim == 5 else 0
    for value, array in images.items():
        shapes = [(2, styles, size, size, source.channels) for styles in (1, 2)]
        good = array.dtype == np.uint8 and array.shape in shapes
        found = f"{array.dtype} {array.shape} for {attribute.name}={value}"
        _expect(good, f"uint8 (N, S, H, W, {source.channels}), S 1 or 2 for styles=2, of 2 images", found)
    plain = np.stack([np.asarray(image) for image in source.open(split)[:2]["image"]]).reshape(2, *images[0].shape[2:])
    same = np.stack([images[int(v)][i, 0] if int(v) in images else plain[i] for i, v in enumerate(labels[:, 0])])
    _expect(bool((same == plain).all()), f"the image itself where {attribute.name} stays as it is", "another image")
    _transfers(source)
    return ""


def _transfers(source: DataSource) -> None:
    """Shape and dtype; and that an image in its own style is itself. Nothing of a source that transfers none."""
    binary = [(i, a.name) for i, a in enumerate(source.schema) if a.binary]
    if not isinstance(source, TransferSource) or not binary:
        return
    split, (column, name) = source.splits[-1], binary[0]
    data = source.open(split)
    having = np.flatnonzero(read_labels(data, source.schema, f"split {split}")[:, column] == 1)[:2].tolist()
    if having:
        own = np.stack([np.asarray(image) for image in data[having]["image"]])
        drawn = source.transferred(split, having, having, name)
        what = f"uint8 {(len(having), *own.shape[1:3], source.channels)} of transferred {name}"
        good = drawn.dtype == np.uint8 and drawn.shape == (len(having), *own.shape[1:3], source.channels)
        _expect(good, what, f"{drawn.dtype} {drawn.shape}")
        same = bool((drawn == own.reshape(drawn.shape)).all())
        _expect(same, f"the image itself where it is its own donor of {name}", "another image")


def workers(subject: Subject) -> str:
    """Rows decoded in two worker processes are those decoded here."""
    source = Few(small_source(subject))
    geometry = Geometry(make.SIZES[0], source.channels)
    rows = len(source.open("train"))
    here, there = (_job(subject, source, geometry, rows, name) for name in ("here", "there"))
    half = max(1, rows // 2)
    shards = [r for r in (range(half), range(half, rows)) if len(r)]
    decoder = ShardDecoder(here)
    for shard in shards:
        decoder.decode(shard)
    done = sum(len(done.rows) for done in decode_in_processes(there, shards, 2))
    _expect(done == rows, f"{rows} rows", str(done))
    same = _content(here) == _content(there)
    _expect(same, "the same pixels from worker processes as from this one", "others")
    return ""


def _check_image(image: Any, channels: int, which: str) -> None:
    """It can be read, and has no colours that would be lost."""
    as_pixels(image, Geometry(make.SIZES[0], channels))
    array = np.asarray(image)
    given = array.shape[2] if array.ndim == 3 else 1
    if isinstance(image, list | np.ndarray):
        _expect(given == channels, f"{channels} channels in {which}", f"{given}")
    elif channels == 1:
        _expect(given == 1, f"a grey {which}, as its source says", f"{given} channels")


def _job(subject: Subject, source: Few, geometry: Geometry, rows: int, name: str) -> Decoding:
    folder = subject.place.home / name
    folder.mkdir()
    return Decoding(source, "train", subject.it.id, geometry, folder, rows)


def _content(job: Decoding) -> list[bytes]:
    return [file.read_bytes() for file in sorted(job.folder.iterdir())]


def _in_a_process(subject: Subject, size: int) -> Mapping[str, str]:
    """Fingerprints that a fresh process finds."""
    task = subject.place.home / "fingerprints.json"
    task.write_text(_request(subject, size).model_dump_json(), "utf-8")
    done = python("-m", "attredit.testing.fingerprints", str(task), PYTHONHASHSEED="1")
    if done.code != 0:
        raise Broken("fingerprints in a fresh process", done.said)
    found: dict[str, str] = json.loads(task.read_text("utf-8"))
    return found


def _expect(holds: bool, expected: str, found: str) -> None:
    if not holds:
        raise Broken(expected, found)
