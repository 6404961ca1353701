"""Who predicts attributes, what editing needs, and recipes that leave things out of what they extend."""

from __future__ import annotations

import json
import math
import types
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attredit import AttributeSchema, Code, Recipe, Verdict, load
from attredit.editing.composite import change_of, edit_mask
from attredit.editing.model import Model
from attredit.errors import PluginError, RunError, UsageError
from attredit.files import read_tensors
from attredit.launch import train
from attredit.plugin.registry import Registry, installed
from attredit.recipe import resolve
from attredit.rows import Slice
from attredit.runs.directory import RunDirectory
from attredit.training.losses import class_edit_, kl_, match_, rec_edited_
from attredit.training.players import build
from attredit.training.view import BatchView

SCHEMA = AttributeSchema.of_binary(["a", "b"])
CLASSIFIER = {
    "parts": {"classifier": {"use": "conv", "options": {"width": 2, "classify": True}}},
    "players": {"classifier": {"trains": ["classifier"], "terms": {"class": 1}}},
    "predictor": "classifier",
}


class Told(nn.Module):
    """An encoder that remembers what it was told, and whose own label head says that all is absent."""

    labels: Tensor | None = None
    count = 2

    def forward(self, images: Tensor, labels: Tensor | None) -> Code:
        self.labels = labels
        return Code(images.flatten(1)[:, :3], None, -torch.ones(len(images), self.count))


