"""``attredit train``: train a model, or continue a run."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from attredit.cli.console import note, say
from attredit.cli.options import (
    crop_option,
    data_dir_option,
    data_options,
    device_option,
    nested,
    plugin_words,
    strict_option,
)
from attredit.errors import Terminated, UsageError

if TYPE_CHECKING:
    from attredit.cli.watch import Watcher

# What may accompany --resume; everything else about the run was decided when it was started.
_WITH_RESUME = ("resume", "steps", "data_dir", "device", "log")

_PANELS = {
    "option_groups": {
        "*": [
            {"name": "What", "options": ["--method", "--preset", "--set", "--attr"]},
            {"name": "Data", "options": ["--dataset", "--data-dir", "--data-option", "--strict", "--balance"]},
            {"name": "Images", "options": ["--image-size", "--crop", "--frame", "--augment"]},
            {"name": "How long", "options": ["--steps", "--epochs", "--batch-size", "--seed", "--resume"]},
            {"name": "Where and how", "options": ["--run-dir", "--device", "--precision"]},
            {"name": "What is written", "options": ["--log-every", "--save-every", "--log"]},
        ]
    },
    "max_width": 100,
}


@click.command(context_settings={"rich_help_config": _PANELS})
@click.option("--method", metavar="NAME", help="Registered method; see `attredit methods`. [default: ifcvaegan]")
@click.option("--preset", metavar="NAME", help="One of the method's presets. [default: default]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Replace a recipe key; repeatable.")
@click.option(
    "--attr",
    "attributes",
    multiple=True,
    metavar="NAME",
    help="An attribute to edit; repeatable. [default: the only one]",
)
@click.option(
    "--dataset", metavar="NAME", help="A data set of `attredit datasets`, or NAME:ARGUMENT. [default: synthfaces]"
)
@data_dir_option("Where the data lie, for data sets that are files; resumed, where they lie now.")
@data_options
@strict_option
@click.option(
    "--balance",
    multiple=True,
    metavar="NAME",
    help="An attribute whose values shall be equally frequent in batches; of several, their combinations.",
)
@click.option("--image-size", type=click.IntRange(min=1), help="Height and width of the images. [default: 64]")
@crop_option(None)
@click.option(
    "--frame",
    type=click.Choice(["auto", "none"]),
    help="auto: it also learns to find in pictures what the images show; none: it looks where --crop says. "
    "[default: auto]",
)
@click.option(
    "--augment",
    multiple=True,
    type=click.Choice(["none", "flip", "affine", "jitter"]),
    help="Vary training images; repeatable. [default: flip, for photographs in which left and right mean the same]",
)
@click.option("--steps", type=click.IntRange(min=1), help="Length of training; by default the recipe's.")
@click.option("--epochs", type=click.FloatRange(min=0, min_open=True), help="Length in passes over the data instead.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images a step, over all processes.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything. [default: 0]")
@click.option(
    "--resume", metavar="RUN", help="Continue this run, with no more than --steps, --data-dir, --device, --log."
)
@click.option("--run-dir", metavar="DIR", help="Where to write. [default: runs/METHOD-DATASET-ATTRIBUTES]")
@device_option
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), help="Arithmetic. [default: fp32]")
@click.option("--log-every", type=click.IntRange(min=1), help="Steps between two lines of metrics. [default: 50]")
@click.option("--save-every", type=click.IntRange(min=1), help="Steps between two checkpoints. [default: 500]")
@click.option(
    "--log",
    multiple=True,
    metavar="TRACKER",
    help="Also tell tensorboard, wandb, mlflow, trackio or another of accelerate's trackers; repeatable.",
)
@click.pass_context
def command(context: Any, /, **given: Any) -> None:
    """Train a model, or continue a run.

    Without options it learns on drawn faces, which need no download: attredit train --attr Smiling. On several
    processes: python -m torch.distributed.run --nproc_per_node 2 -m attredit train --attr Smiling
    """
    chosen = {name: value for name, value in given.items() if value not in (None, ()) and value is not False}
    if "resume" in chosen:
        _refuse_others(context, chosen)
    # Before the imports that take seconds, so that a typing error shows at once.
    requested = {} if "resume" in chosen else request_of(chosen)
    from attredit.cli.watch import Watcher

    watcher = Watcher()
    try:
        with watcher:
            run = _resume(chosen, watcher) if "resume" in chosen else _train(requested, watcher)
    except KeyboardInterrupt:
        note(f"Interrupted. {watcher.standing}", fg="yellow")
        context.exit(130)
    except Terminated as ended:
        note(f"Terminated. {watcher.standing}", fg="yellow")
        _leave_the_others(ended.code)
        context.exit(ended.code)
    _say_next(run)
    _leave_the_others()


def _leave_the_others(code: int = 0) -> None:
    """End a launched process while all are alive; one that just ends may abort the others, or itself.

    Threads of gloo may outlive the interpreter, whose end they then take for a crash (SIGABRT, "terminate called
    without an active exception"). All is written by now, so nothing is left for the interpreter to do.
    """
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _refuse_others(context: Any, chosen: dict[str, Any]) -> None:
    """Only options that a run can be continued with are let through."""
    flags = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    others = [flags[name] for name in chosen if name not in _WITH_RESUME]
    if others:
        raise UsageError(
            f"{', '.join(others)} cannot be changed on resuming: a run keeps what it was started with.",
            "Only --steps, --data-dir, --device and --log may accompany --resume.",
        )


def request_of(chosen: dict[str, Any]) -> dict[str, Any]:
    """Fields of `attredit.Request`, which has the defaults."""
    from attredit.recipe import parse_overrides

    request = dict(chosen)
    if "overrides" in request:
        request["overrides"] = parse_overrides(request["overrides"])
    if "data_options" in request:
        request["data_options"] = nested(request["data_options"])
    return request


def _train(requested: dict[str, Any], watcher: Watcher) -> Path:
    from attredit.launch import train
    from attredit.request import Request

    return train(Request.of(requested), observers=[watcher], progress=watcher.prepared)


def _resume(chosen: dict[str, Any], watcher: Watcher) -> Path:
    from attredit.launch import resume

    run = chosen.pop("resume")
    return resume(run, **chosen, observers=[watcher], progress=watcher.prepared)


def _say_next(run: Path) -> None:
    where, more = shlex.quote(str(run)), plugin_words()
    say(f"Run: {run}", bold=True)
    say("Next:")
    say(f"  attredit evaluate {where}{more}")
    say(f"  attredit report {where}{more}")
    say(f"  attredit edit {where} PHOTO.png --set ATTRIBUTE=1{more}")
