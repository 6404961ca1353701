"""Graphs written as ONNX files, each asked by onnxruntime what torch says, and model.json beside them."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attredit.attributes import Attribute
from attredit.editing.composite import Blend
from attredit.editing.editor import Editor
from attredit.errors import UsageError
from attredit.export.graphs import Graph, graphs_of
from attredit.files import write_bytes, write_text
from attredit.recipe import Recipe

OPSET = 18
"""Of the graphs; onnxruntime 1.14 and later run it."""

# Of latents as of pixels: an edit is then far less than one part in 255 off.
_CLOSE = 1e-3
_MEND = "What it computes has to be a function of its inputs alone that torch.export can follow."


def export_onnx(editor: Editor, folder: Path) -> list[Path]:
    """Write a model's graphs, and model.json, which says of what they are.

    Args:
        editor: Of the run.
        folder: To write into; it is made.

    Returns:
        What was written.

    Raises:
        UsageError: onnx or onnxruntime is not installed; or a part of the recipe cannot be exported.
        RunError: a file cannot be written.
    """
    _require_installed()
    recipe = editor.config.recipe
    if not hasattr(editor.model.compositor or Blend(), "edited"):
        own = f"The part compositor ({recipe.parts['compositor'].use}) cannot be exported: it has no method edited."
        raise UsageError(own, "Train without it: --set parts.compositor=null.")
    written = [_written(graph, folder, recipe) for graph in graphs_of(editor.to("cpu"))]
    about = folder / "model.json"
    write_text(about, json.dumps(_about(editor), indent=2) + "\n")
    return [*written, about]


def _require_installed() -> None:
    if missing := [name for name in ("onnx", "onnxruntime", "onnxscript") if find_spec(name) is None]:
        missed = f"Exporting needs {' and '.join(missing)}, and it is not installed."
        raise UsageError(missed, "Install it: pip install 'attredit[onnx]'.")


def _written(graph: Graph, folder: Path, recipe: Recipe) -> Path:
    """The file of a graph, which says what torch says."""
    path, content = folder / f"{graph.name}.onnx", _exported(graph, recipe)
    given = [torch.cat([value, value.flip(0)[:1]]) if 0 in dims else value for value, dims in graph.inputs.values()]
    with torch.inference_mode():
        ours = graph.module(*given)
    names = [f"{name} of {_named(graph, recipe)}" for name in graph.outputs]
    for name, here, there in zip(names, ours, _answers(content, graph, given), strict=True):
        missed = float(np.abs(here.numpy() - there).max())
        if not missed <= _CLOSE:
            raise UsageError(f"Exported, {name} is off by {missed:.2g}.", _MEND)
    write_bytes(path, content)
    return path


def _exported(graph: Graph, recipe: Recipe) -> bytes:
    shapes: Any = torch.export.ShapesCollection()  # type: ignore[no-untyped-call]
    given = tuple(value for value, _ in graph.inputs.values())
    for value, dims in graph.inputs.values():
        shapes[value] = dict.fromkeys(dims, torch.export.Dim.DYNAMIC)
    try:
        program = torch.onnx.export(
            graph.module.eval(),
            given,
            dynamo=True,
            verbose=False,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=shapes.dynamic_shapes(graph.module, given),
            opset_version=OPSET,
        )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = " ".join(str(error.__cause__ or error).split())[:200]
        raise UsageError(f"ONNX cannot hold {_named(graph, recipe)}: {reason}", _MEND) from error
    assert program is not None
    content: bytes = program.model_proto.SerializeToString()
    return content


def _named(graph: Graph, recipe: Recipe) -> str:
    return " and ".join(f"the part {name} ({recipe.parts[name].use})" for name in graph.parts) or f"the {graph.name}"


def _answers(content: bytes, graph: Graph, given: list[Tensor]) -> list[Any]:
    """What onnxruntime says."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    inputs = {name: value.numpy() for name, value in zip(graph.inputs, given, strict=True)}
    return list(session.run(list(graph.outputs), inputs))


def _about(editor: Editor) -> dict[str, Any]:
    """model.json: what a program needs to know that edits with the graphs."""
    schema, geometry = editor.schema, editor.geometry
    columns = zip(schema, schema.columns, strict=True)
    return {
        "format": 1,
        "opset": OPSET,
        "size": geometry.size,
        "mode": "L" if geometry.channels == 1 else "RGB",
        "crop": geometry.crop,
        # Of each attribute its first column, how many it has, and the columns of its values.
        "attributes": {one.name: [where.start, one.width, _values(editor, one)] for one, where in columns},
    }


def _values(editor: Editor, attribute: Attribute) -> dict[str, list[float]]:
    asked = ((value, editor.schema.wanted({attribute.name: value})) for value in attribute.values)
    return {value: columns for value, found in asked for columns in found.values()}
