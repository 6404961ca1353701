"""Runs every metric over the evaluated images, in one pass, and then those of plugins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from attredit.attributes import MISSING
from attredit.data.source import CounterfactualSource
from attredit.editing.editor import Editor
from attredit.editing.model import style_slices
from attredit.errors import in_one_line
from attredit.evaluation.axes import LPIPS, NOT_ASKED, REPEATED, Axes
from attredit.evaluation.codes import Codes, training_codes
from attredit.evaluation.counterfactual import NAMES, ON_NAMES, Counterfactuals
from attredit.evaluation.data import EvaluationData
from attredit.evaluation.edit_realism import EditRealism
from attredit.evaluation.editing import edit_scores, reconstruction_scores, see, without_labels
from attredit.evaluation.identity import NAMES as IDENTITY_NAMES, SAME
from attredit.evaluation.inception import NAMES as INCEPTION_NAMES
from attredit.evaluation.leakage import FEWEST, STYLE_LEAKAGE, leakage_names, leakage_scores, style_leakage
from attredit.evaluation.off_target import off_target
from attredit.evaluation.reading import reading_scores, unlabelled
from attredit.evaluation.realism import Realism
from attredit.evaluation.statistics import Estimate
from attredit.evaluation.styles import Styles, unmeasurable as without_styles
from attredit.evaluation.sweep import sweep_scores
from attredit.evaluation.table import Table
from attredit.plugin.registry import Component
from attredit.progress import StagedProgress


@dataclass
class Measured:
    """What was measured, and what was not.

    Attributes:
        table: Every image's values.
        cells: Those of the off-target matrix, by ``KIND/OTHER`` and edited attribute.
        accuracy: The judge's, by attribute of the source; without those that no image has a label of.
        agreement: How often its two agree, likewise.
        reasons: Why something was not measured, by metric or ``metric/attribute``.
    """

    table: Table
    cells: Table
    accuracy: dict[str, float] = field(default_factory=dict)
    agreement: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Every metric that was or could not be measured."""
        return {*self.table.figures, *(name.split("/")[0] for name in self.reasons)}


def measure(editor: Editor, data: EvaluationData, progress: StagedProgress) -> Measured:
    """Everything but the metrics of plugins.

    Args:
        editor: The model.
        data: What to evaluate it on.
        progress: Told of (stage, done, total).
    """
    found = Measured(Table(len(data)), Table(len(data)))
    codes = _images(editor, data, found, progress)
    _leakage(editor, data, codes, found, progress)
    found.reasons.update(_unmeasurable(editor, data, codes))
    for name, figure in found.table.figures.items():
        everywhere = not any(figure.known(a) for a in figure.values)
        for attribute in figure.values:
            if not figure.known(attribute):
                of = "" if attribute is None else f" have too few values of {attribute}"
                key = name if everywhere else f"{name}/{attribute}"
                found.reasons[key] = f"The {len(data)} evaluated images{of or ' are too few'}."
    return found


def plugin_metrics(
    components: list[Component], editor: Editor, data: EvaluationData, progress: StagedProgress, found: Measured
) -> dict[str, Estimate]:
    """Metrics that plugins registered. What one gives of every image joins the table, with intervals and comparisons.

    A metric that fails, and a figure that is no finite number, are left out with their reason; the others go on.

    Args:
        components: The metrics.
        editor: The model.
        data: What to evaluate it on.
        progress: Told of (stage, done, total).
        found: What was measured already; it is added to.

    Returns:
        The figures that are one number, without intervals.
    """
    figures: dict[str, Estimate] = {}
    for done, component in enumerate(components):
        try:
            given = numbers_of(component.load()(editor, data), len(data))
        except Exception as error:
            found.reasons[component.name] = (
                f"Metric {component.id} fails: {in_one_line(error)}. Tell the authors of its plugin."
            )
            given = {}
        for name, values in given.items():
            if name in found.names or name in figures:
                said = f"Metric {component.id} gives {name!r}, which another one gives, too."
                found.reasons.setdefault(component.name, said)
            elif not np.isfinite(values).any():
                found.reasons[name] = f"Metric {component.id} gives {np.ravel(values)[0]}."
            elif values.ndim:
                found.table.put(name, None, np.arange(len(data)), values)
            else:
                figures[name] = Estimate(float(values), None, None, len(data))
        progress("metrics of plugins", done + 1, len(components))
    return figures


def numbers_of(given: Mapping[str, Any], n: int) -> dict[str, np.ndarray]:
    """What a plugin's metric gave: by name a number (), or one for each of the N images (N,).

    Raises:
        ValueError: it is neither.
    """
    found = {}
    for name, value in given.items():
        array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value, np.float64)
        if array.shape not in ((), (n,)):
            raise ValueError(f"{name} has shape {array.shape}; it is one number, or one for each of {n} images")
        found[str(name)] = array
    return found


