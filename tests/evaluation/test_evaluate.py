"""`evaluate` on a real run of seconds, and what becomes of its file."""

from __future__ import annotations

import functools
import json
import shutil

import numpy as np
import pytest

import attredit
from attredit import Evaluation
from attredit.errors import RunError, UsageError
from attredit.evaluation import identity as identifying
from attredit.evaluation.identity import IdentitySettings
from attredit.evaluation.judge_training import JudgeSettings
from attredit.evaluation.measure import Measured, plugin_metrics
from attredit.evaluation.statistics import Estimate, over_seeds
from attredit.evaluation.table import Table
from attredit.evaluation.values import read_values
from attredit.launch import resume, train
from attredit.plugin.registry import Component
from attredit.report.doctor import diagnose
from attredit.runs.directory import RunDirectory

QUICK = IdentitySettings(faces=64, steps=3, batch_size=16, trunk=JudgeSettings(width=4))
evaluate = functools.partial(attredit.evaluate, judge=JudgeSettings(width=4, epochs=1, steps=20))


@pytest.fixture(scope="module")
def trained(tiny_request, tmp_path_factory):
    where = tmp_path_factory.mktemp("evaluated") / "run"
    return train(tiny_request(attributes=("Smiling", "Male"), run_dir=str(where)))


@pytest.fixture
def run(trained, tmp_path):
    return RunDirectory(shutil.copytree(trained, tmp_path / "run"))


def test_figures_of_a_model_that_was_trained_further_are_nobodys(run):
    evaluate(run.path, limit=20, device="cpu")
    figures, unseen = "squared error of the reconstruction", "was not evaluated as it is now"
    assert figures in (run.path / "README.md").read_text()
    assert not any(unseen in sentence for sentence in diagnose(run).unseen)
    resume(run.path, steps=9, device="cpu")
    card = (run.path / "README.md").read_text()
    assert figures not in card
    assert "Not evaluated yet" in card
    assert any(unseen in sentence for sentence in diagnose(run).unseen)
    evaluate(run.path, limit=20, device="cpu")
    assert Evaluation.of_now(run).run["step"] == 9


def metric(name):
    return Component("metric", name, "quadrants", f"quadrants:{name}")


