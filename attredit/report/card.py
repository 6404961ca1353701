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
    write_image(grid(rows, columns=headings), run.samples / f"step-{metadata['step']:06d}.png")


def write_card(run: RunDirectory, config: RunConfig) -> None:
    """Write README.md, the model card; with figures of the evaluation once there is one.

    Raises:
        RunError: it cannot be written.
    """
    write_text(run.card_file, card_of(run, config, run.path.name))


def card_of(run: RunDirectory, config: RunConfig, where: str) -> str:
    """The model card of a run that is found under the name `where`."""
    parts = (
        _what(config),
        _pictures(run),
        _use(where, config),
        _training(run, config),
        _evaluation(run, config, where),
        _INTENDED,
        _biases(config.request.dataset),
        _reproduce(config),
    )
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _what(config: RunConfig) -> str:
    method = installed().get("method", config.request.method)
    summary = f": {method.summary}" if method is not None else ""
    attributes, dataset = ", ".join(f"`{name}`" for name in config.schema_.names), config.request.dataset_name
    files = {o.distribution: o.version for o in config.origins.values() if o.is_file}
    installs = {o.distribution: o.version for o in config.origins.values() if not o.is_file}
    plugins = ", ".join(f"`{name}` {version}" for name, version in installs.items())
    rows = "".join(f"\n| Plugin file | `{name}`, `{version}` |" for name, version in files.items())
    balance = ", ".join(f"`{name}`" for name in config.request.balance)
    balanced = f"\n| Balanced on | {balance} |" if balance else ""
    return f"""
# {config.request.method_name} on {dataset}: {", ".join(config.schema_.names)}

A model that edits {attributes} in images of {config.image_size}x{config.image_size} pixels, trained with
attredit.

| | |
| --- | --- |
| Method | `{config.request.method_name}`, preset `{config.request.preset}`{summary} |
| Data | `{dataset}`, {config.data.images:,} training images, fingerprint `{config.data.fingerprint}` |
| Attributes | {attributes} |
| Prevalence | {"<br>".join(config.prevalences)} |{balanced}
| Recipe | `{config.recipe.hash}`, in full in `config.json` |
| Plugins | {plugins} |{rows}
"""


def _pictures(run: RunDirectory) -> str:
    samples = sorted(run.samples.glob("step-*.png"))
    if not samples:
        return ""
    return f"""
![Training images, their reconstructions, and every attribute decoded](samples/{samples[-1].name})

Training images, their reconstructions, and every attribute decoded without and with it.
"""


def _use(where: str, config: RunConfig) -> str:
    name = config.schema_.names[0]
    value = config.schema_.attributes[0].values[-1]
    shown = value if value.isdigit() else f'"{value}"'
    options = " ".join(["", *config.plugin_options])
    uses = "".join(f'attredit.use_plugin("{file}")\n' for file in config.plugin_files)
    return f"""
## Use

```sh
attredit edit {where} photo.png --set {name}={value} -o edited.png{options}
```

```python
import attredit

{uses}editor = attredit.load("{where}")
editor.edit("photo.png", {{"{name}": {shown}}}).save("edited.png")
editor.predict("photo.png")
```

Nobody needs to know what a picture's attributes are: the model predicts them. `mode="decoded"` gives the
decoder's whole image instead of an edit within the picture's own pixels.
"""


def _training(run: RunDirectory, config: RunConfig) -> str:
    lines = run.metrics()
    if not lines:
        return ""
    last = lines[-1]
    rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in last.items() if "/" in name)
    versions = ", ".join(f"{name} {version}" for name, version in config.versions.items())
    return f"""
## Training

{last["step"]:,} of {config.steps:,} steps with {config.batch_size} images each, seed {config.request.seed},
{config.request.precision}; {last["images_per_second"]:,.0f} images per second. {versions}.

| Loss at the last step, before weighting | |
| --- | --- |
{rows}
"""


def _evaluation(run: RunDirectory, config: RunConfig, where: str) -> str:
    from attredit.evaluation.result import Evaluation
    from attredit.report.figures import markdown

    evaluation = Evaluation.of_now(run)
    command = " ".join(["attredit evaluate", where, *config.plugin_options])
    own = f"Not evaluated yet: `{command}` measures it." if evaluation is None else markdown(evaluation)
    others = [f"### On {found.label}\n\n{markdown(found)}" for found in Evaluation.elsewhere(run)]
    return "\n\n".join(["## Evaluation", own, *others])


def _reproduce(config: RunConfig) -> str:
    return f"## Train it again\n\n```sh\n{config.command()}\n```"


def _biases(data: str) -> str:
    return f"## Biases and limits\n\n{_source_says(data).strip()}\n\n{_LIMITS.strip()}"


_INTENDED = """
## Intended use

Research and teaching: how attributes can be separated from the rest of an image, how methods that claim to do so
compare, and what goes wrong. Images that are edited should be ones you may edit: your own, drawn, or of people who
agreed.

## Not for

- Editing photographs of people without their consent.
- Deceiving: edited pictures that are passed off as real. Say that a picture was edited wherever you show it.
- Identifying people, tracking or surveillance.
- Inferring anything about a person, such as gender, ethnicity, health or mood. `predict` guesses what an annotator
  would have ticked; attribute names, such as `Male`, are labels of a data set, and say nothing of who somebody is.
- Any decision about a person.
"""


def _source_says(data: str) -> str:
    """What the data set's own plugin says of its biases; a warning where it says nothing."""
    text: str = getattr(installed().load("dataset", data), "biases", _OTHER_DATA)
    return text


_OTHER_DATA = """
Nothing is known here of how these images were collected. Before you rely on the model, find out who is in them and who
is not, who labelled them and with what instructions, which attributes occur together, and what the licence allows: the
model has learnt all of that.
"""

_LIMITS = """
Attributes that occur together in the data may change together in an edit. Edits are made at the model's resolution, and
are less sharp than what surrounds them. What differs from the training images in framing, light or style may be edited
badly or not at all.
"""
