"""A model exported as ONNX: the runner in examples/onnx edits as the editor does; what cannot be exported says so."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from attredit import Attribute, AttributeSchema, Code, DataError, Editor, Model, Part, UsageError, Verdict, load
from attredit.data import Frame, Geometry
from attredit.editing.sharpening import Sharpener
from attredit.export.onnx import OPSET, export_onnx
from attredit.framing.network import FrameNetwork
from attredit.launch import train
from attredit_networks.refiner import Refiner

RUNNER = Path(__file__).parents[2] / "examples" / "onnx"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(RUNNER)
    import attredit_onnx

    return attredit_onnx


@pytest.fixture(scope="module", autouse=True)
def few_styles() -> Iterator[None]:
    """What attributes are taken off with is drawn in two styles: every one more is another decoder in the graph."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attredit.editing.model._WHERE", 2)
        yield


@pytest.fixture(scope="module")
def editor(tiny_request: Any, tmp_path_factory: pytest.TempPathFactory, network: FrameNetwork) -> Editor:
    """Finds drawn faces, changes much of whatever it sees, blends by a network, and draws finer by another."""
    run = train(
        tiny_request(steps=2, attributes=("Smiling", "Male"), run_dir=str(tmp_path_factory.mktemp("x") / "run"))
    )
    plain, dice = load(run, "cpu"), torch.Generator().manual_seed(0)
    for weights in plain.model.parts["decoder"].coordinates.parameters():
        weights.add_(0.1 * torch.randn(weights.shape, generator=dice))
    torch.manual_seed(0)
    plain.model.parts["compositor"] = refiner = Refiner(3, 32, 2, width=8)
    nn.init.normal_(refiner.last.weight, std=0.05)
    sharpener = Sharpener(3, 2, 2, width=8).eval().requires_grad_(False)
    nn.init.normal_(sharpener.last.weight, std=0.05)
    return Editor(_blending(plain, "networks/refiner"), plain.model, network, sharpener)


def _blending(editor: Editor, use: str) -> Any:
    """The configuration of a run that has a compositor."""
    recipe = editor.config.recipe
    parts = {**recipe.parts, "compositor": Part(use=use)}
    return editor.config.model_copy(update={"recipe": recipe.model_copy(update={"parts": parts})})