def _images(editor: Editor, data: EvaluationData, found: Measured, progress: StagedProgress) -> Codes:
    """The one pass over the evaluated images; returns their codes."""
    counterfactuals = Counterfactuals(editor, data, lambda done, total: progress("counterfactuals", done, total))
    realism, regions, styles = Realism(editor, data), EditRealism(editor, data), Styles(editor, data)
    axes = Axes(editor, data, realism)
    right, agreed = torch.zeros(2, len(data.schema), dtype=torch.float64)
    codes = list[Codes]()
    labelled = (data.labels != MISSING).sum(0)
    with torch.inference_mode():
        for where, images in data.chunks():
            seen = see(editor, data, where, images)
            reconstruction_scores(seen, found.table)
            realism.see(seen)
            axes.see(seen, found.table)
            face = (
                data.identity.see(seen.images, seen.reconstruction, seen.rows, found.table) if data.identity else None
            )
            for attribute in editor.schema:
                rows = seen.labelled(data.schema.index(attribute.name))
                if not len(rows):
                    without_labels(attribute, found.table)
                    unlabelled(attribute, found.table)
                    continue
                own = seen if len(rows) == len(images) else seen[rows]
                edits = edit_scores(editor, data, own, attribute, found.table)
                reading_scores(editor, own, attribute, edits, found.table)
                counterfactuals.score(own, attribute, edits, found.table, found.cells)
                realism.see_edits(own, attribute, edits)
                regions.see(own, attribute, edits)
                axes.see_edits(own, attribute, edits, found.table)
                styles.see(own, attribute, found.table)
                off_target(data.schema, own, attribute, edits, found.cells)
                sweep_scores(editor, data, own, attribute, edits, found.table)
                if data.identity is not None and face is not None:
                    data.identity.score(face[rows], edits.decoded, edits.composite, attribute, own.rows, found.table)
            counted = (seen.judged.agreed != MISSING) & (seen.labels != MISSING)
            right += ((seen.judged.agreed == seen.labels) & counted).sum(0).cpu()
            agreed += counted.sum(0).cpu()
            codes.append(Codes.of(editor.model, seen.code))
            progress("edits", where.stop, len(data))
        axes.score(found.table, found.cells)
        styles.score(found.table)
        found.reasons.update({**realism.score(found.table), **regions.score(found.table)})
    found.accuracy, found.agreement = (
        {name: share for name, share in zip(data.schema.names, shares.tolist(), strict=True) if not math.isnan(share)}
        for shares in (right / agreed, agreed / labelled)
    )
    # Joined outside inference mode, whose tensors cannot take part in the training of probes.
    return Codes.joined(codes)


def _leakage(editor: Editor, data: EvaluationData, test: Codes, found: Measured, progress: StagedProgress) -> None:
    """Train a probe per attribute on codes of training images."""
    train, rows = training_codes(editor, data.train, lambda done, total: progress("training codes", done, total))
    for done, attribute in enumerate(editor.schema):
        column = data.schema.index(attribute.name)
        labels = torch.from_numpy(np.asarray(data.train.labels[rows, column], np.int64))
        reason = leakage_scores(
            attribute.name, len(attribute.values), train, labels, test, data.labels[:, column], found.table
        )
        missing = {} if reason is None else dict.fromkeys(leakage_names(sampled=train.logvar is not None), reason)
        if attribute.name in editor.model.wearable:
            where = style_slices(editor.schema, 0, editor.model.known.styles.shape[-1])[attribute.name]
            having = data.labels[:, column] == 1
            told = style_leakage(where, train[labels == 1], test[having])
            if told is None:
                missing[STYLE_LEAKAGE] = (
                    f"Fewer than {FEWEST} images of training or of those evaluated have {attribute.name}."
                )
            else:
                found.table.put(STYLE_LEAKAGE, attribute.name, np.flatnonzero(having), told)
        alone = len(editor.schema) == 1
        found.reasons.update({n if alone else f"{n}/{attribute.name}": why for n, why in missing.items()})
        progress("leakage", done + 1, len(editor.schema))


def _unmeasurable(editor: Editor, data: EvaluationData, codes: Codes) -> dict[str, str]:
    """Metrics that this model or data set cannot have."""
    reasons = without_styles(editor, data)
    if not data.full:
        reasons.update(dict.fromkeys(REPEATED, NOT_ASKED))
    if data.lpips is None:
        reasons.update(dict.fromkeys(LPIPS, data.without.get("lpips", "")))
    if data.inception is None:
        reasons.update(dict.fromkeys(INCEPTION_NAMES, data.without.get("inception", "")))
    if len(data.schema) == 1:
        reason = "The data set has no other attribute that could change."
        reasons.update(off_target=reason, composite_off_target=reason)
    if not isinstance(data.source, CounterfactualSource):
        undrawn = (*NAMES, "identity_true", "identity_true_on")
        reasons.update(dict.fromkeys(undrawn, "The data set cannot draw what an edited image should have been."))
    elif not any(a.binary for a in editor.schema):
        put_on = (*ON_NAMES, *(["identity_true_on"] if data.identity else []))
        reasons.update(dict.fromkeys(put_on, "A categorical attribute is not put on: one value takes another's place."))
    if codes.logvar is None:
        names = set(leakage_names(sampled=True)) - set(leakage_names(sampled=False))
        reasons.update(dict.fromkeys(sorted(names), "The encoder does not sample its latent."))
    if not any(a.binary for a in editor.schema):
        reasons["monotonicity"] = "A categorical attribute has nothing between its values."
    if data.identity is not None and data.identity.persons is None:
        reasons[SAME] = "The data set does not say whom its images show."
    if data.identity is None:
        reasons.update(dict.fromkeys((*IDENTITY_NAMES, SAME), data.without.get("identity", "")))
    return reasons
