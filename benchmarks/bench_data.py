"""What data cost: batches from a prepared store, the memory that it takes, and preparing it.

    python benchmarks/bench_data.py

Four ratios, all of one run: (a) images a second from the store against PIL in torch's DataLoader with two workers; (b)
the share of a training step that getting its batch takes, for the smallest method there is; (c) resident memory while
training on a large store against a small one, each in a process of its own; (d) the time that preparing JPEGs takes
against two processes that do nothing but decode and resize them, in turn with each other.

JPEGs are noise, 178x218 as CelebA's; the large store is drawn. Everything lies in a temporary folder (3 GB by default)
and is removed at the end. The file is also the plugin that has the drawn data set.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from attredit import hookimpl
from attredit.attributes import AttributeSchema
from attredit.data import Geometry, Store, prepare

attredit_api = 1
FASTER, SHARE, GROWTH, SLOWER = 20.0, 0.05, 300.0, 1.3
JPEG = (178, 218)
DIFFERENT = 256  # images; the others repeat them
CHUNK = 250


@hookimpl
def register_datasets(register: Callable[..., None]) -> None:
    register("drawn", "bench_data:Drawn")


class Drawn:
    """Noise with labels, any number of images."""

    channels = 3
    splits = ("train",)
    schema = AttributeSchema.of_binary(["odd"])

    def __init__(self, *, image_size: int, data_dir: Path | None = None, images: int = 2000) -> None:
        self.image_size, self.images = image_size, images
        shape = (DIFFERENT, image_size, image_size, 3)
        self.pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    def fingerprint(self, split: str) -> str:
        """Of its options."""
        return f"{self.image_size}-{self.images}"

    def open(self, split: str) -> Any:
        """Rows that are drawn when they are read."""
        from datasets import Dataset

        rows = np.arange(self.images)
        return Dataset.from_dict({"row": rows, "odd": rows % 2}).with_transform(self.draw)

    def draw(self, rows: dict[str, list[int]]) -> dict[str, Any]:
        """The images of some rows."""
        return {"image": [self.pixels[row % DIFFERENT] for row in rows["row"]]}


def make_jpegs(folder: Path, images: int) -> list[Path]:
    """Smooth noise with some grain in two classes, all of it for training; a test split, lest it be divided."""
    random = np.random.default_rng(0)
    files = [folder / "train" / "ab"[i % 2] / f"{i:06d}.jpg" for i in range(images)]
    files += [folder / "test" / name / "0.jpg" for name in "ab"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
    for file in files[:DIFFERENT]:
        smooth = Image.fromarray(random.integers(0, 256, (14, 11, 3), np.uint8)).resize(JPEG, Image.Resampling.BICUBIC)
        grain = random.integers(-8, 9, (*reversed(JPEG), 3))
        Image.fromarray((np.asarray(smooth) + grain).clip(0, 255).astype(np.uint8)).save(file, quality=90)
    for i, file in enumerate(files[DIFFERENT:]):
        shutil.copy(files[i % DIFFERENT], file)
    return files[:images]


def decoded(file: Path, size: int) -> np.ndarray:
    """What everybody writes: the square in the middle, antialiased."""
    image = Image.open(file).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return np.asarray(square.resize((size, size), Image.Resampling.BICUBIC))


def decoded_chunk(files: Sequence[Path], size: int) -> np.ndarray:
    return np.stack([decoded(file, size) for file in files])


def plainly(files: Sequence[Path], size: int) -> np.ndarray:
    """Two processes that decode and resize."""
    chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return np.concatenate(pool.map(partial(decoded_chunk, size=size), chunks, chunksize=1))


def seconds_of(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def preparing(folder: Path, files: Sequence[Path], options: argparse.Namespace) -> Store:
    """Measure (d); returns the store that it made."""
    import datasets  # noqa: F401  # takes a second, once in a process

    from attredit_collections.folder import Folder

    source, size = Folder(image_size=options.image_size, data_dir=folder), options.image_size
    pairs = []
    for _ in range(options.repeats):
        shutil.rmtree(Path(os.environ["ATTREDIT_CACHE"]), ignore_errors=True)
        plain, pixels = seconds_of(lambda: plainly(files, size))
        ours, store = seconds_of(lambda: prepare(source, "train", Geometry(size), name="jpegs", workers=2))
        pairs.append((plain, ours))
    assert sum(map(int, pixels.sum((0, 1, 2)))) == int(np.asarray(store.images).sum(dtype=np.int64)), "other pixels"
    plain, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(ours / plain for plain, ours in pairs)
    each = f"{len(files):,} JPEGs: {plain:.2f} s to decode and resize, {ours:.2f} s to prepare"
    print(f"(d) {each}: {ratio:.2f} times (aim: {SLOWER:g} or less; {options.repeats} pairs)", flush=True)
    return store


class Files:
    """JPEGs as torch's loader takes them."""

    def __init__(self, files: Sequence[Path], size: int) -> None:
        self.files, self.size = files, size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> Any:
        import torch

        return torch.from_numpy(decoded(self.files[row], self.size).copy()).permute(2, 0, 1)


