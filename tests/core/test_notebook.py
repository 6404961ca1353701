"""What results show of themselves in a notebook; the notebook of the examples runs."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import attredit
from attredit import DataError, UsageError
from attredit.html import html_of
from attredit.launch import train

NOTEBOOK = Path(__file__).parents[2] / "examples" / "first_steps.ipynb"


@pytest.fixture(scope="module")
def run(tiny_request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny_request(steps=2, run_dir=str(tmp_path_factory.mktemp("shown") / "run")))


def notebook(result: object) -> str:
    """What a notebook asks of it."""
    from IPython.core.formatters import HTMLFormatter

    html: str = HTMLFormatter()(result)
    return html


def pictures(html: str) -> list[Image.Image]:
    return [Image.open(BytesIO(base64.b64decode(text))) for text in re.findall(r"data:image/png;base64,([^\"]+)", html)]


def test_what_is_shown_is_escaped_and_small() -> None:
    html = html_of("<b>", {"<i>": "&"}, [("<u>",), ("a<b",)], {'"': b"png"})
    assert not set(re.findall(r"<(\w+)", html)) & {"b", "i", "u"}
    for text in ("&lt;b&gt;", "&lt;i&gt;", "&amp;", "&lt;u&gt;", "a&lt;b", "&#34;"):
        assert text in html
    assert html_of("title", {}).count("<") == 4


def test_editor_run_and_recipe_show_themselves(run: Path) -> None:
    editor = attredit.load(run)
    html = notebook(editor)
    assert "Smiling" in html
    [row] = pictures(html)
    assert row.size == (6 * 32, 32)
    html = notebook(attredit.RunDirectory(run))
    assert "2 of 2" in html
    assert "rec" in html
    assert len(pictures(html)) == 1
    html = notebook(editor.config.recipe)
    assert "latent_dim" in html
    assert re.search(r"<td>autoencoder</td>\s*<td>kl</td>", html)


def test_an_evaluation_shows_its_figures_with_intervals() -> None:
    figure = {"value": 0.25, "low": 0.2, "high": 0.3, "n": 32}
    evaluation = attredit.Evaluation.model_validate({
        "split": "test", "images": 32, "judge": {"hash": "", "accuracy": {}, "agreement": {}}, "identity": None,
        "metrics": {"mse": {**figure, "low": None, "high": None}, "edit_success": figure},
        "attributes": {"A": {"edit_success": figure}, "B": {}}, "off_target_matrix": {}, "not_measured": {},
        "data": {"name": "synthfaces", "fingerprint": ""}, "run": {"step": 2}, "versions": {},
    })  # fmt: skip
    html = notebook(evaluation)
    assert re.search(r"<td>edit_success</td>\s*<td>0.25 \(0.2 to 0.3\)</td>", html)
    assert re.search(r"<td>mse</td>\s*<td>0.25</td>\s*<td></td>", html)


def test_an_evaluation_in_a_notebook_has_a_bar(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    handle = SimpleNamespace(update=lambda data, raw: said.append(data["text/html"]))
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: handle)
    monkeypatch.setattr("attredit.launch.in_notebook", lambda: True)
    attredit.evaluate(run, limit=8, device="cpu")
    assert all(re.match(r'<progress max="\d+" value="\d+".* of [\d,]+ \w', html) for html in said)
    assert any("edits" in html for html in said)


def test_compare_is_a_grid_of_pictures_of_any_shape(run: Path) -> None:
    wide, high = (Image.fromarray(np.full(shape, 90, np.uint8)) for shape in ((40, 60, 3), (50, 30, 3)))
    one = attredit.compare(wide, [run], Smiling=1)
    two = attredit.compare([wide, high], [run, attredit.load(run)], {"Smiling": 1}, mode="decoded")
    assert two.width - one.width == 192 + 6
    assert two.height - one.height == 192 + 6
    for bad in ({"runs": [], "Smiling": 1}, {"runs": [run]}):
        with pytest.raises(UsageError, match="no run or no change"):
            attredit.compare(wide, **bad)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Unknown attribute"):
        attredit.compare(wide, [run], Smile=1)
    with pytest.raises(DataError):
        attredit.compare("nowhere.png", [run], Smiling=1)


def test_the_notebook_runs_and_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONWARNINGS", "ignore")  # those of kernels
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]
    training = next(cell for cell in notebook.cells if "steps=60" in cell.source)
    training.source = training.source.replace("steps=60", "steps=8").replace('"train": 200', '"train": 50')
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [[out.get("data", {}) for out in cell.outputs] for cell in notebook.cells if cell.cell_type == "code"]
    trained, editor, predicted, edited, grid, recipe = outputs
    assert any('<progress max="8" value="8"' in data.get("text/html", "") for data in trained)
    assert "8 of 8" in trained[-1]["text/html"]
    assert "image/png;base64" in editor[-1]["text/html"]
    assert "Smiling" in predicted[-1]["text/plain"]
    assert all("image/png" in cell[-1] for cell in (edited, grid))
    assert "latent_dim" in recipe[-1]["text/html"]
    assert list((tmp_path / "runs").iterdir())
