"""The criterion against its definition and against what it is for, and the plugin against what attredit promises."""

from __future__ import annotations

import math

import pytest
import torch
from attredit_hsic.independence import HSIC, hsic
from torch import Tensor, nn

from attredit import AttributeSchema, BatchView, Code, Model
from attredit.rows import Slice
from attredit.testing import check_plugin


def literal(z: Tensor, y: Tensor) -> float:
    """The double sums of tr(KHLH) / (n - 1)^2, one scalar after the other."""
    n = len(z)
    distances = [[sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) for q in z.tolist()] for p in z.tolist()]
    apart = sorted(distances[i][j] for i in range(n) for j in range(i))
    median = apart[(len(apart) - 1) // 2]
    k = [[math.exp(-d / (2 * median)) for d in row] for row in distances]
    linear = [[sum(a * b for a, b in zip(p, q, strict=True)) for q in y.tolist()] for p in y.tolist()]
    h = [[(i == j) - 1 / n for j in range(n)] for i in range(n)]
    hlh = [
        [sum(h[i][a] * linear[a][b] * h[b][j] for a in range(n) for b in range(n)) for j in range(n)] for i in range(n)
    ]
    return sum(k[i][j] * hlh[j][i] for i in range(n) for j in range(n)) / (n - 1) ** 2


def draws(n: int, width: int = 4) -> tuple[Tensor, Tensor]:
    """Latents, and labels of two attributes that have nothing to do with them."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(n, width, generator=generator, dtype=torch.float64)
    return z, (torch.rand(n, 2, generator=generator) > 0.5).double()


def test_it_is_the_double_sum_of_its_definition() -> None:
    z, y = draws(9)
    assert math.isclose(hsic(z, y).item(), literal(z, y), rel_tol=1e-9)


def test_independent_latents_have_next_to_none_and_less_with_more_images() -> None:
    few, many = hsic(*draws(100)).item(), hsic(*draws(1600)).item()
    assert 0.0 <= many < few < 0.01
    assert many < 0.001


def test_a_latent_that_tells_the_label_has_much_more_even_if_no_mean_differs() -> None:
    z, y = draws(400)
    alone = hsic(z, y).item()
    shifted, spread = z.clone(), z.clone()
    shifted[:, :1] += 3.0 * y[:, :1]
    spread *= 1.0 + 3.0 * y[:, :1]
    assert hsic(shifted, y).item() > 10 * alone
    assert hsic(spread, y).item() > 5 * alone


def test_latents_that_are_all_the_same_are_no_division_by_zero() -> None:
    # Not always 0: sums are rounded as the processor pleases.
    assert hsic(torch.ones(6, 3), torch.eye(6)[:, :1]).item() == pytest.approx(0, abs=1e-6)


class Linear(nn.Module):
    """An encoder of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 4 * 4, 5)

    def forward(self, images: Tensor, labels: Tensor | None) -> Code:
        mean = self.layer(images.flatten(1))
        return Code(mean, torch.zeros_like(mean), None)


def test_the_encoder_is_told_which_way_independence_lies() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([[0], [1]] * 8)
    images = torch.rand(16, 3, 4, 4) * 0.1 + 0.5 * labels[:, :, None, None]
    encoder = Linear()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.01)
    seen = []
    for _ in range(60):
        model = Model({"encoder": encoder}, AttributeSchema.of_binary(["Smiling"]), latent_dim=5)
        view = BatchView(model, images, labels, rows=Slice(0, 16, 16), seed=0, step=0)
        optimizer.zero_grad()
        penalty = HSIC().penalty(view)
        penalty.backward()
        optimizer.step()
        seen.append(penalty.item())
    assert seen[-1] < 0.5 * seen[0]


def test_conformance() -> None:
    check_plugin("hsic")
