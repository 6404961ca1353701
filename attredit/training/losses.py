"""The loss terms of Creswell et al. 2017 (arXiv 1711.05175), equations 3 to 8, and close relatives.

Pure functions of a `BatchView`; registered as ``core/...`` by `attredit.plugin.builtin`, weighted by recipes. Names end
in an underscore because some of the registered ones (``class``) are keywords. The paper's L_bce lacks its minus sign:
every term here is an ordinary cross-entropy, to be minimised.

``batch="mean"`` is the mean over images that the equations ask for; ``batch="sum"`` multiplies by the global batch
size, which is what the authors' code computes for some terms.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from attredit.errors import UsageError
from attredit.plugin.calling import naming
from attredit.training.view import BatchView, Of

Batch = Literal["mean", "sum"]
Reduction = Literal["mean", "sum"]
Likelihood = Literal["bernoulli", "gaussian"]
Again = Literal["reconstruction", "undone"]


def rec_(
    view: BatchView, batch: Batch = "mean", likelihood: Likelihood = "bernoulli", of: Again = "reconstruction"
) -> Tensor:
    """Equation 3: BCE of the reconstruction (or half its squared error), summed over pixels, divided by H*W.

    Of the "undone" edit it says what the latent and the styles are for: the first to know nothing of what is drawn
    over it, the second to know all of what is not there.
    """
    # A mean over channels and pixels, times C, is a sum over both divided by H*W.
    return _unlike(view, likelihood, of).mean() * view.real.shape[1] * _times(view, batch)


def rec_edited_(view: BatchView, likelihood: Likelihood = "bernoulli", of: Again = "reconstruction") -> Tensor:
    """Equation 3 where edits change the image: `rec`, its pixels weighted by `BatchView.mask`.

    What an edit shows is drawn there, and a mean over all pixels hardly sees it. Give it ``only=("decoder",)``: an
    encoder that hears of it writes the attribute into the latent. Of the "undone" edit it may hear: it is shown that
    with another value.
    """
    return (_unlike(view, likelihood, of) * view.mask).mean() * view.real.shape[1]


def kl_(
    view: BatchView,
    batch: Batch = "mean",
    reduction: Reduction = "mean",
    of: Literal["latent", "content", "styles"] = "latent",
) -> Tensor:
    """Equation 8, analytic: KL[q(z given x) to N(0, I)], summed over the latent and, for "mean", divided by Z.

    Args:
        view: The step.
        batch: See above.
        reduction: Over the numbers of the latent.
        of: Which of them; content and styles may weigh differently.

    Raises:
        UsageError: the encoder does not sample.
    """
    code = view.code()
    if code.logvar is None:
        raise UsageError("The term kl needs a log-variance, which this encoder does not give.", "Leave that term out.")
    content = view.model.latent_dim
    part = {"latent": slice(None), "content": slice(content), "styles": slice(content, None)}[of]
    return _reduced(kl_divergence(code.mean[:, part], code.logvar[:, part]), reduction) * _times(view, batch)


def kl_divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL of N(mean, exp(logvar)) to N(0, 1), elementwise, in nats."""
    return 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar)


def gan_(view: BatchView, part: str = "discriminator", batch: Batch = "mean", scale: float = 1.0 / 3.0) -> Tensor:
    """Equation 4: BCE of real images with 1, of reconstructions with 0 and of samples from the prior with 0."""
    real = _bce(view.verdict(part, "real").realness, 1.0)
    fake = sum(_bce(view.verdict(part, of).realness, 0.0) for of in _FAKES)
    return scale * (real + fake) * _times(view, batch)


def gan_generator_(view: BatchView, part: str = "discriminator", batch: Batch = "mean") -> Tensor:
    """The non-saturating generator's side: half the BCE of reconstructions and of samples with 1."""
    fooled = sum(_bce(view.verdict(part, of).realness, 1.0) for of in _FAKES)
    return torch.as_tensor(0.5 * fooled) * _times(view, batch)


def match_(view: BatchView, part: str = "", layer: int = -1, reduction: Reduction = "mean") -> Tensor:
    """Half the squared distance between images and their reconstructions, in some network's eyes.

    VAE/GAN's learned similarity (Larsen et al. 2016, equation 7) and CVAE-GAN's pairwise matching (Bao et al. 2017).

    Args:
        view: The step.
        part: The network whose features are compared; the pixels themselves when empty.
        layer: Which of its features.
        reduction: Squares are summed over an image's features, or averaged; the batch is averaged.
    """
    if not part:
        pair = view.real, view.images("reconstruction")
    else:
        pair = features(view, part, "real", layer), features(view, part, "reconstruction", layer)
    return 0.5 * _reduced((pair[0] - pair[1]).square(), reduction)


