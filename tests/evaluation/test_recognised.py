"""benchmarks/photos/recognised.py, with a network that knows a face by its colours in place of dlib's."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from attredit.attributes import Attribute, AttributeSchema
from attredit.errors import UsageError
from attredit.plugin.registry import installed, using_plugins

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "photos"
DLIB = """
import numpy as np
class Rectangle:
    def __init__(self, side): self.side = side
    def area(self): return self.side**2
def get_frontal_face_detector():
    return lambda image: [Rectangle(3), Rectangle(9), Rectangle(5)] if image.mean() > 100 else []
def shape_predictor(path):
    assert path.endswith("models/shape_predictor_5_face_landmarks.dat")
    return lambda image, face: face.side
class face_recognition_model_v1:
    def __init__(self, path): assert path.endswith("models/dlib_face_recognition_resnet_model_v1.dat")
    def compute_face_descriptor(self, image, where): return [where / 9 * image.mean() / 255] + [0.0] * 127
"""


@pytest.fixture
def recognised(tmp_path, monkeypatch):
    """The script, where dlib can be imported."""
    (tmp_path / "dlib.py").write_text(DLIB)
    (tmp_path / "face_recognition_models").mkdir()
    (tmp_path / "face_recognition_models" / "__init__.py").write_text("import pkg_resources_that_nobody_has")
    for folder in (SCRIPTS, tmp_path):
        monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module("recognised")
    for name in ("recognised", "dlib"):
        sys.modules.pop(name, None)


class Brighter:
    """A model whose edits add a tenth to every pixel, or take it away; what it encodes are the images."""

    def encode(self, images):
        return images

    def edit(self, code, changes):
        (value,) = changes.values()
        return code, code + (0.1 if value else -0.1)

    def composite(self, images, edit):
        return edit[1]


class Data:
    """Five grey images, of which the second has no face."""

    schema = AttributeSchema.of_binary(["Male", "Smiling"])
    grey = torch.tensor([0.5, 0.1, 0.6, 0.7, 0.8])
    labels = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1], [0, -1]])

    def __len__(self):
        return 5

    indices = np.arange(5)

    def images(self, indices):
        return self.grey[indices].view(-1, 1, 1, 1).expand(-1, 3, 8, 8)


class Haired(Data):
    schema = AttributeSchema((Attribute("Hair", ("black", "red", "blond")),))
    labels = torch.zeros(5, 1, dtype=torch.long)


def test_what_it_says_worked_out(recognised):
    editor = type("Editor", (), {"model": Brighter(), "schema": AttributeSchema.of_binary(["Smiling"])})()
    found = recognised.recognised(editor, Data())
    nothing, near = np.nan, {"atol": 1 / 255}
    # Put on where the label is 0, taken off where it is 1; nothing without a face, or without a label.
    np.testing.assert_allclose(found["recognised_moved_on"], [0.1, nothing, 0.1, nothing, nothing], **near)
    np.testing.assert_allclose(found["recognised_moved_off"], [nothing, nothing, nothing, 0.1, nothing], **near)
    np.testing.assert_allclose(found["recognised_moved"], [0.1, nothing, 0.1, 0.1, nothing], **near)
    np.testing.assert_allclose(found["recognised_as_same"], [1, nothing, 1, 1, nothing])
    # Beside the next image; the last beside the first.
    np.testing.assert_allclose(found["recognised_apart"], [nothing, nothing, 0.1, 0.1, 0.3], **near)


def test_of_many_images_it_looks_at_some(recognised, monkeypatch):
    editor = type("Editor", (), {"model": Brighter(), "schema": AttributeSchema.of_binary(["Smiling"])})()
    everything = recognised.recognised(editor, Data())
    monkeypatch.setattr(recognised, "MOST", 2)
    found = recognised.recognised(editor, Data())
    assert found["recognised_moved"][0] == everything["recognised_moved"][0]
    assert np.isnan(found["recognised_moved"][1:]).sum() == 3
    np.testing.assert_allclose(found["recognised_apart"], [0.1, nothing := np.nan, 0.1, nothing, nothing], atol=1 / 255)


def test_where_nothing_is_put_on_or_taken_off_it_says_how_far_people_are_apart(recognised):
    editor = type("Editor", (), {"model": Brighter(), "schema": Haired.schema})()
    found = recognised.recognised(editor, Haired())
    assert set(found) == {"recognised_apart"}


def test_without_dlib_it_says_what_to_install(recognised, monkeypatch):
    monkeypatch.setattr(recognised, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="dlib and face_recognition_models") as caught:
        recognised.Recogniser()
    assert "pip install dlib-bin" in str(caught.value.hint)


def test_it_is_a_plugin():
    with using_plugins([SCRIPTS / "recognised.py"]):
        assert installed().find("metric", "recognised").id == "recognised/recognised"
