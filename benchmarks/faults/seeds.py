"""Whole files of every kind that attredit reads, tiny, each with the commands that read them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, features

_FEW = {"train": 24, "valid": 8, "test": 12}
_TINY = {"parts.encoder.options.width": 4, "parts.decoder.options.width": 4, "latent_dim": 4}
_LABELS = [("a.png", 0, "blond", "train"), ("b.png", 1, "red", "train"), ("c.png", 1, "blond", "valid"),
           ("d.png", 0, "red", "valid"), ("e.png", 1, "red", "test"), ("f.png", 0, "blond", "test")]  # fmt: skip


class Kind(NamedTuple):
    """Files of one kind.

    Attributes:
        name: What they are.
        weight: How many of them, against the others.
        place: A folder, with all that the commands need.
        files: Names of those that are damaged, in it.
        commands: Each reads ``{file}``, in a copy of the folder.
    """

    name: str
    weight: int
    place: Path
    files: Sequence[str]
    commands: Sequence[Sequence[str]]


def seeds(folder: Path, names: Sequence[str] = (), run: Path | None = None) -> list[Kind]:
    """Kinds of files, made in a folder, or found there as they were made before.

    Args:
        folder: Where.
        names: Which kinds; all when there are none.
        run: A run to damage; one is trained and evaluated when None.
    """
    known = folder / "kinds.json"
    if not known.exists():
        folder.mkdir(parents=True)
        run = run or _run(folder)
        made = [make(folder, run) for name, make in _MAKERS.items() if not names or name in names]
        known.write_text(json.dumps([kind._replace(place=kind.place.name) for kind in made]))
    return [Kind(*fields)._replace(place=folder / fields[2]) for fields in json.loads(known.read_text())]


def pictures() -> dict[str, bytes]:
    """One picture in every format and mode in which people have them."""
    dice = np.random.default_rng(0)
    colours = Image.fromarray(dice.integers(0, 256, (40, 36, 3), np.uint8))
    alpha = colours.convert("RGBA")
    alpha.putalpha(Image.fromarray(dice.integers(0, 256, (40, 36), np.uint8)))
    deep = Image.fromarray(dice.integers(0, 65536, (40, 36), np.uint16))
    found: dict[str, bytes] = {}

    def save(name: str, image: Image.Image, **how: Any) -> None:
        buffer = BytesIO()
        ending = Image.registered_extensions()[Path(name).suffix]
        image.save(buffer, ending, **how)
        found[name] = buffer.getvalue()

    save("rgb.png", colours)
    save("rgba.png", alpha)
    save("grey.png", colours.convert("L"))
    save("grey-alpha.png", alpha.convert("LA"))
    save("palette.png", colours.convert("P"), transparency=3)
    save("bit.png", colours.convert("1"))
    save("deep.png", deep)
    save("rgb.jpg", colours, exif=_turned())
    save("grey.jpg", colours.convert("L"))
    save("cmyk.jpg", colours.convert("CMYK"))
    save("progressive.jpg", colours, progressive=True)
    save("animated.gif", colours.convert("P"), save_all=True, append_images=[colours.convert("P")])
    save("rgb.webp", colours)
    save("lossless.webp", alpha, lossless=True)
    save("rgb.tiff", colours, compression="tiff_lzw")
    save("deep.tif", deep)
    save("float.tif", Image.fromarray(dice.random((40, 36), np.float32)))
    save("cmyk.tif", colours.convert("CMYK"))
    save("rgb.bmp", colours)
    save("rgb.ppm", colours)
    save("grey.pgm", colours.convert("L"))
    save("rgb.tga", colours)
    save("rgb.ico", colours)
    save("rgb.pcx", colours)
    save("rgb.dds", colours)
    save("rgb.sgi", colours)
    if features.check("jpg_2000"):
        save("rgb.jp2", colours)
    if features.check("avif"):
        save("rgb.avif", colours)
    return found


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _run(folder: Path) -> Path:
    from kills import JUDGE

    from attredit.launch import evaluate, train
    from attredit.request import Request

    os.environ["ATTREDIT_CACHE"] = str(folder / "run-cache")
    run = folder / "run"
    often = {"steps": 4, "batch_size": 8, "log_every": 1, "save_every": 4}
    asked = Request(attributes=("Smiling",), image_size=32, data_options=_FEW, overrides=_TINY, **often)
    train(asked.replaced(run_dir=str(run), device="cpu"))
    evaluate(run, judge=JUDGE, device="cpu")
    return run


def _images(folder: Path, run: Path) -> Kind:
    place = folder / "images"
    shutil.copytree(run, place / "run")
    files = pictures()
    for name, data in files.items():
        (place / name).write_bytes(data)
    (place / "good.png").write_bytes(files["rgb.png"])
    change = ["--set", "Smiling=1"]
    edit = ["edit", "run", "{file}", *change, "-o", "out.png"]
    commands = [edit, edit, [*edit, "--box", "2,2,30,30"], ["edit", "run", "{file}", "good.png", *change, "-o", "out"],
                ["sweep", "run", "{file}"], ["edit", "run", "good.png", *change, "--like", "{file}"]]  # fmt: skip
    return Kind("images", 30, place, list(files), commands)


def _collections(folder: Path, run: Path) -> Kind:
    """A folder of images with a table in every format, of which each case takes one."""
    import pandas as pd

    place = folder / "tables"
    table = pd.DataFrame(_LABELS, columns=["file_name", "Smiling", "Hair", "split"])
    texts = {
        "csv/labels.csv": table.to_csv(index=False).encode(),
        "tsv/labels.tsv": table.to_csv(index=False, sep="\t").encode(),
        "jsonl/metadata.jsonl": table.to_json(orient="records", lines=True).encode(),
        "boxes/metadata.csv": table.assign(x=2, y=2, width=20, height=20).to_csv(index=False).encode(),
        "parquet/labels.parquet": table.to_parquet(),
    }
    picture = pictures()["rgb.png"]
    images = []
    for name, data in texts.items():
        home = (place / name).parent
        home.mkdir(parents=True)
        (place / name).write_bytes(data)
        for file, *_ in _LABELS:
            (home / file).write_bytes(picture)
        images.append(f"{home.name}/c.png")
    words = ["--image-size", "16"]
    commands = [["datasets", "prepare", "folder:{folder}", *words, "--workers", "1"]] * 2
    commands += [["datasets", "inspect", "folder:{folder}", *words]]
    commands += [["datasets", "prepare", "folder:{folder}", *words, "--data-option", "missing=NA", "--strict"]]
    return Kind("tables", 26, place, [*texts] * 3 + images, commands)


def _celeba(folder: Path, run: Path) -> Kind:
    place = folder / "celeba"
    (place / "img_align_celeba").mkdir(parents=True)
    names = [f"{i:06d}.jpg" for i in range(1, 7)]
    for name in names:
        (place / "img_align_celeba" / name).write_bytes(pictures()["rgb.jpg"])
    rows = "".join(f"{name}  {1 - 2 * (i % 2)} {2 * (i // 2 % 2) - 1}\n" for i, name in enumerate(names))
    (place / "list_attr_celeba.txt").write_text(f"6\nSmiling Male\n{rows}")
    parts = "".join(f"{name} {i // 2}\n" for i, name in enumerate(names))
    (place / "list_eval_partition.txt").write_text(parts)
    command = ["datasets", "prepare", "celeba", "--data-dir", ".", "--image-size", "16", "--workers", "1"]
    return Kind("CelebA's tables", 6, place, ["list_attr_celeba.txt", "list_eval_partition.txt"], [command])


def _suites(folder: Path, run: Path) -> Kind:
    from attredit.benchmark import suite

    place = folder / "suites"
    place.mkdir()
    files = []
    for built in sorted((Path(suite.__file__).parent / "suites").glob("*.toml")):
        # No cell is begun: the data are not there.
        text = built.read_text("utf-8").replace('name = "synthfaces/synthfaces"', 'name = "folder:nothing"')
        (place / built.name).write_text(text)
        files.append(built.name)
    return Kind("suites", 8, place, files, [["benchmark", "{file}", "-o", "out", "--dataset", "folder:nothing"]])


def _votes(folder: Path, run: Path) -> Kind:
    place = folder / "votes"
    place.mkdir()
    runs = [{"name": n, "method": "m", "preset": "default", "recipe": "r", "seed": 0} for n in ("one", "two")]
    vote = {"image": 0, "attribute": "Smiling", "label": 1, "left": 0, "right": 1, "again": False, "choice": "left"}
    votes = [{"number": i, **vote, "image": i, "choice": ("left", "right", "none")[i % 3]} for i in range(6)]
    ballot = {"format": 1, "page": "p", "session": "s", "voter": "me", "asked": 6, "runs": runs, "votes": votes}
    (place / "votes.json").write_text(json.dumps(ballot))
    return Kind("votes", 3, place, ["votes.json"], [["votes", "{file}"], ["votes", "{file}", "--json"]])


def _of_run(folder: Path, run: Path, name: str, weight: int, files: Sequence[str], commands: Any) -> Kind:
    """Files of a run, in a copy of it."""
    place = folder / name
    shutil.copytree(run, place / "run")
    if (run.parent / "run-cache").exists():
        shutil.copytree(run.parent / "run-cache", place / "cache")
    (place / "photo.png").write_bytes(pictures()["rgb.png"])
    return Kind(name, weight, place, files, commands)


_EDIT = ["edit", "run", "photo.png", "--set", "Smiling=1", "-o", "out.png"]
_SAMPLE = ["sample", "run", "-n", "1", "-o", "x.png"]
_SHOW, _DOCTOR, _REPORT = ["show", "run"], ["doctor", "run"], ["report", "run"]
_RESUME = ["train", "--resume", "run", "--steps", "5", "--device", "cpu"]


def _configurations(folder: Path, run: Path) -> Kind:
    commands = [_EDIT, _SAMPLE, _SHOW, _DOCTOR] * 3 + [_REPORT, _RESUME]
    return _of_run(folder, run, "configurations", 12, ["run/config.json"], commands)


def _models(folder: Path, run: Path) -> Kind:
    return _of_run(folder, run, "models", 10, ["run/model.safetensors"], [_EDIT, _EDIT, _SHOW, _SAMPLE])


def _checkpoints(folder: Path, run: Path) -> Kind:
    return _of_run(folder, run, "checkpoints", 5, ["run/training.safetensors"], [_SHOW, _RESUME])


def _results(folder: Path, run: Path) -> Kind:
    files = ["run/evaluation.json", "run/evaluation.safetensors", "run/metrics.jsonl"]
    return _of_run(folder, run, "results of runs", 5, files, [_SHOW, _DOCTOR] * 4 + [_REPORT])


def _stores(folder: Path, run: Path) -> Kind:
    """Prepared data, which may be made anew, but not be believed, and the judge."""
    options = [word for name, count in _FEW.items() for word in ("--data-option", f"{name}={count}")]
    prepare = ["datasets", "prepare", "synthfaces", "--image-size", "32", "--workers", "1", *options]
    commands = [["datasets", "ls"], ["datasets", "verify"], ["datasets", "ls", "--json"], prepare] * 3 + [_REPORT]
    made = _of_run(folder, run, "prepared data", 8, [], commands)
    found = [file for file in sorted((made.place / "cache").rglob("*")) if file.is_file() and file.suffix != ".lock"]
    return made._replace(files=[str(file.relative_to(made.place)) for file in found])


def _benchmark(folder: Path, run: Path) -> Kind:
    """A benchmark's directory, finished."""
    from kills import small_benchmark

    place = folder / "benchmark"
    place.mkdir()
    os.environ["ATTREDIT_CACHE"] = str(place / "cache")
    small_benchmark(place / "out")
    names = ["out/benchmark.json", "out/results.jsonl"]
    return Kind("benchmarks", 5, place, names, [["report", "out"]])


_MAKERS = {
    "images": _images,
    "tables": _collections,
    "CelebA's tables": _celeba,
    "suites": _suites,
    "votes": _votes,
    "configurations": _configurations,
    "models": _models,
    "checkpoints": _checkpoints,
    "results of runs": _results,
    "prepared data": _stores,
    "benchmarks": _benchmark,
}
