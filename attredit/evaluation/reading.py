"""What the model itself reads off images, and the edits that its reading undoes.

Edits start from predicted labels. Where a prediction is wrong, an edit to the other value asks for what the decoder was
told anyway and changes nothing, and one to what the image already has changes it.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from attredit.attributes import Attribute
from attredit.editing.editor import Editor
from attredit.evaluation.editing import Edits, Seen, rows_by_direction, taken, unchanged
from attredit.evaluation.table import Table


def reading_scores(editor: Editor, seen: Seen, attribute: Attribute, edits: Edits, table: Table) -> None:
    """Score a chunk's predicted labels of one attribute, and what they do to its composite edits.

    Args:
        editor: The model.
        seen: The chunk, of images that have a label of the attribute.
        attribute: The edited one.
        edits: Its edits to another value than the true one.
        table: Where scores go.
    """
    predicted = editor.schema.decode(seen.before)[:, editor.schema.index(attribute.name)]
    truth = (edits.asked - 1) % len(attribute.values)
    table.put("label_accuracy", attribute.name, seen.rows, predicted == truth, share=True)
    for value in range(len(attribute.values)):
        chosen = truth == value
        rows = seen.rows[chosen.cpu().numpy()]
        table.put(recall_metric(attribute, value), attribute.name, rows, predicted[chosen] == value, share=True)
    same = unchanged(edits.composite, seen.images)
    for suffix, chosen in rows_by_direction(attribute, truth):
        table.put(f"unchanged{suffix}", attribute.name, seen.rows[chosen.cpu().numpy()], same[chosen], share=True)
    table.put("needless_change", attribute.name, seen.rows, _needless(editor, seen, attribute, truth))


def unlabelled(attribute: Attribute, table: Table) -> None:
    """Note that an attribute's predictions could be scored, but that no image has a label of it."""
    names = ["label_accuracy", "unchanged", *(recall_metric(attribute, v) for v in range(len(attribute.values)))]
    for name in names:
        table.put(name, attribute.name, np.empty(0, np.int64), np.empty(0), share=True)
    table.put("needless_change", attribute.name, np.empty(0, np.int64), np.empty(0))


def recall_metric(attribute: Attribute, value: int) -> str:
    """Name of the share of the images of a value that the model reads as such."""
    return f"label_recall{value}" if attribute.binary else f"label_recall_{attribute.values[value]}"


def _needless(editor: Editor, seen: Seen, attribute: Attribute, truth: Tensor) -> Tensor:
    """(B,) mean absolute change of the composite edits to the value that each image has."""
    model, edited = editor.model, seen.images.clone()
    for value in range(len(attribute.values)):
        if (has := truth == value).any():
            edited[has] = model.composite(seen.images[has], model.edit(taken(seen.code, has), {attribute.name: value}))
    return (edited - seen.images).abs().flatten(1).mean(1)
