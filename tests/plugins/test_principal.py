"""Networks that begin with principal components, against those components computed by hand."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import Tensor

from attredit.attributes import Attribute, AttributeSchema
from attredit_networks.principal import PrincipalComponents, PrincipalDecoder, PrincipalEncoder


def images_of(count: int, size: int = 8, directions: int = 3) -> Tensor:
    """Images that vary in a few directions alone, in each a different amount."""
    generator = torch.Generator().manual_seed(1)
    basis = torch.linalg.qr(torch.randn(3 * size**2, directions, generator=generator)).Q.T
    amounts = torch.randn(count, directions, generator=generator) * torch.tensor([0.9, 0.5, 0.2])[:directions]
    return (0.5 + amounts @ basis).view(count, 3, size, size)


def networks(size: int = 8, **options: int) -> tuple[PrincipalEncoder, PrincipalDecoder]:
    torch.manual_seed(0)
    common = {"channels": 3, "image_size": size, "latent_dim": 3, "attr_dim": 2, "width": 2, "components": 5, **options}
    common["schema"] = AttributeSchema.of_binary("ab")
    return PrincipalEncoder(**common), PrincipalDecoder(**common)


def test_components_are_those_of_the_covariance() -> None:
    images = images_of(200)
    components = PrincipalComponents(3, 8, 3)
    components.fit(images)
    flat = images.flatten(1)
    variances, vectors = torch.linalg.eigh(torch.cov(flat.T, correction=0))
    torch.testing.assert_close(components.scale, variances[-3:].flip(0).sqrt(), rtol=1e-4, atol=1e-5)
    alike = (components.basis @ vectors[:, -3:].flip(1)).abs()
    torch.testing.assert_close(alike, torch.eye(3), rtol=0, atol=1e-3)
    read = components.read(images)
    torch.testing.assert_close(read.mean(0), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(torch.cov(read.T, correction=0), torch.eye(3), rtol=0, atol=1e-3)
    torch.testing.assert_close(components.draw(read) + components.center, flat, rtol=0, atol=1e-4)


def test_what_images_lack_stays_zero() -> None:
    components = PrincipalComponents(3, 8, 10)
    components.fit(images_of(6))  # varies in three directions, although there are six images
    assert components.basis.any(1).tolist() == [True] * 3 + [False] * 7
    assert components.read(torch.rand(2, 3, 8, 8)).isfinite().all()


@pytest.mark.parametrize("generators_state", [1, 2])
def test_the_components_are_a_function_of_the_images_alone(generators_state: int) -> None:
    torch.manual_seed(generators_state)
    first, second = PrincipalComponents(3, 8, 4), PrincipalComponents(3, 8, 4)
    first.fit(images_of(50, directions=2))
    before = torch.random.get_rng_state()
    second.fit(images_of(50, directions=2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.basis, second.basis)


def test_they_are_computed_once_for_networks_that_share_them(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, computed = torch.svd_lowrank, list[int]()
    monkeypatch.setattr(
        torch, "svd_lowrank", lambda of, count, **how: computed.append(count) or usual(of, count, **how)
    )
    images = images_of(50)

    def fitted(images: Tensor, size: int = 8, count: int = 4) -> PrincipalComponents:
        told = PrincipalComponents(3, size, count)
        told.fit(images)
        afresh = PrincipalComponents(3, size, count)
        afresh.fit(images.clone())
        assert all(torch.equal(told.state_dict()[name], value) for name, value in afresh.state_dict().items())
        return told

    encoder, decoder = networks()
    encoder.initialize(images)
    decoder.initialize(images)
    assert computed == [25]
    first = fitted(images)  # of another count, size, and of what was written into the same tensor: each its own
    fitted(images, size=4)
    images.mul_(0.5).add_(torch.rand_like(images), alpha=0.1)
    assert not torch.equal(fitted(images).basis, first.basis)
    assert computed == [25, *[24] * 6]
    nobody = weakref.ref(images)
    del images
    assert nobody() is None


def test_training_begins_with_a_reconstruction() -> None:
    images = images_of(200).clamp(0.05, 0.95)
    encoder, decoder = networks()
    attrs = torch.tensor([[0.0, 1.0]]).expand(200, 2)
    encoder.initialize(images)
    decoder.initialize(images)
    decoder.convolutions.layers[-1].weight.data.zero_()  # what they add is small, and random
    decoder.convolutions.layers[-1].bias.data.zero_()
    drawn = decoder(encoder(images).mean, attrs).sigmoid()
    error, variance = (drawn - images).square().mean(), images.var(0, correction=0).mean()
    assert error < 0.01 * variance
    assert torch.equal(decoder(encoder(images).mean, attrs), decoder(encoder(images).mean, 1.0 - attrs))


def test_the_latents_noise_begins_with_the_same_squared_error_each() -> None:
    encoder, _ = networks()
    encoder.initialize(images_of(200))
    encoder.logvar.weight.data.zero_()
    logvar = encoder(torch.rand(1, 3, 8, 8)).logvar
    assert logvar is not None
    variance = encoder.components.scale[:3].square()
    torch.testing.assert_close(logvar[0].exp(), (0.05 / variance).clamp(max=0.9))


def test_the_mean_is_linear_in_the_components_and_shifted_by_what_the_label_head_says() -> None:
    encoder, _ = networks()
    images = torch.rand(2, 3, 8, 8)
    before = encoder(images).mean
    for parameter in encoder.trunk.parameters():
        parameter.data.normal_()
    assert torch.equal(encoder(images).mean, before)  # training begins without a shift
    encoder.mean.weight.data.normal_()
    of_components, of_labels = encoder.mean.weight.split((5, 2), dim=1)
    code = encoder(images)
    assert code.attrs is not None
    signs = 2.0 * code.attrs.sigmoid() - 1.0
    torch.testing.assert_close(code.mean, encoder.components.read(images) @ of_components.T + signs @ of_labels.T)
    # The head learns labels, not what would suit the latent.
    code.mean.sum().backward()
    assert encoder.head.weight.grad is None


def test_values_that_exclude_each_other_shift_the_mean_by_shares_that_sum_to_one() -> None:
    torch.manual_seed(0)
    schema = AttributeSchema((Attribute("Hair", ("red", "green", "blue")),))
    encoder = PrincipalEncoder(
        channels=3, image_size=8, latent_dim=3, attr_dim=3, schema=schema, width=2, components=5
    ).eval()
    images = images_of(50)
    encoder.initialize(images)
    told: list[Tensor] = []
    encoder.mean.register_forward_pre_hook(lambda _, given: told.append(given[0]))
    code = encoder(images)
    torch.testing.assert_close((told[0][:, -3:] + 1) / 2, code.attrs.softmax(1))


def test_attributes_change_what_the_latent_draws() -> None:
    _, decoder = networks()
    decoder.coordinates.weight.data.normal_()
    z, attrs = torch.randn(1, 3), torch.tensor([[1.0, 0.0]])
    shared, first, second = decoder.coordinates.weight.unflatten(1, (3, 3)).unbind(1)
    coordinates = (shared + first - second) @ z[0]  # the second attribute is absent, hence minus
    by_hand = decoder.components.draw(coordinates[None]).view(1, 3, 8, 8) + decoder.convolutions(z, attrs)
    torch.testing.assert_close(decoder(z, attrs), by_hand)


@pytest.mark.parametrize(("size", "linear_size"), [(16, 64), (32, 8), (128, 64)])
def test_shapes(size: int, linear_size: int) -> None:
    encoder, decoder = networks(size, linear_size=linear_size)
    images = torch.rand(4, 3, size, size)
    encoder.initialize(images)
    decoder.initialize(images)
    code = encoder(images)
    assert code.logvar is not None
    assert code.attrs is not None
    assert code.mean.shape == code.logvar.shape == (4, 3)
    assert code.attrs.shape == (4, 2)
    assert decoder(code.mean, torch.ones(4, 2)).shape == (4, 3, size, size)
