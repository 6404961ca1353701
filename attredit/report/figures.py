"""evaluation.json in words, groups and order, for whoever shows it: the command line, the card, the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from attredit.evaluation.result import Effect, Evaluation, Movement
from attredit.evaluation.statistics import Estimate

Better = Literal["higher", "lower", ""]
Unit = Literal["share", "error", "dB", "bits", ""]

ARROWS = {"higher": "↑", "lower": "↓", "": ""}

# What says most of a model in the fewest figures.
_HEADLINE = ("composite_edit_success", "composite_edit_realism", "composite_off_target", "leakage_mean", "psnr")


@dataclass(frozen=True)
class Meaning:
    """What a metric is about.

    Attributes:
        group: Under which it is listed.
        label: What it is called.
        better: Which direction is good.
        unit: How it is written: shares in percent, small errors with enough digits.
    """

    group: str
    label: str
    better: Better
    unit: Unit


@dataclass(frozen=True)
class FigureRow:
    """One figure, ready to be shown.

    Attributes:
        name: As evaluation.json has it.
        group: Under which it is listed.
        label: What it is called.
        arrow: Which direction is good, if any is.
        value: The figure.
        interval: Its 95 % interval, or a dash.
        n: On how many images, or verdicts, it rests.
    """

    name: str
    group: str
    label: str
    arrow: str
    value: str
    interval: str
    n: str

    @property
    def is_detail(self) -> bool:
        """Whether it says more of the figure above it."""
        return self.label.startswith(("of these", "for comparison"))


_FIDELITY, _EDITING, _TRUTH, _LEAKAGE, _OTHER = "Fidelity", "Editing", "Against the true edit", "Leakage", "Other"
_STYLES, _AXES = "Styles", "Axes of the counterfactual literature: pixels are 0 to 255"
_IDENTITY, _REALISM = "Identity: cosine distance of embeddings", "Realism: distances between sets"

# In the order in which they are shown. docs/metrics.md defines them.
MEANINGS = {
    "mse": Meaning(_FIDELITY, "squared error of the reconstruction", "lower", "error"),
    "psnr": Meaning(_FIDELITY, "peak signal-to-noise ratio", "higher", "dB"),
    "ssim": Meaning(_FIDELITY, "structural similarity", "higher", ""),
    "perceptual_judge": Meaning(_FIDELITY, "distance in the judge’s features", "lower", ""),
    "lpips": Meaning(_FIDELITY, "LPIPS, in VGG’s features", "lower", ""),
    "class0": Meaning(_EDITING, "decoded without it, judged without", "higher", "share"),
    "class1": Meaning(_EDITING, "decoded with it, judged with", "higher", "share"),
    "edit_success": Meaning(_EDITING, "decoded edits, judged as asked", "higher", "share"),
    "edit_success_off": Meaning(_EDITING, "of these, taken off", "higher", "share"),
    "edit_success_on": Meaning(_EDITING, "of these, put on", "higher", "share"),
    "edit_success_first": Meaning(_EDITING, "as the first judge alone reads them", "higher", "share"),
    "edit_success_second": Meaning(_EDITING, "as the second judge alone reads them", "higher", "share"),
    "composite_edit_success": Meaning(_EDITING, "composite edits, judged as asked", "higher", "share"),
    "composite_edit_success_off": Meaning(_EDITING, "of these, taken off", "higher", "share"),
    "composite_edit_success_on": Meaning(_EDITING, "of these, put on", "higher", "share"),
    "composite_edit_success_first": Meaning(_EDITING, "as the first judge alone reads them", "higher", "share"),
    "composite_edit_success_second": Meaning(_EDITING, "as the second judge alone reads them", "higher", "share"),
    "off_target": Meaning(_EDITING, "other attributes flipped, decoded", "lower", "share"),
    "composite_off_target": Meaning(_EDITING, "other attributes flipped, composite", "lower", "share"),
    "unchanged": Meaning(_EDITING, "composite edits that change no pixel", "lower", "share"),
    "unchanged_off": Meaning(_EDITING, "of these, taken off", "lower", "share"),
    "unchanged_on": Meaning(_EDITING, "of these, put on", "lower", "share"),
    "needless_change": Meaning(_EDITING, "composite edit to what is there: mean change", "lower", "error"),
    "frame_found": Meaning(_EDITING, "pictures in which the frame is found", "higher", "share"),
    "label_accuracy": Meaning(_EDITING, "the model’s own reading of the images", "higher", "share"),
    "label_recall0": Meaning(_EDITING, "of images without it", "higher", "share"),
    "label_recall1": Meaning(_EDITING, "of images with it", "higher", "share"),
    "monotonicity": Meaning(_EDITING, "steps of a sweep at which the judge’s logit rises", "higher", "share"),
    "judge_accuracy": Meaning(_EDITING, "accuracy where both judges agree, on the images", "higher", "share"),
    "judge_accuracy_first": Meaning(_EDITING, "the first judge’s own accuracy", "higher", "share"),
    "judge_accuracy_second": Meaning(_EDITING, "the second judge’s own accuracy", "higher", "share"),
    "counterfactual_mse": Meaning(_TRUTH, "off or exchanged, decoded: squared error", "lower", "error"),
    "composite_counterfactual_mse": Meaning(_TRUTH, "off or exchanged, composite: squared error", "lower", "error"),
    "counterfactual_floor": Meaning(_TRUTH, "for comparison, truth reconstructed", "", "error"),
    "composite_counterfactual_floor": Meaning(_TRUTH, "for comparison, that blended in", "", "error"),
    "copy_mse": Meaning(_TRUTH, "for comparison, unedited image", "", "error"),
    "counterfactual_mse_on": Meaning(_TRUTH, "put on, decoded: squared error", "lower", "error"),
    "composite_counterfactual_mse_on": Meaning(_TRUTH, "put on, composite: squared error", "lower", "error"),
    "counterfactual_floor_on": Meaning(_TRUTH, "for comparison, truth reconstructed", "", "error"),
    "composite_counterfactual_floor_on": Meaning(_TRUTH, "for comparison, that blended in", "", "error"),
    "copy_mse_on": Meaning(_TRUTH, "for comparison, unedited image", "", "error"),
    "counterfactual_perceptual_judge": Meaning(_TRUTH, "off or exchanged, decoded: judge’s features", "lower", ""),
    "composite_counterfactual_perceptual_judge": Meaning(
        _TRUTH, "off or exchanged, composite: judge’s features", "lower", ""
    ),
    "copy_perceptual_judge": Meaning(_TRUTH, "for comparison, unedited image", "", ""),
    "identity": Meaning(_IDENTITY, "decoded edit and image", "lower", ""),
    "composite_identity": Meaning(_IDENTITY, "composite edit and image", "lower", ""),
    "identity_reconstruction": Meaning(_IDENTITY, "reconstruction and image", "lower", ""),
    "identity_true": Meaning(_IDENTITY, "for comparison, true edit, taken off", "", ""),
    "identity_true_on": Meaning(_IDENTITY, "for comparison, true edit, put on", "", ""),
    "identity_same": Meaning(_IDENTITY, "for comparison, same person, another photograph", "", ""),
    "identity_other": Meaning(_IDENTITY, "for comparison, another face", "", ""),
    "edit_realism": Meaning(_REALISM, "decoded edits, where they are: 0 unedited, 1 real", "higher", ""),
    "edit_realism_off": Meaning(_REALISM, "of these, taken off", "higher", ""),
    "edit_realism_on": Meaning(_REALISM, "of these, put on", "higher", ""),
    "composite_edit_realism": Meaning(_REALISM, "composite edits, where they are", "higher", ""),
    "composite_edit_realism_off": Meaning(_REALISM, "of these, taken off", "higher", ""),
    "composite_edit_realism_on": Meaning(_REALISM, "of these, put on", "higher", ""),
    "edit_sharpness": Meaning(_REALISM, "decoded edits, detail where they are; 1: as real images", "", ""),
    "edit_sharpness_off": Meaning(_REALISM, "of these, taken off", "", ""),
    "edit_sharpness_on": Meaning(_REALISM, "of these, put on", "", ""),
    "composite_edit_sharpness": Meaning(_REALISM, "composite edits, detail where they are", "", ""),
    "composite_edit_sharpness_off": Meaning(_REALISM, "of these, taken off", "", ""),
    "composite_edit_sharpness_on": Meaning(_REALISM, "of these, put on", "", ""),
    "style_spread": Meaning(_STYLES, "six kept styles on one image, how different; 1: as real images", "higher", ""),
    "style_spread_true": Meaning(_STYLES, "of six true ways to wear it, drawn on one image", "", ""),
    "style_edit_success": Meaning(_STYLES, "each of them as asked, composite", "higher", "share"),
    "style_counterfactual_mse": Meaning(_STYLES, "another image’s style, decoded: squared error", "lower", "error"),
    "composite_style_counterfactual_mse": Meaning(_STYLES, "the same, composite", "lower", "error"),
    "style_copy_mse": Meaning(_STYLES, "for comparison, unedited image", "", "error"),
    "composition": Meaning(_AXES, "composition: reconstruction and image", "lower", ""),
    "composition_10": Meaning(_AXES, "after 10 passes", "lower", ""),
    "composition_10_mse": Meaning(_AXES, "after 10 passes, squared error", "lower", "error"),
    "composition_10_lpips": Meaning(_AXES, "after 10 passes, LPIPS", "lower", ""),
    "reversibility": Meaning(_AXES, "reversibility: decoded edit undone, and image", "lower", ""),
    "reversibility_mse": Meaning(_AXES, "squared error", "lower", "error"),
    "reversibility_lpips": Meaning(_AXES, "LPIPS", "lower", ""),
    "reversibility_10": Meaning(_AXES, "done and undone 10 times", "lower", ""),
    "reversibility_10_mse": Meaning(_AXES, "10 times, squared error", "lower", "error"),
    "reversibility_10_lpips": Meaning(_AXES, "10 times, LPIPS", "lower", ""),
    "composite_reversibility": Meaning(_AXES, "reversibility: composite edit undone, and image", "lower", ""),
    "composite_reversibility_mse": Meaning(_AXES, "squared error", "lower", "error"),
    "composite_reversibility_lpips": Meaning(_AXES, "LPIPS", "lower", ""),
    "composite_reversibility_10": Meaning(_AXES, "done and undone 10 times", "lower", ""),
    "composite_reversibility_10_mse": Meaning(_AXES, "10 times, squared error", "lower", "error"),
    "composite_reversibility_10_lpips": Meaning(_AXES, "10 times, LPIPS", "lower", ""),
    "effectiveness": Meaning(_AXES, "effectiveness: F1 of what was edited, decoded", "higher", ""),
    "composite_effectiveness": Meaning(_AXES, "the same, composite", "higher", ""),
    "minimality": Meaning(_AXES, "minimality: CLD of decoded edits", "lower", ""),
    "composite_minimality": Meaning(_AXES, "the same, composite", "lower", ""),
    "fid": Meaning(_REALISM, "decoded edits: FID, Inception’s features", "lower", ""),
    "composite_fid": Meaning(_REALISM, "composite edits: FID", "lower", ""),
    "sample_fid": Meaning(_REALISM, "samples: FID", "lower", ""),
    "kid": Meaning(_REALISM, "decoded edits: KID, Inception’s features", "lower", ""),
    "composite_kid": Meaning(_REALISM, "composite edits: KID", "lower", ""),
    "sample_kid": Meaning(_REALISM, "samples: KID", "lower", ""),
    "fid_judge": Meaning(_REALISM, "decoded edits: Fréchet distance, judge’s features", "lower", ""),
    "composite_fid_judge": Meaning(_REALISM, "composite edits: Fréchet distance, judge’s features", "lower", ""),
    "sample_fid_judge": Meaning(_REALISM, "samples: Fréchet distance, judge’s features", "lower", ""),
    "kid_judge": Meaning(_REALISM, "decoded edits: kernel distance, judge’s features", "lower", ""),
    "composite_kid_judge": Meaning(_REALISM, "composite edits: kernel distance, judge’s features", "lower", ""),
    "sample_kid_judge": Meaning(_REALISM, "samples: kernel distance, judge’s features", "lower", ""),
    "leakage_mean": Meaning(_LEAKAGE, "attribute read off latent mean", "lower", "share"),
    "leakage_sample": Meaning(_LEAKAGE, "attribute read off latent sample", "lower", "share"),
    "style_leakage": Meaning(_LEAKAGE, "which style, read off latent mean: variance told", "lower", "share"),
    "leakage_bits_linear_mean": Meaning(_LEAKAGE, "mean: at least, by a linear probe", "lower", "bits"),
    "leakage_bits_mlp_mean": Meaning(_LEAKAGE, "mean: at least, by a network", "lower", "bits"),
    "leakage_bits_knn_mean": Meaning(_LEAKAGE, "mean: at least, by neighbours", "lower", "bits"),
    "leakage_bits_linear_sample": Meaning(_LEAKAGE, "sample: at least, by a linear probe", "lower", "bits"),
    "leakage_bits_mlp_sample": Meaning(_LEAKAGE, "sample: at least, by a network", "lower", "bits"),
    "leakage_bits_knn_sample": Meaning(_LEAKAGE, "sample: at least, by neighbours", "lower", "bits"),
}


def measured_on(evaluation: Evaluation) -> str:
    """Which images were evaluated, in words."""
    of = f" of {evaluation.label}" if evaluation.label else ""
    return f"{evaluation.images:,} images of the {evaluation.split} split{of}"


def rows(figures: Mapping[str, Estimate]) -> Iterator[FigureRow]:
    """Figures by group and in a fixed order; those of plugins come last."""
    order = {name: i for i, name in enumerate(MEANINGS)}
    for name in sorted(figures, key=lambda n: order.get(n, len(order))):
        about, figure = meaning(name), figures[name]
        interval = "–"
        if figure.low is not None and figure.high is not None:
            interval = f"{written(figure.low, about.unit)} – {written(figure.high, about.unit)}"
        value = written(figure.value, about.unit)
        yield FigureRow(name, about.group, about.label, ARROWS[about.better], value, interval, f"{figure.n:,}")


def missing(reasons: Mapping[str, str]) -> list[tuple[str, str]]:
    """What was not measured, of reasons by name: names, those of one reason together, and the reason."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return [(", ".join(together), reason) for reason, together in names.items()]