def features(view: BatchView, part: str, of: Of, layer: int = -1) -> Tensor:
    """(B, F) one of a discriminator's or classifier's layers, flattened.

    Raises:
        UsageError: it has no such layer.
    """
    layers = view.verdict(part, of).features
    if not -len(layers) <= layer < len(layers):
        raise UsageError(f"Part {part} has no layer {layer} of features: it gives {len(layers)}.")
    return layers[layer].flatten(1)


def class_(view: BatchView, of: Literal["real", "damaged"] = "real") -> Tensor:
    """Equation 5: the predicted attributes against the true labels.

    Args:
        view: The step.
        of: The images, or damaged ones: what reads those reads photographs that came about otherwise.
    """
    return view.loss(view.attrs(of), view.targets)


def class_rec_(view: BatchView, target: Literal["true", "predicted"] = "true") -> Tensor:
    """Equation 6: the label head on the reconstruction, against the prediction as printed, or the true labels."""
    wanted = view.targets if target == "true" else view.schema.probabilities(view.attrs("real"))
    return view.loss(view.attrs("reconstruction"), wanted)


def class_edit_(
    view: BatchView,
    of: Literal["edited", "blended"] = "edited",
    attributes: Reduction = "mean",
    put_on: bool = True,
) -> Tensor:
    """The label head on the edit, against the labels asked for (AttGAN's attribute classification constraint).

    Give it ``only=("decoder",)``: the head judges, the decoder obeys.

    Args:
        view: The step.
        of: The decoded edit, or that blended into the image. The second looks like what the head knows, and what the
            decoder misses of an image is no reason to exaggerate.
        attributes: Their mean, or their sum: then each is edited as well as if it were the only one.
        put_on: Also of binary attributes that are put on. Those that wear another image's style have a truth to show;
            what pleases the head in its place is the same sign on every image.
    """
    target = view.edited_targets
    if not put_on:
        worn = (view.edited_labels == 1) & (view.labels == 0)
        for i, (attribute, where) in enumerate(zip(view.schema, view.schema.columns, strict=True)):
            if attribute.binary:
                target = target.clone()
                target[:, where] = target[:, where].masked_fill(worn[:, i : i + 1], math.nan)
    return view.loss(view.attrs(of), target, some=not put_on) * _of_each(view, attributes)


def residual_(view: BatchView) -> Tensor:
    """How much an edit changes: mean absolute difference to the reconstruction, summed over channels.

    Keeps edits where they belong (Shen and Liu 2017, "Learning residual images for face attribute manipulation").
    """
    change = (view.images("edited") - view.images("reconstruction")).abs()
    return change.mean() * view.real.shape[1]


def penalty_(view: BatchView, part: str = "factorizer", attributes: Reduction = "mean") -> Tensor:
    """What the factorization strategy asks of the encoder (the encoder's side of equation 11).

    Args:
        view: The step.
        part: The strategy; it answers with a mean over attributes.
        attributes: That mean, or their sum: then each is kept out of the latent as well as if it were the only one.
    """
    with naming(view.model.called(part)):
        return view.part(part).penalty(view) * _of_each(view, attributes)  # type: ignore[operator, no-any-return]


def fit_(view: BatchView, part: str = "factorizer") -> Tensor:
    """What the strategy's own network minimises (equation 7); 0 for one that has none."""
    with naming(view.model.called(part)):
        loss = view.part(part).fit(view)  # type: ignore[operator]
    return view.real.new_zeros(()) if loss is None else torch.as_tensor(loss)


def _unlike(view: BatchView, likelihood: Likelihood, of: Again) -> Tensor:
    """(B, C, H, W) minus the log-likelihood of every pixel in what should be the batch again, up to a constant."""
    if likelihood == "bernoulli":
        return F.binary_cross_entropy_with_logits(view.logits(of), view.real, reduction="none")
    return 0.5 * (view.images(of) - view.real).square()


_FAKES: tuple[Of, ...] = ("reconstruction", "prior")


def _bce(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _reduced(values: Tensor, reduction: Reduction) -> Tensor:
    """(B, ...) to the batch's mean of each image's mean or sum."""
    return values.mean() if reduction == "mean" else values.flatten(1).sum(1).mean()


def _of_each(view: BatchView, attributes: Reduction) -> float:
    """What turns a mean over attributes into what was asked for."""
    return float(len(view.schema)) if attributes == "sum" else 1.0


def _times(view: BatchView, batch: Batch) -> float:
    """What turns this process's mean into the asked reduction over the global batch (processes are averaged)."""
    return float(view.rows.total) if batch == "sum" else 1.0
