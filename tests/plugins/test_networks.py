"""The networks of the default recipe, against their equations."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from attredit_networks.conv import ConvDecoder, ConvEncoder, LatentToPixels


def networks(size: int = 32, **options: int) -> tuple[ConvEncoder, ConvDecoder]:
    torch.manual_seed(0)
    common = {"channels": 3, "image_size": size, "latent_dim": 5, "attr_dim": 2, "width": 2, **options}
    return ConvEncoder(**common), ConvDecoder(**common)


@pytest.mark.parametrize(("size", "linear_size"), [(16, 64), (64, 64), (128, 64), (32, 8), (32, 0)])
def test_shapes(size: int, linear_size: int) -> None:
    encoder, decoder = networks(size, linear_size=linear_size)
    code = encoder(torch.rand(4, 3, size, size))
    assert code.mean.shape == code.logvar.shape == (4, 5)
    assert code.attrs.shape == (4, 2)
    assert decoder(code.mean, torch.ones(4, 2)).shape == (4, 3, size, size)
    assert (encoder.linear is None) == (decoder.linear is None) == (linear_size == 0)


def test_the_linear_path_adds_to_what_the_convolutions_say() -> None:
    (encoder, decoder), (bare_encoder, bare_decoder) = networks(), networks(linear_size=0)
    bare_encoder.load_state_dict({k: v for k, v in encoder.state_dict().items() if not k.startswith("linear")})
    bare_decoder.load_state_dict({k: v for k, v in decoder.state_dict().items() if not k.startswith("linear")})
    images, z, attrs = torch.rand(3, 3, 32, 32), torch.randn(3, 5), torch.tensor([[0.0, 1.0]] * 3)
    assert encoder.linear is not None
    assert decoder.linear is not None
    by_hand = (images - 0.5).flatten(1) @ encoder.linear.weight.T
    torch.testing.assert_close(encoder(images).mean - bare_encoder(images).mean, by_hand)
    assert torch.equal(encoder(images).logvar, bare_encoder(images).logvar)
    torch.testing.assert_close(
        decoder(z, attrs), bare_decoder(z, attrs) + decoder.linear(z, attrs), atol=1e-5, rtol=1e-4
    )


def test_attributes_change_the_linear_paths_weights_and_add_nothing_of_their_own() -> None:
    torch.manual_seed(0)
    path = LatentToPixels(5, 2, channels=3, size=8, image_size=8)
    z, attrs = torch.randn(1, 5), torch.tensor([[1.0, 0.0]])
    shared, first, second = path.linear.weight.unflatten(1, (3, 5)).unbind(1)
    by_hand = (
        path.linear.bias + (shared + first - second) @ z[0]
    )  # (3 * 8 * 8,): the second attribute is absent, hence minus
    torch.testing.assert_close(path(z, attrs)[0].flatten(), by_hand)
    nothing = torch.zeros(1, 5)
    assert torch.equal(path(nothing, attrs), path(nothing, 1.0 - attrs))


def striped(n: int, size: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of two sine waves of random strength; those with the attribute have a third, and a patch."""
    torch.manual_seed(1)
    place = torch.linspace(0, 6.28, size)
    first, second = place.sin()[:, None].expand(size, size), place.cos()[None, :].expand(size, size)
    corner = torch.zeros(size, size)
    corner[:4, :4] = 1.0
    targets = (torch.arange(n) % 2).float()[:, None]
    # The same strengths with and without: but for a patch of its own, the attribute does nothing to the mean.
    drawn = torch.randn(n // 2, 3)
    strength = (drawn - drawn.mean(0)).repeat_interleave(2, 0).view(n, 3, 1, 1)
    has = targets[:, :, None, None]
    waves = 0.08 * strength[:, :1] * first + 0.05 * strength[:, 1:2] * second + 0.02 * has * strength[:, 2:] * corner
    return (0.5 + waves + 0.1 * has * corner.flip(0, 1)).expand(-1, 3, -1, -1).contiguous(), targets


@torch.no_grad()
def test_the_linear_path_starts_as_principal_components() -> None:
    torch.manual_seed(0)
    common = {"channels": 3, "image_size": 16, "latent_dim": 5, "attr_dim": 1, "width": 2}
    encoder, decoder = ConvEncoder(**common), ConvDecoder(**common)
    assert encoder.linear is not None
    assert decoder.linear is not None
    images, targets = striped(400)
    encoder.initialise(images, targets, nn.ModuleDict({"encoder": encoder, "decoder": decoder}))
    offset = encoder.latent.bias[:5]
    scores = encoder.linear(images) + offset
    # Three things vary: three components of unit variance, apart from each other and from the attribute.
    torch.testing.assert_close(scores[:, :3].T @ scores[:, :3] / 400, torch.eye(3), atol=2e-3, rtol=0)
    assert (scores[:, :3].T @ (2 * targets - 1)).abs().max() / 400 < 1e-3
    # The same three that a full decomposition of the centred images finds, up to their signs.
    having, pixels = targets[:, 0] == 1, images.flatten(1)
    apart = pixels[having].mean(0) - pixels[~having].mean(0)
    means = torch.where(having[:, None], pixels[having].mean(0), pixels[~having].mean(0))
    centred = (pixels - means) - torch.outer((pixels - means) @ apart, apart) / apart.square().sum()
    literal = torch.linalg.svd(centred, full_matrices=False).U[:, :3] * 20
    torch.testing.assert_close((literal.T @ scores[:, :3] / 400).abs(), torch.eye(3), atol=1e-2, rtol=0)
    drawn = decoder.linear(scores, targets).sigmoid()
    assert (drawn - images).square().mean() < 0.05 * images.var()


@torch.no_grad()
def test_what_only_images_with_the_attribute_show_is_drawn_for_them_alone() -> None:
    torch.manual_seed(0)
    common = {"channels": 3, "image_size": 16, "latent_dim": 5, "attr_dim": 1, "width": 2}
    encoder, decoder = ConvEncoder(**common), ConvDecoder(**common)
    assert encoder.linear is not None
    assert decoder.linear is not None
    images, targets = striped(400)
    encoder.initialise(images, targets, nn.ModuleDict({"encoder": encoder, "decoder": decoder}))
    scores = encoder.linear(images) + encoder.latent.bias[:5]
    having = targets[:, 0] == 1
    kept, off = (decoder.linear(scores[having], torch.full((200, 1), v)).sigmoid() for v in (1.0, 0.0))
    spread = [d[:, :, :4, :4].sub(images[having][:, :, :4, :4]).square().mean() for d in (kept, off)]
    assert spread[1] > 2 * spread[0]


@torch.no_grad()
@pytest.mark.parametrize("n", [1, 3, 40])
def test_few_images_start_what_they_can(n: int) -> None:
    encoder, decoder = networks(linear_size=8)
    parts = nn.ModuleDict({"encoder": encoder, "decoder": decoder})
    encoder.initialise(torch.rand(n, 3, 32, 32), torch.ones(n, 2), parts)
    code = encoder(torch.rand(2, 3, 32, 32))
    assert all(torch.isfinite(t).all() for t in (code.mean, code.logvar, decoder(code.mean, torch.ones(2, 2))))
