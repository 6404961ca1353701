"""What networks promise on their own, without a method around them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from attredit.devices import seeded
from attredit.editing.composite import change_of
from attredit.errors import UsageError
from attredit.files import load_into, read_tensors, write_tensors
from attredit.networks import Code, NetworkSizes, Verdict, latent_shape
from attredit.plugin.registry import Component
from attredit.testing import make
from attredit.testing.report import Broken
from attredit.testing.workshop import Subject


def shapes(subject: Subject) -> str:
    """In training on a few images, and in editing on one."""
    sizes = []
    for of in make.geometries(subject):
        network = make.built(subject, subject.it, of)
        for n in (4, 1):
            network.train(n > 1)
            output = forward(subject, network, of, inputs(subject, of, n))
            _CHECKS[subject.it.kind](output, of, n)
            if subject.it.kind == "decoder":
                _check_sample(subject, network, of, n)
        sizes.append(of.image_size)
    return f"image sizes {', '.join(map(str, sorted(set(sizes))))}"


def code_for(subject: Subject, of: NetworkSizes, n: int = 4, seed: int = 0) -> Code:
    """A code that a decoder can read: of vectors, or what one of the registered encoders gives."""
    chosen = subject.place.once(f"codes of {subject.it.id}", lambda: _codes(subject, of))
    return chosen(of, n, seed)


def tensors(output: Any) -> Iterator[Tensor]:
    """Every tensor in an output."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, tuple):
        for item in output:
            yield from tensors(item)


_Codes = Callable[[NetworkSizes, int, int], Code]


def _codes(subject: Subject, of: NetworkSizes) -> _Codes:
    """Where a decoder's codes come from: an encoder with skips if it reads some; else what fits first."""
    it = subject.it
    encoders = sorted(subject.registry.components("encoder"), key=lambda c: c.plugin != it.plugin)
    mate = make.mate(subject, it)
    first: Exception | None = None
    sources = [_encoded_by(subject, encoder) for encoder in encoders]
    for source in (_vectors, *sources) if mate is None else (_encoded_by(subject, mate),):
        try:
            decoder, code = make.built(subject, it, of).eval(), source(of, 4, 0)
            with torch.no_grad():
                decoder(code.mean, make.attrs(of), code)
            return source
        except Exception as error:
            first = first or error
    assert first is not None, "vectors were tried"
    raise first


def _vectors(of: NetworkSizes, n: int, seed: int) -> Code:
    return make.vectors(of, n, seed + 2)


def _encoded_by(subject: Subject, encoder: Component) -> _Codes:
    def codes(of: NetworkSizes, n: int, seed: int) -> Code:
        network = make.built(subject, encoder, of).eval()
        with torch.no_grad():
            code: Code = network(make.images(of, n, seed), make.attrs(of, n))
        return code._replace(labels=make.attrs(of, n))

    return codes


def _check_code(code: Any, of: NetworkSizes, n: int) -> None:
    _expect(isinstance(code, Code), "a Code", type(code).__name__, of)
    mean = (n, of.width)
    _expect(
        code.mean.ndim in (2, 4) and code.mean.shape[:2] == mean, f"mean {mean} or {(*mean, 'h', 'w')}", code.mean, of
    )
    if code.logvar is not None:
        _expect(code.logvar.shape == code.mean.shape, f"logvar {tuple(code.mean.shape)}", code.logvar, of)
    if code.attrs is not None:
        _expect(code.attrs.shape == (n, of.attr_dim), f"attrs {(n, of.attr_dim)}", code.attrs, of)
    _check_numbers(code, of, n)


def composites(subject: Subject) -> str:
    """Of a compositor: images of any size and of its own range, and unchanged where the decoder changes nothing."""
    of = make.first_geometry(subject)
    network, before = make.built(subject, subject.it, of).eval(), make.images(of, 2, seed=1).requires_grad_()
    for side in (of.image_size, 2 * of.image_size + 3):
        images = torch.rand(2, of.channels, side, side, generator=make.generator(0))
        after, attrs = make.images(of, 2, seed=2), torch.ones(2, of.attr_dim)
        edited, same = (network(images, before, a, change_of(before, a), attrs) for a in (after, before))
        _expect(edited.shape == images.shape, f"images of shape {tuple(images.shape)}", edited, of)
        _check_numbers(edited, of, 2)
        _expect(bool(((edited >= 0) & (edited <= 1)).all()), "values in [0, 1]", edited, of)
        _expect(torch.equal(same, images), "the image itself where the decoder changes nothing", same, of)
        (gradient,) = torch.autograd.grad(edited.sum(), before)
        _expect(bool(gradient.isfinite().all()), "a gradient to what is decoded", gradient, of)
    return f"at {of.image_size} pixels, images of any size"


def _check_logits(logits: Any, of: NetworkSizes, n: int) -> None:
    wanted = (n, of.channels, of.image_size, of.image_size)
    _expect(isinstance(logits, Tensor), "a tensor of image logits", type(logits).__name__, of)
    _expect(logits.shape == wanted, f"image logits {wanted}", logits, of)
    _check_numbers(logits, of, n)


def _check_verdict(verdict: Any, of: NetworkSizes, n: int) -> None:
    _expect(isinstance(verdict, Verdict), "a Verdict", type(verdict).__name__, of)
    _expect(verdict.realness.shape == (n, 1), f"realness {(n, 1)}", verdict.realness, of)
    if verdict.attrs is not None:
        _expect(verdict.attrs.shape == (n, of.attr_dim), f"attrs {(n, of.attr_dim)}", verdict.attrs, of)
    _check_numbers(verdict, of, n)


_CHECKS = {"encoder": _check_code, "decoder": _check_logits, "discriminator": _check_verdict}


