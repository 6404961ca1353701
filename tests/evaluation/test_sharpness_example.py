"""The example of a metric, on images whose edges can be counted."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import quadrants as q

from attredit.evaluation.measure import plugin_metrics
from attredit.registry import Registry

EXAMPLES = Path(__file__).parents[2] / "examples" / "plugins"


@pytest.mark.parametrize(
    "decoding, share",
    [
        (lambda images, attrs: images, 1.0),
        (lambda images, attrs: images.mean((2, 3), keepdim=True).expand_as(images), 0.0),
        (lambda images, attrs: 0.25 * images, 0.25),
    ],
)
def test_sharpness(decoding: Any, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    registry = Registry()
    registry.add(EntryPoint("sharpness", "sharpness", "attredit"))
    data = q.data_of(q.labels_of(300))
    figures, reasons = plugin_metrics(
        registry.components("metric"), q.Quadrants(decoding=decoding), data, lambda *_: None
    )
    assert reasons == {}
    assert figures["sharpness"].value == pytest.approx(share, abs=1e-6)
    assert figures["sharpness"].n == 300