def moved_most(matrix: Mapping[str, Mapping[str, Movement]], count: int = 3) -> list[tuple[str, str]]:
    """Of each edited attribute, the others that its edits move most: its name, and a sentence."""
    found = []
    for edited, cells in matrix.items():
        most = sorted(cells.items(), key=lambda cell: -abs(cell[1].moved.value))[:count]
        if most:
            found.append((edited, ", ".join(f"{other} {_movement(cell)}" for other, cell in most)))
    return found


def effects_row(edited: str, cells: Mapping[str, Effect]) -> list[tuple[str, bool, Effect]]:
    """A row of the effectiveness matrix: names, whether they are of the edited attribute, which comes first, and F1."""
    row = [(name, name.split("=")[0] == edited, effect) for name, effect in cells.items()]
    return sorted(row, key=lambda cell: not cell[1])


def _movement(cell: Movement) -> str:
    return f"{cell.moved.value:+.3f}" + ("" if cell.correlated is None else f" (data {cell.correlated:+.3f})")


def headline(figures: Mapping[str, Estimate]) -> list[FigureRow]:
    """The few figures that say most."""
    found = {row.name: row for row in rows(figures)}
    return [found[name] for name in _HEADLINE if name in found]


def written(value: float, unit: Unit) -> str:
    """A figure as it is shown."""
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "dB":
        return f"{value:.2f} dB"
    if unit == "bits":  # a bound below nothing bounds nothing
        return f"{max(value, 0.0):.3f} bits"
    return f"{value:.5f}" if unit == "error" else f"{value:.4g}"


def meaning(name: str) -> Meaning:
    """What a metric is about; of categorical attributes, the names of values are part of it."""
    if name not in MEANINGS and name.startswith("class_"):
        return Meaning(_EDITING, f"decoded as {name.removeprefix('class_')}, judged so", "higher", "share")
    if name not in MEANINGS and name.startswith("label_recall_"):
        return Meaning(_EDITING, f"the model’s own reading of {name.removeprefix('label_recall_')}", "higher", "share")
    return MEANINGS.get(name, Meaning(_OTHER, name.replace("_", " "), "", ""))


def markdown(evaluation: Evaluation) -> str:
    """The evaluation as a table in Markdown."""
    lines = [
        f"On {measured_on(evaluation)}; ↑ higher is better, ↓ lower is better.",
        "",
        "| | Metric | Value | 95 % interval | n |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    shown = ""
    for line in rows(evaluation.metrics):
        group = line.group if line.group != shown else ""
        shown = line.group
        lines.append(f"| {group} | {line.label} {line.arrow} | {line.value} | {line.interval} | {line.n} |")
    for names, reason in missing(evaluation.not_measured):
        lines.append(f"| | {names} | not measured: {reason} | | |")
    return "\n".join(lines)