def batches(store: Store, options: argparse.Namespace) -> Iterator[Any]:
    random = np.random.default_rng(0)
    for _ in range(options.batches):
        yield store.batch(random.integers(0, len(store), options.batch_size))


def rate(source: Iterator[Any]) -> float:
    """Images a second, from the first batch on."""
    next(source)
    seconds, images = seconds_of(lambda: sum(len(batch) for batch in source))
    return float(images / seconds)


def loading(store: Store, files: Sequence[Path], options: argparse.Namespace) -> None:
    """Measure (a)."""
    from torch.utils.data import DataLoader

    loader = DataLoader(Files(files, options.image_size), options.batch_size, shuffle=True, num_workers=2)  # type: ignore[arg-type,var-annotated]
    pairs = [(rate(iter(loader)), rate(batches(store, options))) for _ in range(options.repeats)]
    plain, ours = (statistics.median(rates) for rates in zip(*pairs, strict=True))
    ratio = statistics.median(ours / plain for plain, ours in pairs)
    each = f"{plain:,.0f} images/s from PIL in two workers, {ours:,.0f} from the store"
    print(f"(a) {each}: {ratio:.0f} times (aim: {FASTER:g} or more; {options.repeats} pairs)", flush=True)


def smallest(size: int) -> str:
    """The method whose default has the fewest weights."""
    from attredit.plugin.registry import installed
    from attredit.recipe import resolve
    from attredit.training.players import build

    registry = installed()

    def weights(name: str) -> int:
        recipe = resolve(registry, name, "default", {})
        built = build(registry, recipe, Drawn.schema, channels=3, image_size=size)
        return sum(weight.numel() for weight in built.parts.parameters())

    return min((method.name for method in registry.components("method")), key=weights)


def trainer_on(images: int, options: argparse.Namespace) -> Any:
    from attredit.launch import trainer_of
    from attredit.plugin.registry import use_plugin
    from attredit.request import Request

    use_plugin(__file__)
    request = Request(
        method=options.process,
        dataset="drawn",
        attributes=["odd"],
        data_options={"images": images},
        image_size=options.image_size,
        batch_size=options.batch_size,
        steps=options.steps + 1,
        device="cpu",
    )
    return trainer_of(request)


def resident() -> float:
    """Megabytes of this process; not its largest so far, which a process inherits from the one that started it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def training(images: int, options: argparse.Namespace) -> None:
    """Print seconds of all steps, those of getting their batches, and the largest memory (MB) between two steps."""
    trainer = trainer_on(images, options)
    trainer.step(0)
    getting: list[float] = []
    view = trainer.view

    def timed(step: int) -> Any:
        seconds, found = seconds_of(lambda: view(step))
        getting.append(seconds)
        return found

    trainer.view = timed
    total = most = 0.0
    for step in range(1, options.steps + 1):
        total += seconds_of(partial(trainer.step, step))[0]
        most = max(most, resident())
    print(json.dumps([total, sum(getting), most]))


def stepping(options: argparse.Namespace) -> None:
    """Measure (b) and (c), on each store in a process of its own, in which the store is ready."""
    for images in (options.small, options.large):
        source = Drawn(image_size=options.image_size, images=images)
        prepare(source, "train", Geometry(options.image_size), name="drawn", workers=1)
    method = smallest(options.image_size)
    seconds, getting, small = in_a_process(method, options.small)
    step, own = 1e3 * seconds / options.steps, 1e3 * getting / options.steps
    each = f"{method}, batch {options.batch_size}: {own:.2f} ms of {step:.1f} ms a step get the batch"
    print(f"(b) {each}: {own / step:.2%} (aim: less than {SHARE:.0%})", flush=True)
    *_, large = in_a_process(method, options.large)
    each = f"{small:,.0f} MB with {options.small:,} images, {large:,.0f} MB with {options.large:,}"
    print(
        f"(c) {each}: {large / small:.2f} times, {large - small:+,.0f} MB (aim: less than {GROWTH:g} more)", flush=True
    )


def in_a_process(method: str, images: int) -> list[float]:
    """What `training` prints there."""
    command = [sys.executable, *sys.argv, "--process", method, "--on", str(images)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: list[float] = json.loads(said.splitlines()[-1])
    return found


def everything(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ATTREDIT_CACHE"] = str(Path(folder) / "cache")
        files = make_jpegs(Path(folder) / "jpegs", options.images)
        store = preparing(Path(folder) / "jpegs", files, options)
        loading(store, files, options)
        stepping(options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000, help="JPEGs (a, d)")
    parser.add_argument("--small", type=int, default=2_000, help="images of the small store (b, c)")
    parser.add_argument("--large", type=int, default=200_000, help="images of the large store (c)")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--batches", type=int, default=2_000, help="batches from the store (a)")
    parser.add_argument("--steps", type=int, default=400, help="steps that are trained (b, c)")
    parser.add_argument("--repeats", type=int, default=3, help="pairs of measurements (a, d)")
    parser.add_argument("--process", metavar="METHOD", help=argparse.SUPPRESS)
    parser.add_argument("--on", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.process:
        training(options.on, options)
    else:
        everything(options)


if __name__ == "__main__":
    main()
