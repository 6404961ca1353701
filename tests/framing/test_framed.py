"""Pictures of another collection are measured in the frames that a run finds in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attredit import Editor, load
from attredit.data import Frame, Geometry
from attredit.errors import DataWarning
from attredit.evaluation import run as evaluating
from attredit.evaluation.elsewhere import Elsewhere
from attredit.evaluation.framed import framed, frames_found
from attredit.evaluation.judge_training import JudgeSettings
from attredit.framing.network import FrameNetwork
from attredit.framing.search import Found, find
from attredit.launch import evaluate, train
from attredit.plugin.registry import Registry
from attredit.request import CollectionRequest

Scene = Callable[[int], tuple[Image.Image, Frame]]
COUNT, EMPTY = 14, 5


@pytest.fixture(scope="module")
def pictures(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that show a subject somewhere, but for one."""
    folder = tmp_path_factory.mktemp("scenes")
    for i in range(COUNT):
        picture = Image.new("RGB", (240, 180), (90, 120, 150)) if i == EMPTY else scene(i)[0]
        picture.save(folder / f"{i:02d}.png")
    others = [f"train{i}.png" for i in range(2)]  # every collection has some
    for i, name in enumerate(others):
        scene(COUNT + i)[0].save(folder / name)
    rows = [*(f"{name},0,train" for name in others), *(f"{i:02d}.png,{i % 2},test" for i in range(COUNT))]
    (folder / "metadata.csv").write_text("\n".join(["file_name,Smiling,split", *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def sought(pictures: Path, network: FrameNetwork) -> list[list[Found]]:
    """What is found in each picture."""
    images = (Image.open(pictures / f"{i:02d}.png") for i in range(COUNT))
    return [find(picture, network, Geometry(32).frame(*picture.size)) for picture in images]


@pytest.fixture(scope="module")
def shown(sought: list[list[Found]]) -> list[int]:
    """The pictures in which something is found."""
    found = [i for i in range(COUNT) if sought[i]]
    assert EMPTY not in found
    assert len(found) > COUNT // 2
    return found


def test_each_picture_is_seen_in_its_own_frame(
    attredit_registry: Registry, pictures: Path, network: FrameNetwork, sought: list[list[Found]], shown: list[int]
) -> None:
    plain = CollectionRequest(dataset="folder", image_size=32, data_dir=pictures).collection(attredit_registry)
    seen = framed(plain, network)
    with pytest.warns(DataWarning, match=r"images .* cannot be used: .*05\.png \(no frame is found in it\)"):
        store = seen.store("test")
    assert store.rows.tolist() == shown
    for place, i in enumerate(shown):
        with Image.open(pictures / f"{i:02d}.png") as picture:
            expected = Geometry(32).apply(picture, sought[i][0].frame)
        np.testing.assert_array_equal(store.images[np.array([place])][0], np.asarray(expected))
    figure = frames_found(store)
    assert (figure.value, figure.n) == (pytest.approx(len(shown) / COUNT), COUNT)
    # Another network finds other squares; without one they lie as the crop says.
    assert seen.fingerprint("test") not in (
        plain.fingerprint("test"),
        framed(plain, FrameNetwork(3)).fingerprint("test"),
    )
    assert framed(plain, None) is plain


def test_a_run_is_measured_where_it_finds_its_subject(
    tiny_request: Any,
    pictures: Path,
    network: FrameNetwork,
    shown: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = train(tiny_request(run_dir=str(tmp_path / "run"), steps=2))
    plain = load(run, "cpu")
    monkeypatch.setattr(evaluating, "load", lambda *_: Editor(plain.config, plain.model, network))
    measured = partial(evaluate, run, device="cpu", judge=JudgeSettings(width=4, epochs=1, steps=8))
    own = measured(limit=8)
    with pytest.warns(DataWarning, match="no frame is found"):
        found = measured(elsewhere=Elsewhere(f"folder:{pictures}"))
    assert found.images == len(shown)
    assert found.metrics["frame_found"].value == pytest.approx(len(shown) / COUNT)
    assert "frame_found" not in own.metrics
    assert found.judge.hash == own.judge.hash