class Difference(nn.Module):
    """A decoder that draws how far the wanted attributes are from those the image has."""

    def forward(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
        change = attrs if code is None else attrs - code.labels
        return change.sum(1)[:, None, None, None].expand(-1, 3, 8, 8)


class AllThere(nn.Module):
    def forward(self, images: Tensor) -> Verdict:
        return Verdict(torch.zeros(len(images), 1), torch.ones(len(images), 2), (images,))


def view(**options: Any) -> tuple[BatchView, Told]:
    encoder = Told()
    parts = {"encoder": encoder, "decoder": Difference(), "classifier": AllThere()}
    labels = torch.tensor([[0, 1], [1, 1], [0, 0]])
    images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    rows = Slice(0, 3, 3)
    model = Model(parts, SCHEMA, latent_dim=3, **options)
    return BatchView(model, images, labels, rows=rows, seed=0, step=0), encoder


def test_terms_ask_the_predictor() -> None:
    ours, _ = view(predictor="classifier")
    assert torch.equal(ours.attrs("real"), torch.ones(3, 2))
    mean = SCHEMA.loss(torch.ones(3, 2), ours.edited_targets)
    torch.testing.assert_close(class_edit_(ours), mean)
    torch.testing.assert_close(class_edit_(ours, attributes="sum"), 2 * mean)
    # What is put on may be left out: means are over the others then. The classifier's logits are all 1.
    entropy = torch.where(ours.edited_labels == 1, math.log1p(math.exp(-1)), math.log1p(math.exp(1)))
    counted = ~((ours.edited_labels == 1) & (ours.labels == 0))
    assert not counted.all()
    each = (entropy * counted).sum(0) / counted.sum(0).clamp(min=1)
    torch.testing.assert_close(class_edit_(ours, put_on=False), each.mean())
    theirs, _ = view()
    assert torch.equal(theirs.attrs("edited"), -torch.ones(3, 2))


@pytest.mark.parametrize("decode_with", ["true", "predicted"])
def test_the_decoder_knows_what_the_image_has(decode_with: str) -> None:
    ours, encoder = view(predictor="classifier", decode_with=decode_with)
    # Decoded as what it is, nothing changes; as something else, the difference is to what it is.
    assert torch.equal(ours.logits("reconstruction"), torch.zeros(3, 3, 8, 8))
    own = ours.targets if decode_with == "true" else torch.ones(3, 2).sigmoid()
    torch.testing.assert_close(ours.logits("edited")[:, 0, 0, 0], (ours.edited_targets - own).sum(1))
    ours.code("real")
    assert torch.equal(encoder.labels, ours.targets)
    # The edit is taken to have what was asked for, and decoded back with what the image had.
    back = ours.logits("undone")[:, 0, 0, 0]
    torch.testing.assert_close(back, (ours.targets - ours.edited_targets).sum(1))
    assert torch.equal(encoder.labels, ours.edited_targets)
    assert torch.equal(ours.logits("prior")[:, 0, 0, 0], ours.targets.sum(1))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_image_is_edited_in_one_attribute_or_more(count: int) -> None:
    labels = torch.randint(2, (4000, count), generator=torch.Generator().manual_seed(0))
    schema = AttributeSchema.of_binary(["a", "b", "c"][:count])
    images = torch.zeros(4000, 3, 1, 1)
    ours = BatchView(Model({}, schema, latent_dim=1), images, labels, rows=Slice(0, 4000, 4000), seed=0, step=0)
    changed = ours.edited_labels != labels
    assert changed.any(1).all()
    # The one that is drawn, or not drawn and changed all the same.
    expected = 1 / count + (1 - 1 / count) / 2
    assert changed.float().mean(0).tolist() == pytest.approx([expected] * count, abs=0.03)


def test_a_blended_edit_changes_the_image_where_the_decoder_does() -> None:
    encoder, labels = Told(), torch.tensor([[0], [1]])
    schema, base = AttributeSchema.of_binary(["a"]), nn.Parameter(torch.tensor(0.3))
    encoder.count = 1

    class Half(nn.Module):
        """Draws the attribute into the left half, three logits brighter."""

        def forward(self, z: Tensor, attrs: Tensor, code: Code | None) -> Tensor:
            left = (torch.arange(64) < 32).float().expand(64, 64)
            return base + 3.0 * attrs[:, :, None, None] * left.expand(len(z), 3, 64, 64)

    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    model = Model({"encoder": encoder, "decoder": Half()}, schema, latent_dim=3)
    ours = BatchView(model, images, labels, rows=Slice(0, 2, 2), seed=0, step=0)
    mask = edit_mask(change_of(ours.images("reconstruction"), ours.images("edited"))).detach()
    assert not ours.mask.requires_grad
    torch.testing.assert_close(ours.mask, mask)
    assert (mask[..., :28] > 0.999).all()
    assert (mask[..., 40:] == 0).all()
    edited, blended = ours.images("edited"), ours.images("blended")
    torch.testing.assert_close(blended, images * (1 - mask) + edited * mask)
    assert torch.equal(blended[..., 40:], images[..., 40:])
    # The head reads that image, with a gradient that reaches the decoder.
    ours.attrs("blended")
    (gradient,) = torch.autograd.grad(blended.sum(), base)
    assert gradient != 0

    # Equation 3 with weights, term by term.
    p = ours.images("reconstruction")
    entropy = -(images * p.log() + (1 - images) * (1 - p).log())
    by_hand = sum((mask[b, 0] * entropy[b, c]).sum() / 64**2 for b in range(2) for c in range(3)) / 2
    torch.testing.assert_close(rec_edited_(ours), by_hand)
    squares = (mask * 0.5 * (images - p).square()).sum() / 64**2 / 2
    torch.testing.assert_close(rec_edited_(ours, likelihood="gaussian"), squares)
    torch.testing.assert_close(class_edit_(ours, of="blended"), schema.loss(ours.attrs("blended"), 1.0 - ours.targets))


@pytest.mark.parametrize("of", ["real", "blended"])
def test_images_that_are_not_decoded_have_no_logits(of: Any) -> None:
    ours, _ = view()
    with pytest.raises(UsageError, match=f"{of} images"):
        ours.logits(of)


@pytest.mark.parametrize("decode_with", ["true", "predicted"])
def test_an_editor_tells_the_encoder_only_what_another_part_predicts(request_for: Any, decode_with: str) -> None:
    config = RunDirectory(train(request_for(attributes=("Smiling", "Male"), steps=1))).config()
    config = config.model_copy(update={"recipe": config.recipe.overridden({"decode_with": decode_with})})
    encoder, images = Told(), torch.rand(2, 3, 32, 32)
    parts = {"encoder": encoder, "decoder": Difference()}
    code = Model.of(config.recipe, parts, config.schema_).encode(images)
    assert encoder.labels is None
    expected = torch.full((2, 2), -1.0).sigmoid() if decode_with == "predicted" else torch.zeros(2, 2)
    assert torch.equal(code.labels, expected)
    recipe = config.recipe.overridden({"predictor": "classifier"})
    code = Model.of(recipe, {**parts, "classifier": AllThere()}, config.schema_).encode(images)
    expected = torch.ones(2, 2).sigmoid() if decode_with == "predicted" else torch.ones(2, 2)
    assert torch.equal(encoder.labels, expected)
    assert torch.equal(code.labels, expected)
    assert torch.equal(code.attrs, torch.ones(2, 2))


def test_the_model_file_holds_what_editing_needs(request_for: Any, tmp_path: Path) -> None:
    for name, overrides, needed in (
        ("plain", {}, {"known", "encoder", "decoder"}),
        ("other", CLASSIFIER, {"known", "encoder", "decoder", "classifier"}),
        ("averaged", {**CLASSIFIER, "ema": 0.9}, {"known", "encoder", "decoder", "classifier"}),
    ):
        run = RunDirectory(train(request_for(overrides=overrides, steps=2, run_dir=str(tmp_path / name))))
        assert {key.split(".")[0] for key in read_tensors(run.model_file)[0]} == needed
        parts = load(run.path).model.parts
        assert set(parts) == needed - {"known"}
        if name == "other":
            saved = read_tensors(run.model_file)[0]["classifier.head.weight"]
            assert torch.equal(parts["classifier"].head.weight, saved)


def test_a_predictor_that_is_none(request_for: Any) -> None:
    schema = AttributeSchema.of_binary(["a"])
    for name, message in (("nothing", "has no part 'nothing'"), ("factorizer", "Name the encoder, or a part that is")):
        recipe = resolve(installed(), "ifcvaegan", "default", {"predictor": name})
        with pytest.raises(UsageError, match=message):
            build(installed(), recipe, schema, channels=3, image_size=16)
    with pytest.raises(UsageError, match=r"judge\b.* label head"):
        train(request_for(overrides={"parts": {"judge": {"use": "conv"}}, "predictor": "judge"}))


def test_a_configuration_without_its_predictor_is_damaged(request_for: Any) -> None:
    run = RunDirectory(train(request_for(steps=1)))
    config = json.loads(run.config_file.read_text())
    config["recipe"]["predictor"] = "classifier"
    run.config_file.write_text(json.dumps(config))
    with pytest.raises(RunError, match="its recipe has no classifier"):
        run.config()


def test_null_leaves_out_parts_and_players_and_the_command_says_so(request_for: Any) -> None:
    gone = {"parts.discriminator": None, "players.discriminator": None, "players.autoencoder.terms.gan": None}
    recipe = resolve(installed(), "naive-cvaegan", "paper", gone)
    assert set(recipe.parts) == {"encoder", "decoder"}
    assert set(recipe.players) == {"autoencoder"}
    assert "gan" not in recipe.players["autoencoder"].terms
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    run = RunDirectory(train(request_for(method="naive-cvaegan", preset="paper", overrides=gone, steps=1)))
    command = run.config().command()
    for key in gone:
        assert f"--set {key}=null" in command
    for key in ("extends", "without"):
        with pytest.raises(UsageError, match=f"A recipe's {key} is settled"):
            recipe.overridden({key: "x"})


@pytest.mark.parametrize(("key", "fine"), [("players.autoencoder.terms.class", True), ("players.judge", False)])
def test_a_recipe_leaves_out_only_what_there_is(monkeypatch: pytest.MonkeyPatch, key: str, fine: bool) -> None:
    module: Any = types.ModuleType("attredit_less")
    module.LESS = Recipe(extends="naive-cvaegan", without=(key,))
    module.attredit_api = 1
    from attredit import hookimpl

    def register_methods(register: Any) -> None:
        register("less", "attredit_less:LESS")

    module.register_methods = hookimpl(register_methods)
    monkeypatch.setitem(__import__("sys").modules, "attredit_less", module)
    networks = EntryPoint("networks", "attredit_networks", "attredit")
    naive = EntryPoint("naive-cvaegan", "attredit_naive_cvaegan", "attredit")
    less = EntryPoint("less", "attredit_less", "attredit")
    registry = Registry()
    for entry in (EntryPoint("core", "attredit.plugin.builtin", "attredit"), networks, naive, less):
        registry.add(entry)
    if fine:
        recipe = resolve(registry, "less")
        assert "class" not in recipe.players["autoencoder"].terms
        assert recipe.without == ()
    else:
        with pytest.raises(PluginError, match=r"less:default leaves out 'players\.judge', which naive-cvaegan lacks"):
            resolve(registry, "less")


def test_kl_and_match_as_sums_and_means() -> None:
    recipe = resolve(installed(), "naive-cvaegan", "default", {"latent_dim": 5})
    torch.manual_seed(0)
    parts = build(installed(), recipe, SCHEMA, channels=3, image_size=8).parts
    images, labels = torch.rand(3, 3, 8, 8), torch.tensor([[0, 1], [1, 1], [0, 0]])
    parts["classifier"] = AllThere()
    ours = BatchView(Model(parts, SCHEMA, latent_dim=5), images, labels, rows=Slice(0, 3, 3), seed=0, step=0)
    torch.testing.assert_close(kl_(ours, reduction="sum"), 5 * kl_(ours))
    pixels = 0.5 * (images - ours.images("reconstruction")).square().sum((1, 2, 3)).mean()
    torch.testing.assert_close(match_(ours, reduction="sum"), pixels)
    torch.testing.assert_close(match_(ours), pixels / (3 * 8 * 8))
    # This network's only features are the pixels.
    torch.testing.assert_close(match_(ours, part="classifier", layer=0, reduction="sum"), pixels)
    with pytest.raises(UsageError, match=r"classifier\b.* layer 1\b"):
        match_(ours, part="classifier", layer=1)
