"""Teaches a finished run to draw its edits finer than its decoder does, from pictures that are larger than it sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from attredit.data import Store
from attredit.data.collection import Collection
from attredit.data.pixels import shown
from attredit.data.subset import spread
from attredit.editing.editor import Editor, load
from attredit.editing.sharpening import DETAILS, require_size, with_sharpener
from attredit.errors import DataError, RunError, UsageError
from attredit.evaluation.elsewhere import Elsewhere, labelled_as, opened
from attredit.evaluation.framed import framed
from attredit.files import read_tensors, write_tensors
from attredit.plugin.registry import installed
from attredit.progress import StagedProgress, silent
from attredit.report.card import write_card
from attredit.runs.config import RunConfig
from attredit.runs.data import collection_of, relocated
from attredit.runs.directory import RunDirectory
from attredit.runs.named import directory_of, require_own
from attredit.training.notebook import Bar, in_notebook
from attredit.training.sharpening import STEPS, Sharpened, fit_sharpener, tried

# Of so many pictures it is looked up how large they are; half of them at least are to have this share of the pixels.
_LOOKED_AT, _ENOUGH = 32, 0.6


def sharpen(
    run_dir: str | Path,
    dataset: str | None = None,
    *,
    data_dir: str | Path | None = None,
    data_options: Mapping[str, Any] | None = None,
    detail: int = 4,
    steps: int = STEPS,
    device: str | None = None,
    progress: StagedProgress | None = None,
) -> Sharpened:
    """Teach a run to draw its edits finer, as `attredit sharpen` does.

    What is learnt is kept in the run's model, in place of what it learnt so before. Training it further forgets it.

    Args:
        run_dir: What `attredit train` wrote.
        dataset: Data set of pictures, each seen in the frame that the run finds in it; the run's own when None.
        data_dir: Where it lies; or where the run's own data lie now.
        data_options: Of the data set.
        detail: How many times finer than the model's its pixels are: 2, 4 or 8.
        steps: Of training.
        device: "cpu", "cuda" or "mps"; the best there is when None.
        progress: Told of (stage, done, total). In a notebook, a bar when None.

    Returns:
        What it was taught on, and how well it does.

    Raises:
        UsageError: an unknown data set, option or device; a model that cannot have a sharpener, or is not the user's.
        DataError: the data are not where they should be, lack what the run edits, or are too small.
        RunError: the run cannot be read, is not finished, or cannot be written.
        PluginError: a part's plugin is missing.
    """
    tell = progress or (Bar() if in_notebook() else silent)
    require_own(directory_of(run_dir))
    run, registry = RunDirectory(directory_of(run_dir)), installed()
    config, editor = run.config(), load(run.path, device)
    tensors, metadata = read_tensors(run.model_file)
    if metadata["step"] < config.steps:
        reached = f"{run.path} is at step {metadata['step']} of {config.steps}."
        raise RunError(reached, f"Finish it first: attredit train --resume {run.path}")
    require_sharpenable(editor, config, detail)
    if dataset is None:
        name, here = config.request.dataset_name, relocated(registry, config, data_dir)
        collection = collection_of(registry, here, detail)
    else:
        place = None if data_dir is None else str(data_dir)
        finer = replace(config.geometry, size=detail * config.image_size)
        found = opened(registry, Elsewhere(dataset, place, data_options or {}), config.schema_, finer)
        name, collection = found.label, framed(found.collection, editor.frame)
    stores = dict[str, Store]()
    for split in ("valid", "train"):
        if split in collection.splits:
            store = collection.store(split, progress=partial(tell, f"{split} pictures"))
            if not stores:
                _require_large(collection, store, split, config.image_size)
            stores[split] = labelled_as(store, config.schema_)
    train = stores["train"]
    asked = config.request.dataset if dataset is None else dataset.partition(":")[0]
    known = Sharpened(name, registry.find("dataset", asked).id, len(train), detail, steps)
    how: dict[str, Any] = {"seed": config.request.seed, "steps": steps, "mirrored": "flip" in config.request.augment}
    sharpener = fit_sharpener(editor.model, train, detail, progress=partial(tell, "steps"), **how)
    if "valid" in stores:
        known = tried(editor.model, sharpener, stores["valid"], known)
    write_tensors(run.model_file, with_sharpener(tensors, sharpener), {**metadata, "sharpened": known.to_json()})
    write_card(run, config)
    return known


def require_sharpenable(editor: Editor, config: RunConfig, detail: int) -> None:
    """Make sure that there is something to draw finer.

    Raises:
        UsageError: there is not.
    """
    compositor = editor.model.compositor
    if compositor is not None and not hasattr(compositor, "edited"):
        own = f"The part compositor ({config.recipe.parts['compositor'].use}) draws in a picture's own pixels itself."
        raise UsageError(own, "There is nothing to sharpen.")
    require_size(config.image_size, detail)


def _require_large(collection: Collection, store: Store, split: str, image_size: int) -> None:
    """Make sure that what is taught as fine was not enlarged.

    Raises:
        DataError: most pictures have too few pixels.
    """
    rows, geometry = collection.source.open(split), collection.geometry
    found, sides = getattr(collection.source, "frame", None), []
    for row in store.rows[spread(len(store), _LOOKED_AT)].tolist():
        item = rows[row]
        picture = shown(item["image"], geometry.white)
        width, height = picture.size
        frame = found(picture) if found else geometry.frame(width, height, item.get("box"))
        sides.append(frame.side)
    if np.median(sides) < _ENOUGH * geometry.size:
        enough = [times for times in DETAILS if np.median(sides) >= _ENOUGH * times * image_size]
        raise DataError(
            f"What the model sees of most of these pictures is {np.median(sides):.0f} pixels wide, too few "
            f"to learn {geometry.size} from.",
            f"Use --detail {max(enough)}." if enough else "Name larger ones with --dataset.",
        )