def test_a_run(run, tmp_path, monkeypatch):
    monkeypatch.setenv("ATTREDIT_CACHE", str(tmp_path / "cache"))  # where no other test has left a judge like ours
    told = []
    found = evaluate(run.path, limit=20, device="cpu", progress=lambda *what: told.append(what))
    written = json.loads((run.path / "evaluation.json").read_text())
    assert written == found.to_json()
    assert Evaluation.read(run) == found
    assert not list(run.path.glob(".*"))
    assert list(written) == [
        "format", "split", "images", "judge", "identity", "metrics", "attributes", "off_target_matrix",
        "effectiveness_matrix", "not_measured",
        "data", "run", "versions",
    ]  # fmt: skip
    assert set(written["off_target_matrix"]) == {"Smiling", "Male"}
    assert len(written["off_target_matrix"]["Male"]) == 7
    assert all(cell["true"]["n"] <= 20 for row in written["off_target_matrix"].values() for cell in row.values())
    assert written["identity"] is None
    assert "attredit evaluate --full" in written["not_measured"]["identity"]
    assert (written["format"], written["split"], written["images"]) == (1, "test", 20)
    # Of few images, the judges may agree on none that has a label of some attribute.
    assert 4 < len(written["judge"]["accuracy"]) <= 8
    assert set(written["attributes"]) == {"Smiling", "Male"}
    everything = [written["metrics"], *written["attributes"].values()]
    for figures in everything:
        for name, figure in figures.items():
            assert list(figure) == ["value", "low", "high", "n"], name
            # Of a mean of few, coarse values the bootstrap may not hold the mean exactly, but nearly.
            assert figure["low"] - 1e-9 <= figure["value"] <= figure["high"] + 1e-9
    expected = {"mse", "psnr", "ssim", "class0", "class1", "edit_success", "edit_success_off", "edit_success_on"}
    expected |= {"off_target", "counterfactual_mse", "counterfactual_floor", "copy_mse", "counterfactual_mse_on"}
    expected |= {"composite_counterfactual_floor", "composite_counterfactual_floor_on"}
    expected |= {"counterfactual_floor_on", "copy_mse_on", "composite_counterfactual_mse", "judge_accuracy"}
    expected |= {"composite_counterfactual_mse_on", "composite_edit_success", "composite_edit_success_off"}
    expected |= {"composite_edit_success_on", "composite_off_target", "leakage_mean", "leakage_sample"}
    expected |= {"fid_judge", "composite_kid_judge", "sample_kid_judge", "sample_fid_judge", "monotonicity"}
    expected |= {"composition", "composition_10", "lpips", "reversibility", "composite_reversibility_mse"}
    expected |= {"effectiveness", "composite_effectiveness", "minimality", "composite_minimality"}
    expected |= {"edit_realism", "composite_edit_realism_on", "label_accuracy", "label_recall1", "unchanged_off"}
    expected |= {"perceptual_judge", "counterfactual_perceptual_judge", "copy_perceptual_judge"}
    expected |= {f"leakage_bits_{probe}_{of}" for probe in ("linear", "mlp", "knn") for of in ("mean", "sample")}
    assert expected <= set(written["metrics"]) | set(written["not_measured"])
    config = run.config()
    assert written["run"] == {
        "method": config.request.method_name,
        "preset": config.request.preset,
        "recipe": config.recipe.hash,
        "step": 8,
        "seed": 0,
    }
    assert written["data"]["name"] == "synthfaces"
    assert {"judge", "edits", "counterfactuals", "training codes", "leakage"} <= {stage for stage, _, _ in told}
    assert all(0 < done <= total for _, done, total in told)
    # Twice the same, this time with the judge from the cache.
    assert evaluate(run.path, limit=20, device="cpu") == found


def test_values_of_images_are_kept(run):
    found = evaluate(run.path, limit=20, device="cpu")
    values = read_values(run).figures
    assert set(values) >= {"mse", "class0", "off_target", "leakage_mean"}
    assert values["mse"].values.keys() == {None}
    assert values["class0"].values.keys() == {"Smiling", "Male"}
    assert values["leakage_mean"].values["Male"].shape == (20, 2)
    assert values["mse"].values[None].dtype == np.float32
    assert values["off_target_matrix/Bangs"].values.keys() == {"Smiling", "Male"}
    assert values["off_target_true/Bangs"].values["Male"].shape == (20, 2)
    matrices = ("off_target_", "effectiveness_matrix/", "composite_effectiveness_matrix/")
    assert set(values) - set(found.metrics) - set(found.not_measured) == {n for n in values if n.startswith(matrices)}
    for name, figure in values.items():
        if name.startswith(matrices):
            continue
        pooled = figure.pooled()
        if pooled is None:
            assert name in found.not_measured
            continue
        assert (pooled.value, pooled.n) == (pytest.approx(found.metrics[name].value, rel=1e-5), found.metrics[name].n)
        if all(figure.of(a) for a in figure.values):
            matrix, weights = figure.matrix()
            one = over_seeds([matrix], share=figure.share, weights=weights)
            assert one.value == pytest.approx(pooled.value)


def test_values_of_another_evaluation_are_refused(run):
    evaluate(run.path, limit=10, device="cpu")
    file = run.path / "evaluation.safetensors"
    before = file.read_bytes()
    evaluate(run.path, limit=20, device="cpu")
    after = file.read_bytes()
    file.write_bytes(before)
    with pytest.raises(RunError, match="different evaluations"):
        read_values(run)
    file.write_bytes(after[:-1])
    with pytest.raises(RunError, match="damaged") as error:
        read_values(run)
    assert error.value.hint == "Restore it from a copy or evaluate the run again."
    file.unlink()
    with pytest.raises(RunError, match="missing"):
        read_values(run)


