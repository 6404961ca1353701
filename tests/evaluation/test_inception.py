"""FID and KID in Inception's features, with random weights in place of the published ones."""

from __future__ import annotations

import dataclasses
import hashlib
from importlib.util import find_spec

import pytest
import quadrants as q
import torch
from test_realism import noisy, silent

from attredit.errors import RunError
from attredit.evaluation import inception
from attredit.evaluation.inception import Inception, inception_of
from attredit.evaluation.measure import measure

CPU = torch.device("cpu")
needs_the_package = pytest.mark.skipif(find_spec("torch_fidelity") is None, reason="torch-fidelity is not installed")


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Where torch-fidelity would keep the weights."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    inception.WEIGHTS.file.parent.mkdir()
    return inception.WEIGHTS.file


def published(weights, monkeypatch):
    """As if this file were what is published."""
    named = f"weights-{hashlib.sha256(weights.read_bytes()).hexdigest()[:8]}.pth"
    monkeypatch.setattr(inception, "WEIGHTS", inception.WEIGHTS._replace(url=f"https://example.org/{named}"))
    weights.rename(weights.with_name(named))


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("attredit.evaluation.weights.find_spec", lambda name: None)
    assert "attredit[fid]" in inception_of(CPU)[1]


@needs_the_package
def test_without_weights_it_says_which_file_to_put_where(weights):
    found, reason = inception_of(CPU)
    assert found is None
    assert weights.name in reason
    assert str(weights.parent) in reason


@needs_the_package
def test_a_damaged_file_is_never_opened(weights):
    weights.write_bytes(b"<html>quota exceeded</html>")
    with pytest.raises(RunError, match="damaged"):
        inception_of(CPU)


@needs_the_package
def test_features_are_those_of_the_package(weights, monkeypatch):
    import torch_fidelity as fidelity

    torch.manual_seed(0)
    with monkeypatch.context() as patch:  # the network as it is before weights are read
        patch.setattr(torch, "load", lambda *args, **kwargs: {})
        patch.setattr(torch.nn.Module, "load_state_dict", lambda self, state: None)
        network = fidelity.FeatureExtractorInceptionV3("random", ["2048"], feature_extractor_weights_path="none")
    torch.save(network.state_dict(), weights)
    published(weights, monkeypatch)
    found, reason = inception_of(CPU)
    assert found is not None
    assert reason == ""
    images = torch.randint(0, 256, (2, 3, 32, 32))
    features = found.features(images.float() / 255)
    assert features.shape == (2, 2048)
    torch.testing.assert_close(features, network(images.to(torch.uint8))[0])
    grey = found.features(images[:, :1].float() / 255)
    torch.testing.assert_close(grey, network(images[:, :1].expand(-1, 3, -1, -1).to(torch.uint8))[0])


@needs_the_package
def test_a_file_that_holds_more_than_tensors_is_refused(weights, monkeypatch):
    class Code:
        def __reduce__(self):
            return print, ("executed",)

    torch.save(Code(), weights)
    published(weights, monkeypatch)
    with pytest.raises(RunError, match="more than tensors"):
        inception_of(CPU)


class Quarters(torch.nn.Module):
    """uint8 images to the means of their four quadrants, in place of Inception."""

    def forward(self, images):
        return (torch.stack([images[:, 0, *place].float().mean((1, 2)) / 255 for place in q.PLACES], 1),)


def test_distances_are_named_as_everybody_names_them():
    labels, images = noisy(60)
    data = dataclasses.replace(q.data_of(labels), inception=Inception(Quarters()))
    data.store.images[:] = images
    found = measure(q.Quadrants(), data, silent)
    got = found.table.metrics()
    assert {"fid", "kid", "composite_fid", "composite_kid"} <= set(got)
    assert "no prior" in found.reasons["sample_fid"]
    # Decoding as asked and not at all agree but for the first quadrant, of which the judge's own means tell the same.
    assert got["kid"].value == pytest.approx(got["kid_judge"].value, abs=1e-3)
    assert got["fid"].value == pytest.approx(got["fid_judge"].value, abs=1e-3)


def test_too_few_images_for_a_covariance():
    class Wide(torch.nn.Module):
        def forward(self, images):
            return (torch.ones(len(images), 2048),)

    labels, _ = noisy(60)
    found = measure(q.Quadrants(), dataclasses.replace(q.data_of(labels), inception=Inception(Wide())), silent)
    assert "needs 4,096 images of a value of Smiling" in found.reasons["fid"]
    assert "kid" in found.table.metrics()