def _check_numbers(output: Any, of: NetworkSizes, n: int) -> None:
    """Floats of single precision, finite, one row an image."""
    for tensor in tensors(output):
        _expect(tensor.dtype == torch.float32, "outputs of float32", tensor, of)
        _expect(tensor.shape[:1] == (n,), f"outputs with {n} rows for {n} images", tensor, of)
        _expect(bool(tensor.isfinite().all()), "outputs that are finite", "some that are not", of)


def _expect(holds: bool, expected: str, found: Tensor | str, of: NetworkSizes) -> None:
    if not holds:
        what = f"{found.dtype} {tuple(found.shape)}" if isinstance(found, Tensor) else found
        raise Broken(f"{expected} at {make.described(of)}", what)


def _check_sample(subject: Subject, network: nn.Module, of: NetworkSizes, n: int) -> None:
    """What a decoder makes of the prior, without an image; it may refuse, and one of maps need not say their shape."""
    shape = latent_shape(network, of.width)
    if len(shape) != code_for(subject, of, n).mean.ndim - 1:
        return
    z = torch.randn(n, *shape, generator=make.generator(3))
    with contextlib.suppress(UsageError):
        _check_logits(network(z, make.attrs(of, n), None), of, n)


def gradients(subject: Subject) -> str:
    """Of everything that a network says together: to each of its weights and to what it read."""
    of = make.first_geometry(subject)
    network = make.built(subject, subject.it, of).train()
    given = [t.clone().requires_grad_() for t in inputs(subject, of)]
    passed = [t * 1.0 for t in given]
    output = forward(subject, network, of, passed)
    if any(not torch.equal(t, was) for t, was in zip(passed, given, strict=True)):
        raise Broken("inputs that are left as they are, since other terms read them too", "one was written into")
    loss = torch.stack([(t * torch.randn(t.shape, generator=make.generator(9))).sum() for t in tensors(output)]).sum()
    if not loss.requires_grad:
        raise Broken("outputs that gradients can flow back from", "they are cut off from the network")
    torch.autograd.backward(loss)
    dead = [name for name, weight in network.named_parameters() if weight.requires_grad and weight.grad is None]
    if dead:
        raise Broken("a gradient for every weight that requires one", f"none for {', '.join(dead)}")
    if given[0].grad is None or not bool(given[0].grad.any()):
        what = "latent" if subject.it.kind == "decoder" else "images"
        raise Broken(f"a gradient that flows on to the {what}", "none arrives there")
    broken = [
        name for name, w in network.named_parameters() if w.grad is not None and not bool(w.grad.isfinite().all())
    ]
    if broken:
        raise Broken("gradients that are finite", f"not those of {', '.join(broken)}")
    return f"{sum(1 for _ in network.parameters())} tensors of weights"


def determinism(subject: Subject) -> str:
    """The same seed gives the same weights and outputs; and, in editing, the random state does not matter."""
    of = make.first_geometry(subject)
    first, second = (make.built(subject, subject.it, of) for _ in range(2))
    _expect_equal(first.state_dict(), second.state_dict(), "the same first weights after the same seed")
    for network in (first, second):
        network.train()
    outputs = [_seeded(subject, network, of, 5) for network in (first, second)]
    _expect_same(outputs, "the same outputs in training after the same seed")
    first.eval()
    edits = [_seeded(subject, first, of, seed) for seed in (5, 6)]
    _expect_same(edits, "the same outputs in editing, whatever the random state")
    return ""


def save_and_load(subject: Subject) -> str:
    """Weights that went through a file into another instance, after a pass in training mode."""
    of = make.first_geometry(subject)
    saved, loaded = (make.built(subject, subject.it, of, seed) for seed in (0, 1))
    _seeded(subject, saved.train(), of, 5)
    through_file(subject, saved, loaded)
    outputs = [_seeded(subject, network.eval(), of, 5) for network in (saved, loaded)]
    _expect_same(outputs, "the same outputs after saving and loading")
    return ""


def through_file(subject: Subject, saved: nn.Module, loaded: nn.Module) -> None:
    """What a checkpoint does to a module's state."""
    file = subject.place.home / "state.safetensors"
    write_tensors(file, saved.state_dict(), {})
    load_into(loaded, read_tensors(file)[0], file)


def inputs(subject: Subject, of: NetworkSizes, n: int = 4) -> list[Tensor]:
    """What a network reads: images or a latent, and attributes."""
    kind = subject.it.kind
    if kind == "discriminator":
        return [make.images(of, n)]
    return [code_for(subject, of, n).mean if kind == "decoder" else make.images(of, n), make.attrs(of, n)]


def forward(subject: Subject, network: nn.Module, of: NetworkSizes, given: list[Tensor]) -> Any:
    """What a network says of these inputs."""
    if subject.it.kind != "decoder":
        return network(*given)
    return network(*given, code_for(subject, of, len(given[0])))


def _seeded(subject: Subject, network: nn.Module, of: NetworkSizes, seed: int) -> list[Tensor]:
    """Outputs after a seed."""
    with seeded(seed), torch.no_grad():
        return list(tensors(forward(subject, network, of, inputs(subject, of))))


def _expect_same(outputs: list[list[Tensor]], expected: str) -> None:
    first, second = ({f"output {i}": t for i, t in enumerate(each)} for each in outputs)
    _expect_equal(first, second, expected)


def _expect_equal(first: dict[str, Tensor], second: dict[str, Tensor], expected: str) -> None:
    differing = [name for name in first if name not in second or not torch.equal(first[name], second[name])]
    if differing:
        raise Broken(expected, f"others: {', '.join(differing[:5])}")
