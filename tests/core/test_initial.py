"""Networks that choose their first weights by the data are asked once, before everything that a run does with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attredit.files import below, read_tensors
from attredit.initial import initialise
from attredit.launch import resume, train
from attredit_networks.conv import ConvEncoder


def test_a_network_sees_images_labels_and_its_partners(request_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Tensor, Tensor, set[str]]] = []

    def look(self: ConvEncoder, images: Tensor, targets: Tensor, parts: Mapping[str, nn.Module]) -> None:
        assert not torch.is_grad_enabled()
        assert parts["encoder"] is self
        seen.append((images, targets, set(parts)))

    monkeypatch.setattr(ConvEncoder, "initialise", look)
    run = train(request_for(data_options={"train": 40, "valid": 16, "test": 16}))
    [(images, targets, parts)] = seen
    assert images.shape == (40, 3, 32, 32)
    assert 0 <= images.min() < images.max() <= 1
    assert targets.shape == (40, 1)
    assert {"encoder", "decoder"} <= parts
    resume(run, steps=20, device="cpu")
    assert len(seen) == 1


def test_the_averaged_weights_start_where_the_weights_do(request_for: Any) -> None:
    frozen = {"ema": 0.999999, "players.autoencoder.optimizer.lr": 0.0}
    run = train(request_for(steps=1, overrides=frozen))
    state, _ = read_tensors(run / "training.safetensors")
    now, average = below("parts", state), below("average", state)
    for name, tensor in average.items():
        torch.testing.assert_close(tensor, now[name])
    # A start from components, not from nothing: the decoder's linear path draws the mean image.
    assert now["decoder.linear.linear.bias"].abs().max() > 0.1


def test_networks_that_do_not_ask_are_left_alone() -> None:
    class Silent:
        parts = nn.ModuleDict({"encoder": nn.Linear(2, 2)})

    before = Silent.parts["encoder"].weight.clone()  # type: ignore[operator]
    initialise(Silent())  # type: ignore[arg-type]
    assert torch.equal(Silent.parts["encoder"].weight, before)  # type: ignore[arg-type]