@pytest.fixture(scope="module")
def exported(editor: Editor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, strict, export = tmp_path_factory.mktemp("exported") / "onnx", list[bool](), torch.export.export

    def noted(*given: Any, **how: Any) -> Any:
        strict.append(how["strict"])
        return export(*given, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.export, "export", noted)
        files = export_onnx(editor, folder)
    # What the first way cannot follow, torch tries in others, which take several times as long.
    assert strict == [False] * 5
    assert {path.name for path in files} == {path.name for path in folder.iterdir()}
    return folder


def test_the_runner_edits_as_torch_does(
    editor: Editor, exported: Path, runner: Any, scene: Callable[[int], tuple[Image.Image, Frame]]
) -> None:
    copy, changed = runner.Editor(exported), []
    for seed in range(5):
        picture, _ = scene(seed)
        try:
            ours = np.asarray(editor.edit(picture, Smiling=1, Male=0.25)).astype(int)
        except DataError:  # so short a training does not find all of them
            with pytest.raises(SystemExit, match="Give a box"):
                copy.edit(picture, {"Smiling": 1})
            continue
        theirs = np.asarray(copy.edit(picture, {"Smiling": 1, "Male": 0.25})).astype(int)
        apart = np.abs(ours - theirs)
        assert apart.max() <= 2  # at the frame's edge, of single pixels; elsewhere 1
        assert (apart > 1).sum() <= 3
        changed.append(np.abs(ours - np.asarray(picture)).max())
    assert min(changed) > 10
    assert len(changed) >= 2


@pytest.mark.parametrize("size", [(32, 32), (45, 61), (20, 24)])
def test_so_it_does_in_a_box_of_a_picture_with_transparency(
    editor: Editor, exported: Path, runner: Any, size: tuple[int, int]
) -> None:
    values = np.random.default_rng(0).integers(0, 256, (*size[::-1], 4), np.uint8)
    picture, box = Image.fromarray(values), (-2, 1, *size)
    ours = np.asarray(editor.edit(_over_white(picture), Smiling=4, Male=-3, box=box)).astype(int)
    theirs = np.asarray(runner.Editor(exported).edit(picture, {"Smiling": 4, "Male": -3}, box)).astype(int)
    assert np.abs(ours - theirs).max() <= 1
    assert np.abs(ours - np.asarray(_over_white(picture)).astype(int)).max() > 10


def _over_white(picture: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def test_any_number_at_once_in_the_stated_opset(exported: Path) -> None:
    import onnx
    import onnxruntime

    about = json.loads((exported / "model.json").read_text())
    assert about["opset"] == OPSET
    for file in exported.glob("*.onnx"):
        model = onnx.load(file)
        onnx.checker.check_model(model)
        assert {one.domain: one.version for one in model.opset_import} == {"": OPSET}, file
    session = onnxruntime.InferenceSession(exported / "encoder.onnx")
    images = np.random.default_rng(1).random((5, 3, 32, 32), np.float32)
    together = session.run(None, {"images": images})
    alone = [session.run(None, {"images": image[None]}) for image in images]
    for i, said in enumerate(together):
        np.testing.assert_allclose(said, np.concatenate([one[i] for one in alone]), atol=1e-5)


def test_the_runner_needs_nothing_of_ours(exported: Path, runner: Any, run_process: Any, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), "grey").save(tmp_path / "a.png")
    (exported / "frame.onnx").rename(tmp_path / "frame.onnx")
    words = [str(exported), str(tmp_path / "a.png"), str(tmp_path / "b.png"), "Smiling=1"]
    code = f"import runpy, sys; sys.argv = ['', *{words}]; sys.path.insert(0, {str(RUNNER)!r})\n"
    code += f"runpy.run_path({str(RUNNER / 'attredit_onnx.py')!r}, run_name='__main__')\n"
    code += "print({'torch', 'attredit'} & set(sys.modules))"
    try:
        assert run_process([sys.executable, "-c", code]).stdout == "set()\n"
    finally:
        (tmp_path / "frame.onnx").rename(exported / "frame.onnx")
    with Image.open(tmp_path / "b.png") as edited:
        assert edited.size == (40, 40)
    lines = (RUNNER / "attredit_onnx.py").read_text().splitlines()
    assert len(lines) < 100


class _Seeing(nn.Module):
    """An encoder that is told the class and whose decoder needs its skips, or a classifier."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.convolution, self.head = nn.Conv2d(1, 4, 3, 2, 1), nn.LazyLinear(columns)
        self.eval()

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Any:
        features = self.convolution(images)
        if labels is None:
            return Verdict(features.mean((1, 2, 3))[:, None], self.head(4 * features.flatten(1)))
        mean = self.head(torch.cat([features.flatten(1)], 1)) + labels
        return Code(mean, -mean.abs(), None, (features,))


class _Drawing(nn.Module):
    """A decoder that edits by difference, and may do what no graph can hold."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.up, self.fault = nn.ConvTranspose2d(4, 1, 4, 2, 1), fault

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
        assert code is not None
        assert code.labels is not None
        if self.fault == "branches" and z.sum() > 0:
            return self.up(code.skips[0])
        if self.fault == "remembers":
            z = z + torch.rand(())
        moved = 5.0 * (attrs - code.labels) @ torch.arange(1.0, 5.0) + z.sum(1)
        return self.up(code.skips[0] + moved[:, None, None, None])


@pytest.fixture
def strange(editor: Editor) -> Callable[[str], Editor]:
    """Grey, with a categorical attribute, a classifier, soft labels, skip connections and a sampled latent."""

    def make(fault: str = "") -> Editor:
        torch.manual_seed(0)
        schema = AttributeSchema((Attribute("Glad"), Attribute("Hair", ("black", "red", "fair"))))
        encoder, classifier = _Seeing(4), _Seeing(4)
        encoder(torch.zeros(1, 1, 32, 32), torch.zeros(1, 4))
        classifier(torch.zeros(1, 1, 32, 32))
        model = Model(
            {"encoder": encoder, "classifier": classifier, "decoder": _Drawing(fault)},
            schema,
            latent_dim=4,
            predictor="classifier",
            decode_with="predicted",
            edit_from="sample",
        )
        parts = {**editor.config.recipe.parts, "classifier": Part(use="far/seeing")}
        recipe = editor.config.recipe.model_copy(update={"parts": parts})
        geometry = Geometry(32, 1, "celeba")
        grey = {"attributes": schema.attributes, "channels": 1, "geometry": geometry, "recipe": recipe}
        return Editor(editor.config.model_copy(update=grey), model)

    return make


def test_whatever_a_recipe_has(strange: Callable[[], Editor], runner: Any, tmp_path: Path) -> None:
    editor, picture = strange(), Image.linear_gradient("L").resize((60, 50))
    export_onnx(editor, tmp_path)
    for change in ({"Hair": "black"}, {"Hair": "fair", "Glad": 1.5}):
        ours = np.asarray(editor.edit(picture, change)).astype(int)
        assert np.abs(ours - np.asarray(runner.Editor(tmp_path).edit(picture, change)).astype(int)).max() <= 1
        assert np.abs(ours - np.asarray(picture)).max() > 2
    with pytest.raises(ValueError, match="blue"):
        runner.Editor(tmp_path).edit(picture, {"Hair": "blue"})


@pytest.mark.parametrize("fault", ["branches", "remembers"])
def test_a_part_that_no_graph_can_hold_is_named(strange: Callable[[str], Editor], fault: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the part decoder \(networks/principal\)") as caught:
        export_onnx(strange(fault), tmp_path)
    assert str(caught.value).count("\n") == 0
    assert not (tmp_path / "edit.onnx").exists()


def test_a_compositor_of_any_size_alone_is_named(strange: Callable[[], Editor], tmp_path: Path) -> None:
    editor = strange()
    editor.model.parts["compositor"] = nn.Identity()
    with pytest.raises(UsageError, match=r"The part compositor \(far/hard\) cannot be exported"):
        export_onnx(Editor(_blending(editor, "far/hard"), editor.model), tmp_path)
    assert not list(tmp_path.iterdir())
