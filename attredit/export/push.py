"""A run put on the Hugging Face Hub, where it is a RUN like any other: ``hf:USER/NAME``."""

from __future__ import annotations

import os
from pathlib import Path

from attredit.errors import UsageError
from attredit.evaluation.result import Evaluation
from attredit.files import read_tensors
from attredit.report.card import card_of
from attredit.runs.config import RunConfig
from attredit.runs.directory import RunDirectory
from attredit.runs.hub import FILES, place_of, reaching
from attredit.runs.named import directory_of


def push(run_dir: str | os.PathLike[str], name: str, *, private: bool = False) -> str:
    """Put a run on the hub: its configuration, weights, metrics and evaluations, a picture, and its model card.

    What is needed to continue its training stays here. All of it becomes one commit, or nothing does.

    Args:
        run_dir: A RUN.
        name: ``hf:USER/NAME``; the repository is made where there is none.
        private: Whether a repository that is made shows itself to its owner alone.

    Returns:
        Where people see it.

    Raises:
        UsageError: the name is none, or names a revision.
        RunError: there is no such run, it is damaged, or the hub refuses it.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    place, run = place_of(name), RunDirectory(directory_of(run_dir))
    if place.revision is not None:
        raise UsageError(
            f"{name} names a revision, and what is pushed makes a new one.", f"Leave out @{place.revision}."
        )
    config = run.config()
    read_tensors(run.model_file)  # a damaged one is not passed on
    card = f"---\n{front_matter(run, config, place.repository)}---\n\n{card_of(run, config, name)}"
    files: dict[str, str | bytes] = {str(path.relative_to(run.path)): str(path) for path in _files(run)}
    adds = [CommitOperationAdd(path, content) for path, content in {**files, "README.md": card.encode()}.items()]
    api = HfApi()
    with reaching(place):
        url = api.create_repo(place.repository, private=private or None, exist_ok=True)
        api.create_commit(place.repository, adds, commit_message=f"attredit push {run.path.name}")
    return str(url)


def _files(run: RunDirectory) -> list[Path]:
    pictures = sorted(run.samples.glob("step-*.png"))[-1:]
    return [path for pattern in FILES for path in sorted(run.path.glob(pattern))] + pictures


def front_matter(run: RunDirectory, config: RunConfig, repository: str) -> str:
    """What the hub reads of a model card: YAML, with the figures of the run's evaluations as its model-index."""
    from huggingface_hub import EvalResult, ModelCardData

    own = Evaluation.of_now(run)
    results = [
        EvalResult(
            task_type="image-to-image",
            task_name="Attribute editing",
            dataset_type=found.data["name"],
            dataset_name=found.data.get("label", found.data["name"]),
            dataset_split=found.split,
            metric_type=metric,
            metric_value=round(figure.value, 6),
            metric_name=metric
            if figure.low is None
            else f"{metric}, 95 % interval {figure.low:.4g} to {figure.high:.4g}",
        )
        for found in [*([] if own is None else [own]), *Evaluation.elsewhere(run)]
        for metric, figure in found.metrics.items()
    ]
    data = ModelCardData(
        library_name="attredit",
        pipeline_tag="image-to-image",
        tags=["attribute-editing", config.request.method, *config.schema_.names],
        model_name=repository.partition("/")[2] if results else None,
        eval_results=results or None,
    )
    return f"{data.to_yaml()}\n"
