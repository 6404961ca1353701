"""What a finished run says of itself: a grid of samples, and its model card."""

from __future__ import annotations

import numpy as np

from attredit.data import Store
from attredit.files import write_text
from attredit.plugin.registry import installed
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory

_SAMPLES = 8


def write_samples(run: RunDirectory, store: Store) -> None:
    """Save ``samples/step-NNNNNN.png``: some images, their reconstructions, and every attribute's values decoded.

    Args:
        run: A run with a checkpoint.
        store: Images to show; the first few are taken.

    Raises:
        RunError: the run cannot be read, or the picture not be written.
    """
    import torch.nn.functional as F

    from attredit.editing.editor import load
    from attredit.files import read_tensors
    from attredit.report.encoding import write_image
    from attredit.report.faces import sample_columns
    from attredit.report.grid import grid

    _, metadata = read_tensors(run.model_file)
    editor, images = load(run.path), store.batch(np.arange(min(_SAMPLES, len(store)))).float() / 255.0
    # A model may be trained on finer images than it sees.
    images = F.adaptive_avg_pool2d(images, editor.geometry.size)
    headings, columns = sample_columns(editor, images)
    rows = [[column[i] for column in columns] for i in range(len(images))]
    # The training waits for it: compressed a tenth less, it takes a third of the time.
    write_image(grid(rows, columns=headings), run.samples / f"step-{metadata['step']:06d}.png", compress_level=3)


def write_card(run: RunDirectory, config: RunConfig) -> None:
    """Write README.md, the model card; with figures of the evaluation once there is one.

    Raises:
        RunError: it cannot be written.
    """
    write_text(run.card_file, card_of(run, config, run.path.name))


def card_of(run: RunDirectory, config: RunConfig, where: str) -> str:
    """The model card of a run that is found under the name `where`."""
    from attredit.evaluation.result import Evaluation
    from attredit.report.document import rendered
    from attredit.report.figures import markdown

    registry, lines, finer = installed(), run.metrics(), run.sharpened()
    seen = dict.fromkeys([config.request.dataset, *([finer["dataset"]] if finer else [])])
    text = rendered(
        "report/card.md.jinja",
        config=config,
        where=where,
        options="".join(f" {word}" for word in config.plugin_options),
        method=registry.get("method", config.request.method),
        biases=[getattr(registry.load("dataset", name), "biases", "").strip() for name in seen],
        installs={o.distribution: o.version for o in config.origins.values() if not o.is_file},
        files={o.distribution: o.version for o in config.origins.values() if o.is_file},
        samples=sorted(run.samples.glob("step-*.png")),
        last=lines[-1] if lines else None,
        sharpened=finer,
        evaluation=Evaluation.of_now(run),
        elsewhere=Evaluation.elsewhere(run),
        markdown=markdown,
    )
    return text + "\n"
