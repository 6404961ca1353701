"""Set distances of editors whose faults are known: which images are compared with which."""

from __future__ import annotations

import numpy as np
import pytest
import quadrants as q
import torch

from attredit.evaluation.distances import frechet
from attredit.evaluation.measure import measure


def silent(stage, done, total): ...


def noisy(n, seed=0):
    """Quadrants of which the mean varies a little from image to image, so that covariances have full rank."""
    labels = q.labels_of(n, seed=seed)
    images = q.draw(labels).astype(int)
    light = np.random.default_rng(seed).integers(-20, 21, (n, 4))
    for i, place in enumerate(q.PLACES):
        images[:, *place] += light[:, i, None, None, None]
    return labels, images.astype(np.uint8)


def figures(editor, n=400):
    labels, images = noisy(n)
    data = q.data_of(labels)
    data.store.images[:] = images
    found = measure(editor, data, silent)
    return found.table.metrics(), found, labels, data


def keep_light(editor):
    """Moves the first quadrant's level by the difference of the two, light and all."""

    def decoding(images, attrs):
        place = q.PLACES[0]
        low = torch.tensor(q.LEVELS).float() / 255
        has = images[:, 0, *place].mean((1, 2)) > low.mean()
        change = (attrs[:, 0] - has.float()) * (low[1] - low[0])
        images[:, 0, *place] += change[:, None, None]
        return images

    editor.decoding = decoding
    return editor


def test_edits_are_compared_with_real_images_of_the_same_value():
    got, _, labels, data = figures(keep_light(q.Quadrants()))
    means = torch.stack([data.images(data.indices)[:, 0, *place].mean((1, 2)) for place in q.PLACES], 1)
    expected = []
    for value in (0, 1):
        real, other = means[labels[:, 0] == value], means[labels[:, 0] != value].clone()
        other[:, 0] += (2 * value - 1) * (q.LEVELS[1] - q.LEVELS[0]) / 255
        expected.append(frechet(real, other).value)
    assert got["fid_judge"].value == pytest.approx(np.mean(expected), rel=1e-4)
    assert got["fid_judge"].n == 2 * 400  # every image is real in one comparison, edited in the other
    assert got["fid_judge"].low < got["fid_judge"].value < got["fid_judge"].high
    # Sets of another value are (127 / 255)² apart, an editor that does nothing is as far.
    nothing, *_ = figures(q.Quadrants(decoding=lambda images, attrs: images))
    assert nothing["fid_judge"].value == pytest.approx((127 / 255) ** 2, rel=0.1)
    assert got["fid_judge"].high < 0.01 < nothing["fid_judge"].low
    assert got["kid_judge"].value < nothing["kid_judge"].value
    assert nothing["composite_fid_judge"].value == pytest.approx(nothing["fid_judge"].value, rel=1e-4)


def test_without_a_prior_there_are_no_samples():
    got, found, *_ = figures(q.Quadrants(logvar=-4.0))  # it samples its latent, from which nothing may be drawn anew
    assert "no prior" in found.reasons["sample_fid_judge"]
    assert "no prior" in found.reasons["sample_kid_judge"]
    assert not [name for name in got if name.startswith("sample_")]


def test_an_encoder_that_does_not_sample_may_have_a_prior():
    got, found, *_ = figures(keep_light(q.Quadrants(prior="normal")))
    assert got["sample_fid_judge"].n == 400
    assert "sample_fid_judge" not in found.reasons


def test_samples_are_decoded_from_the_prior_with_the_images_labels():
    editor, asked = q.Quadrants(logvar=-4.0, prior="normal"), []

    def decode(z, attrs, code=None):
        if code is None:
            asked.append((z.clone(), attrs.clone()))
            return torch.full((len(z), 1, q.SIZE, q.SIZE), 0.5) + 0.05 * z[:, :1, None, None]
        return editor.decoding(z.view(-1, 1, q.SIZE, q.SIZE).clone(), attrs)

    editor.draw = decode
    got, _, labels, data = figures(editor)
    z, attrs = (torch.cat(parts) for parts in zip(*asked, strict=True))
    assert attrs[:, 0].tolist() == labels[:, 0].tolist()
    assert abs(z.mean()) < 0.01
    assert z.std() == pytest.approx(1, abs=0.01)
    assert len(torch.unique(z[:, 0])) == 400
    means = torch.stack([data.images(data.indices)[:, 0, *place].mean((1, 2)) for place in q.PLACES], 1)
    expected = frechet(means, (0.5 + 0.05 * z[:, :1]).expand(-1, 4)).value
    assert got["sample_fid_judge"].value == pytest.approx(expected, rel=1e-4)
    assert got["sample_fid_judge"].n == 400


def test_too_few_images():
    got, found, *_ = figures(keep_light(q.Quadrants(logvar=-4.0)), n=14)
    assert "needs 8 images of a value of Smiling" in found.reasons["fid_judge"]
    assert "fid_judge" not in got
    assert "kid_judge" in got
