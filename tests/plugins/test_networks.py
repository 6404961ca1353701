"""The networks of the default recipe, against their equations."""

from __future__ import annotations

import pytest
import torch

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


def test_an_ungated_linear_path_reads_the_latent_only() -> None:
    torch.manual_seed(0)
    path = LatentToPixels(5, 2, channels=3, size=8, image_size=8, gated=False)
    z, attrs = torch.randn(2, 5), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    by_hand = z @ path.linear.weight.T + path.linear.bias
    torch.testing.assert_close(path(z, attrs).flatten(1), by_hand)
    assert torch.equal(path(z, attrs), path(z, 1.0 - attrs))
