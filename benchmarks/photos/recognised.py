"""How far composite edits move a person, to a recognition network that attredit has nothing to do with.

    pip install dlib-bin face_recognition_models
    attredit evaluate --plugin benchmarks/photos/recognised.py RUN

King's network of 2017 (dlib) says how far apart two faces are; below .6 it takes them for one person, and is right
about .994 of Labeled Faces in the Wild. A face is found in the image before its edit, and cut out there after it, too:
glasses hide eyes.

recognised_moved    from each image to its edit to other values (also _on and _off: put on, taken off)
recognised_apart    from each image to that of another person, of whom nobody knows that it is another
recognised_as_same  share of the edits that it takes for the same person
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attredit import hookimpl
from attredit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from attredit import Editor, EvaluationData, Register

attredit_api = 1
SIDE = 256  # what finds faces wants them at least 80 pixels wide
MOST, CHUNK = 500, 64  # so many images are looked at, a fifth of a second each
SAME = 0.6  # as dlib's author says


@hookimpl
def register_metrics(register: Register) -> None:
    register("recognised", "recognised:recognised", summary="how far edits move a person, to dlib's network")


def recognised(editor: Editor, data: EvaluationData) -> dict[str, NDArray[np.float64]]:
    """See above; of images in which no face is found, nothing."""
    import torch

    from attredit.data.subset import spread

    recogniser, model, chosen = Recogniser(), editor.model, spread(len(data), MOST)
    faces = np.full((len(data), 128), np.nan)
    moved: dict[tuple[str, int], NDArray[np.float64]] = {}
    for rows in np.split(chosen, range(CHUNK, len(chosen), CHUNK)):
        images = data.images(data.indices[rows])
        seen = pixels(images)
        places = {row: recogniser.place(image) for row, image in zip(rows, seen, strict=True)}
        faces[rows] = [recogniser.face(image, places[row]) for row, image in zip(rows, seen, strict=True)]
        for attribute in editor.schema:
            labels = data.labels[rows, data.schema.index(attribute.name)].numpy()
            for value in (0, 1) if attribute.binary else ():
                others = labels == 1 - value
                if not others.any():
                    continue
                with torch.inference_mode():
                    given = images[torch.from_numpy(others)]
                    edited = model.composite(given, model.edit(model.encode(given), {attribute.name: value}))
                after = [recogniser.face(i, places[row]) for row, i in zip(rows[others], pixels(edited), strict=True)]
                into = moved.setdefault((attribute.name, value), np.full(len(data), np.nan))
                into[rows[others]] = distance(faces[rows[others]], np.stack(after))
    apart = np.full(len(data), np.nan)
    if len(chosen) > 1:  # no two images are compared twice, unless there are but two
        apart[chosen] = distance(faces[chosen], faces[np.roll(chosen, -max(1, len(chosen) // 3))])
    ways = {"": (0, 1), "_off": (0,), "_on": (1,)}
    by_way = {name: [m for (_, value), m in moved.items() if value in values] for name, values in ways.items()}
    figures = {f"recognised_moved{name}": mean(found) for name, found in by_way.items() if found}
    if same := [np.where(np.isnan(m), np.nan, m < SAME) for m in by_way[""]]:
        figures["recognised_as_same"] = mean(same)
    return figures | {"recognised_apart": apart}


class Recogniser:
    """dlib's detector, landmarks and network.

    Raises:
        UsageError: one of them is missing.
    """

    def __init__(self) -> None:
        missing = [name for name in ("dlib", "face_recognition_models") if find_spec(name) is None]
        if missing:
            wanted = "pip install dlib-bin face_recognition_models"
            raise UsageError(f"The metric recognised needs {' and '.join(missing)}.", f"Install: {wanted}")
        import dlib

        # Its own module cannot be imported where setuptools no longer brings pkg_resources.
        spec = find_spec("face_recognition_models")
        assert spec is not None
        assert spec.origin is not None
        models = Path(spec.origin).parent / "models"
        self.detect: Any = dlib.get_frontal_face_detector()
        self.landmarks: Any = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self.network: Any = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def place(self, image: NDArray[np.uint8]) -> Any:
        """Where the eyes and the nose of an image's largest face are; None where there is no face."""
        faces = self.detect(image)
        return self.landmarks(image, max(faces, key=lambda face: face.area())) if faces else None

    def face(self, image: NDArray[np.uint8], place: Any) -> NDArray[np.float64]:
        """(128,) what the network says of a face; NaN where there is none."""
        if place is None:
            return np.full(128, np.nan)
        return np.asarray(self.network.compute_face_descriptor(image, place), np.float64)


def pixels(images: Tensor) -> list[NDArray[np.uint8]]:
    """Images (B, C, H, W) in [0, 1] as dlib takes them: B of (256, 256, 3) bytes."""
    import torch.nn.functional as F

    from attredit.data.pixels import to_bytes

    large = F.interpolate(images.float().cpu(), (SIDE, SIDE), mode="bicubic", align_corners=False)
    return [to_bytes(image) for image in large.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy()]


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) between faces (N, 128), as dlib measures it: Euclidean."""
    found: NDArray[np.float64] = np.linalg.norm(one - other, axis=1)
    return found


def mean(found: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(N,) of each image over the attributes that were edited; NaN where none was."""
    stacked = np.stack(found)
    known = ~np.isnan(stacked)
    return np.where(known.any(0), np.nansum(stacked, 0) / known.sum(0).clip(min=1), np.nan)