def test_full(run, tmp_path, monkeypatch):
    monkeypatch.setenv("ATTREDIT_CACHE", str(tmp_path / "cache"))  # where no other test has left an identity like ours
    told = []
    how = {"full": True, "identity": QUICK, "device": "cpu", "progress": lambda *what: told.append(what)}
    found = evaluate(run.path, limit=20, **how)
    assert set(identifying.NAMES) <= set(found.metrics)
    assert found.metrics["identity"].n == 40
    assert found.metrics["identity_other"].n == 19
    assert found.metrics["composition_10"].value > found.metrics["composition"].value > 0
    assert found.metrics["composite_reversibility_10"].n == 40
    assert "VGG" in found.not_measured["lpips"]
    assert not set(identifying.NAMES) & set(found.not_measured)
    assert ("identity", 7, 7) in told
    again = evaluate(run.path, limit=20, **how)
    assert again == found
    assert told.count(("identity", 7, 7)) == 1  # the second time it came from the cache


def test_one_image(run):
    found = evaluate(run.path, limit=1, device="cpu", full=True, identity=QUICK)
    assert found.metrics["identity"].n == 2
    assert (found.metrics["mse"].low, found.metrics["mse"].n) == (None, 1)
    assert found.not_measured["identity_other"] == "The 1 evaluated images are too few."
    assert "needs 2 images" in found.not_measured["sample_kid_judge"]
    assert not set(found.metrics) & set(found.not_measured)


def test_mistakes(run, tmp_path):
    with pytest.raises(UsageError, match="no split 'tset'"):
        evaluate(run.path, split="tset")
    with pytest.raises(UsageError, match="0 images"):
        evaluate(run.path, limit=0)
    with pytest.raises(UsageError, match="not usable"):
        evaluate(run.path, device="abacus")
    with pytest.raises(RunError, match="no run"):
        evaluate(tmp_path / "nowhere")
    with pytest.raises(RunError, match="was not evaluated"):
        Evaluation.read(run)
    (run.path / "evaluation.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        Evaluation.read(run)
    config = run.config()
    run.write_config(config.model_copy(update={"data": config.data.model_copy(update={"fingerprint": "other"})}))
    with pytest.raises(RunError, match="fingerprints differ"):
        evaluate(run.path)


def measured(data, *names, table=None):
    """What plugins' metrics give, and what was found beside them."""
    import quadrants as q

    found, told = Measured(table or Table(len(data)), Table(len(data))), []
    metrics = [metric(name) for name in names]
    return plugin_metrics(metrics, q.Quadrants(), data, lambda *what: told.append(what), found), found, told


def test_metrics_of_plugins():
    import quadrants as q

    data = q.data_of(q.labels_of(8))
    figures, found, told = measured(data, "brightness")
    assert figures == {"brightness": Estimate(pytest.approx(float(data.images(data.indices).mean())), None, None, 8)}
    assert "quadrants/brightness gives nan" in found.reasons["nothing"]
    assert told == [("metrics of plugins", 1, 1)]


def test_what_a_plugins_metric_gives_of_every_image_has_an_interval():
    import quadrants as q

    data = q.data_of(q.labels_of(8))
    figures, found, _ = measured(data, "each")
    assert figures == {}
    (values,) = found.table.figures["each"].values.values()
    assert values[:, 0].tolist() == pytest.approx(data.images(data.indices).mean((1, 2, 3)).tolist())
    estimate = found.table.metrics()["each"]
    assert estimate.low < estimate.value < estimate.high
    assert estimate.n == 8


def test_a_plugins_metric_that_fails_is_left_out_with_its_reason_and_the_others_go_on():
    import quadrants as q

    data = q.data_of(q.labels_of(8))
    figures, found, _ = measured(data, "broken", "shapeless", "brightness")
    assert set(figures) == {"brightness"}
    assert "quadrants/broken fails: KeyError" in found.reasons["broken"]
    assert "quadrants/shapeless fails: ValueError: shapeless has shape (3,)" in found.reasons["shapeless"]
    _, found, _ = measured(data, "brightness", "brightness")
    assert "'brightness', which another" in found.reasons["brightness"]
