"""Wrapped networks train, edit, are saved and read like any other; and the plugin keeps what attredit promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from attredit_backbones.autoencoder_kl import KLDecoder, KLEncoder
from attredit_backbones.timm_encoder import TimmEncoder
from attredit_backbones.unet import UNetDecoder

import attredit
from attredit.request import Request
from attredit.testing import check_plugin

SIZES: dict[str, Any] = {"channels": 3, "image_size": 32, "latent_dim": 4, "attr_dim": 2}
FACES = {"train": 48, "valid": 8, "test": 8}
TIMM = {"parts.encoder.options.model": "test_convnext", "latent_dim": 8}
WIDTHS = {f"parts.{part}.options.widths": [8, 16] for part in ("encoder", "decoder")}


def request(folder: Path, method: str, preset: str, overrides: dict[str, Any]) -> Request:
    """A training of four steps."""
    return Request(
        method=method,
        preset=preset,
        overrides=overrides,
        attributes=("Smiling", "Eyeglasses"),
        image_size=32,
        steps=4,
        batch_size=8,
        data_options=FACES,
        run_dir=str(folder / "run"),
        device="cpu",
    )


@pytest.mark.parametrize(
    "method, preset, overrides",
    [("ifcvaegan-timm", "default", TIMM), ("ifcvaegan-timm", "skips", TIMM), ("cvae-kl", "default", WIDTHS)],
)
def test_a_trained_one_edits_and_is_read_again(
    method: str, preset: str, overrides: dict[str, Any], tmp_path: Path
) -> None:
    run = attredit.train(request(tmp_path, method, preset, overrides))
    first, second = attredit.load(run), attredit.load(run)
    faces = first.sample(3, Smiling=0, seed=1, output="tensor")
    assert faces.shape == (3, 3, 32, 32)
    assert bool(faces.std(0).any())  # samples differ
    edited = first.edit(faces, Smiling=1, mode="decoded", output="tensor")
    assert not torch.equal(edited, first.edit(faces, Smiling=0, mode="decoded", output="tensor"))
    assert torch.equal(edited, second.edit(faces, Smiling=1, mode="decoded", output="tensor"))


def test_pretrained_weights_are_fetched_when_a_training_starts_and_never_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, fetched = timm.create_model, []

    def published(**asked: Any) -> Any:
        if asked.pop("pretrained", False):
            fetched.append(asked["model_name"])
            model = create(**asked)
            torch.nn.init.constant_(next(model.parameters()), 0.125)
            return model
        return create(**asked)

    monkeypatch.setattr(timm, "create_model", published)
    still = {**TIMM, "players.autoencoder.optimizer.lr": 0.0}
    attredit.load(attredit.train(request(tmp_path / "unasked", "ifcvaegan-timm", "default", still)))
    assert not fetched
    run = attredit.train(
        request(tmp_path / "asked", "ifcvaegan-timm", "default", {**still, "parts.encoder.options.pretrained": True})
    )
    assert fetched == ["test_convnext"]
    weights = next(attredit.load(run).model.parts["encoder"].parameters())
    assert torch.equal(weights, torch.full_like(weights, 0.125))
    assert len(fetched) == 1


def test_timm_is_given_images_as_its_weights_know_them() -> None:
    encoder = TimmEncoder(**SIZES, model="test_convnext").eval()
    images = torch.rand(2, 3, 32, 32)
    published = timm.get_pretrained_cfg("test_convnext")
    mean, std = (torch.tensor(values)[:, None, None] for values in (published.mean, published.std))
    with torch.no_grad():
        pooled = encoder.model((images - mean) / std)[-1].mean((2, 3))
        assert torch.allclose(encoder(images).mean, encoder.head(pooled)[:, :4], atol=1e-6)


def test_a_vision_transformer_is_told_its_size_through_the_arguments() -> None:
    encoder = TimmEncoder(**SIZES, model="test_vit", arguments={"img_size": 32}, skips=True)
    code = encoder(torch.rand(2, 3, 32, 32))
    assert code.mean.shape == (2, 4)
    assert tuple(s.shape[1] for s in code.skips) == encoder.skip_channels != ()


def test_images_below_what_a_model_can_halve_are_refused() -> None:
    with pytest.raises(attredit.UsageError, match="convnext_atto needs images of 32 pixels or more, not 16"):
        TimmEncoder(**{**SIZES, "image_size": 16})
    with pytest.raises(attredit.UsageError, match="4 stages cannot halve images of 20 pixels"):
        KLDecoder(**{**SIZES, "image_size": 20})


def test_skips_reach_the_image_and_a_sample_does_without() -> None:
    torch.manual_seed(0)
    encoder = TimmEncoder(**SIZES, model="test_convnext", skips=True)
    decoder = UNetDecoder(**SIZES, skip_channels=encoder.skip_channels, width=4)
    code = encoder(torch.rand(2, 3, 32, 32))
    attrs = torch.ones(2, 2)
    with_skips = decoder(code.mean, attrs, code)
    assert with_skips.shape == decoder(code.mean, attrs, None).shape == (2, 3, 32, 32)
    gradients = torch.autograd.grad(with_skips.sum(), code.skips)
    assert all(bool(g.any()) for g in gradients[-len(decoder.sides) :])


def test_the_prior_has_the_shape_of_the_feature_map() -> None:
    code = KLEncoder(channels=3, latent_dim=4, widths=(8, 16))(torch.rand(1, 3, 32, 32))
    assert code.mean.shape[1:] == KLDecoder(**SIZES, widths=(8, 16)).latent_shape == (4, 16, 16)


def test_conformance() -> None:
    check_plugin("backbones")
