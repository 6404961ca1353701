"""Identity on photos, with random weights in place of the published ones, where the hub keeps them."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from attredit.errors import RunError
from attredit.evaluation import recognition, run
from attredit.evaluation.recognition import MODEL, NOT_OF_FACES, Recogniser, recognition_of

CPU = torch.device("cpu")
needs_the_package = pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Where the hub's files are kept: nothing is there yet."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path / f"models--{MODEL.replace('/', '--')}"


@pytest.fixture
def network(hub):
    """A face recognition network of the published kind, as `hf download` leaves it, but narrow."""
    import timm

    size = {"img_size": 112, "patch_size": 8, "embed_dim": 12, "num_heads": 3, "depth": 1, "num_classes": 16}
    torch.manual_seed(0)
    network = timm.create_model("vit_tiny_patch16_224", **size).eval()
    (hub / "refs").mkdir(parents=True)
    (hub / "refs" / "main").write_text("0" * 40)
    network.pretrained_cfg |= {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.5, 0.5), "input_size": (3, 112, 112)}
    folder = hub / "snapshots" / ("0" * 40)
    timm.models.save_for_hf(network, folder, model_config={"model_args": size}, safe_serialization=True)
    return network


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(recognition, "find_spec", lambda name: None)
    assert "attredit[identity]" in recognition_of(CPU)[1]


@needs_the_package
def test_without_weights_it_says_how_to_get_them(hub):
    found, reason = recognition_of(CPU)
    assert found is None
    assert f"hf download {MODEL}" in reason


@needs_the_package
def test_weights_in_another_format_are_not_opened(network, hub):
    (weights,) = hub.rglob("*.safetensors")
    weights.rename(weights.with_name("pytorch_model.bin"))
    assert recognition_of(CPU)[0] is None


@needs_the_package
def test_embeddings_are_the_networks_own(network, hub):
    found, reason = recognition_of(CPU)
    assert found is not None
    assert reason == ""
    (weights,) = hub.rglob("*.safetensors")
    assert found.hash == hashlib.sha256(weights.read_bytes()).hexdigest()[:16]
    images = torch.rand(2, 3, 112, 112)
    normalised = torch.stack([(images[:, 0] - 0.5) / 0.25, (images[:, 1] - 0.5) / 0.5, (images[:, 2] - 0.5) / 0.5], 1)
    with torch.inference_mode():
        torch.testing.assert_close(found.embed(images), F.normalize(network(normalised)))
    grey = found.embed(images[:, :1])
    torch.testing.assert_close(grey, found.embed(images[:, :1].repeat(1, 3, 1, 1)))


@needs_the_package
def test_damaged_weights_are_told_with_the_way_to_get_them_again(network, hub):
    (weights,) = hub.rglob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RunError, match=f"damaged.*hf download {MODEL}"):
        recognition_of(CPU)


def test_images_are_resized_to_what_the_network_takes():
    seen = []
    recogniser = Recogniser(torch.nn.Identity(), 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    recogniser.register_forward_hook(lambda _, inputs, output: seen.append(output))
    recogniser(torch.linspace(0, 1, 16).expand(1, 1, 16, 16))
    assert seen[0].shape == (1, 3, 8, 8)
    # Antialiased halves of a ramp: but for the borders, the means of two neighbours weighed 3 and their outer ones 1.
    ramp = torch.linspace(0, 1, 16)
    wanted = (ramp[1:12:2] + 3 * ramp[2:13:2] + 3 * ramp[3:14:2] + ramp[4:15:2]) / 8
    torch.testing.assert_close(seen[0][0, 0, 0, 1:7], wanted)


def test_only_photos_of_faces_are_recognised(monkeypatch):
    monkeypatch.setattr(run, "recognition_of", lambda device: ("asked", ""))
    shoes, faces = SimpleNamespace(), SimpleNamespace(of_faces=True)
    assert run.identity_for(shoes, None, CPU, lambda *stage: None) == (None, NOT_OF_FACES)
    assert run.identity_for(faces, None, CPU, lambda *stage: None) == ("asked", "")
