"""What networks promise on their own, without a method around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from attredit.build import Geometry
from attredit.interfaces import Code, Verdict
from attredit.registry import Component, Registry
from attredit.testing import make
from attredit.testing.report import Broken
from attredit.testing.workshop import Subject


def shapes(subject: Subject) -> str:
    """In training on a few images, and in editing on one."""
    sizes = []
    for of in make.geometries(subject.registry, subject.it):
        network = make.built(subject.registry, subject.it, of)
        for n in (4, 1):
            network.train(n > 1)
            output = run(subject, network, of, n)
            check_output(subject.it.kind, output, of, n)
        sizes.append(of.image_size)
    return f"image sizes {', '.join(map(str, sorted(set(sizes))))}"


def run(subject: Subject, network: nn.Module, of: Geometry, n: int = 4, seed: int = 0) -> Any:
    """What a network says of n images; a decoder, of a latent that it can read."""
    kind = subject.it.kind
    if kind == "encoder":
        return network(make.images(of, n, seed), make.attrs(of, n))
    if kind == "discriminator":
        return network(make.images(of, n, seed))
    code = code_for(subject, of, n, seed)
    return network(code.mean, make.attrs(of, n), code)


def code_for(subject: Subject, of: Geometry, n: int = 4, seed: int = 0) -> Code:
    """A code that a decoder can read: of vectors, or what one of the registered encoders gives."""
    chosen = subject.place.once(f"codes of {subject.it.id}", lambda: _codes(subject, of))
    return chosen(of, n, seed)


def check_output(kind: str, output: Any, of: Geometry, n: int) -> None:
    """Raise `Broken` for an output that is not what `attredit.interfaces` says."""
    {"encoder": _check_code, "decoder": _check_logits, "discriminator": _check_verdict}[kind](output, of, n)


def tensors(output: Any) -> Iterator[Tensor]:
    """Every tensor in an output."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, tuple):
        for item in output:
            yield from tensors(item)


_Codes = Callable[[Geometry, int, int], Code]


def _codes(subject: Subject, of: Geometry) -> _Codes:
    """Where a decoder's codes come from: the first of vectors, its own plugin's encoders and all others that fits."""
    registry, it = subject.registry, subject.it
    encoders = sorted(registry.components("encoder"), key=lambda c: c.plugin != it.plugin)
    first: Exception | None = None
    for source in (_vectors, *(_encoded_by(registry, encoder) for encoder in encoders)):
        try:
            decoder, code = make.built(registry, it, of).eval(), source(of, 4, 0)
            with torch.no_grad():
                decoder(code.mean, make.attrs(of), code)
            return source
        except Exception as error:
            first = first or error
    assert first is not None, "vectors were tried"
    raise first


def _vectors(of: Geometry, n: int, seed: int) -> Code:
    return make.vectors(of, n, seed + 2)


def _encoded_by(registry: Registry, encoder: Component) -> _Codes:
    def codes(of: Geometry, n: int, seed: int) -> Code:
        network = make.built(registry, encoder, of).eval()
        with torch.no_grad():
            code: Code = network(make.images(of, n, seed), make.attrs(of, n))
        return code._replace(labels=make.attrs(of, n))

    return codes


def _check_code(code: Any, of: Geometry, n: int) -> None:
    _expect(isinstance(code, Code), "a Code", type(code).__name__, of)
    mean = (n, of.latent_dim)
    _expect(
        code.mean.ndim in (2, 4) and code.mean.shape[:2] == mean, f"mean {mean} or {(*mean, 'h', 'w')}", code.mean, of
    )
    if code.logvar is not None:
        _expect(code.logvar.shape == code.mean.shape, f"logvar {tuple(code.mean.shape)}", code.logvar, of)
    if code.attrs is not None:
        _expect(code.attrs.shape == (n, of.attr_dim), f"attrs {(n, of.attr_dim)}", code.attrs, of)
    _check_numbers(code, of, n)


def _check_logits(logits: Any, of: Geometry, n: int) -> None:
    wanted = (n, of.channels, of.image_size, of.image_size)
    _expect(isinstance(logits, Tensor), "a tensor of image logits", type(logits).__name__, of)
    _expect(logits.shape == wanted, f"image logits {wanted}", logits, of)
    _check_numbers(logits, of, n)


def _check_verdict(verdict: Any, of: Geometry, n: int) -> None:
    _expect(isinstance(verdict, Verdict), "a Verdict", type(verdict).__name__, of)
    _expect(verdict.realness.shape == (n, 1), f"realness {(n, 1)}", verdict.realness, of)
    if verdict.attrs is not None:
        _expect(verdict.attrs.shape == (n, of.attr_dim), f"attrs {(n, of.attr_dim)}", verdict.attrs, of)
    _check_numbers(verdict, of, n)


def _check_numbers(output: Any, of: Geometry, n: int) -> None:
    """Floats of single precision, finite, one row an image."""
    for tensor in tensors(output):
        _expect(tensor.dtype == torch.float32, "outputs of float32", tensor, of)
        _expect(tensor.shape[:1] == (n,), f"outputs with {n} rows for {n} images", tensor, of)
        _expect(bool(tensor.isfinite().all()), "outputs that are finite", "some that are not", of)


def _expect(holds: bool, expected: str, found: Tensor | str, of: Geometry) -> None:
    if not holds:
        what = f"{found.dtype} {tuple(found.shape)}" if isinstance(found, Tensor) else found
        raise Broken(f"{expected} at {make.described(of)}", what)
