"""The judge: learns, is kept, and is not used when it is damaged."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import quadrants as q
import torch

from attredit.attributes import MISSING, Attribute, AttributeSchema
from attredit.errors import DataError, RunError
from attredit.evaluation import judge as judging
from attredit.evaluation.judge import Judge, Reading, judge_hash, judge_of, usual_shares
from attredit.evaluation.judge_networks import JudgePair, StridedNetwork, WideNetwork
from attredit.evaluation.judge_training import JudgeSettings, descend, halves
from attredit.files import read_tensors, write_tensors

CPU = torch.device("cpu")
QUICK = JudgeSettings(width=4, epochs=1, steps=120, batch_size=32)


def noisy_store(n, schema=q.MIXED, seed=0):
    labels = q.labels_of(n, schema, seed)
    noise = np.random.default_rng(seed).integers(-30, 30, (n, q.SIZE, q.SIZE, 1))
    return q.store_of(labels, schema, (q.draw(labels, schema) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture
def no_training(monkeypatch):
    def fail(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(judging, "fit_judges", fail)


def test_it_learns_binary_and_categorical_attributes(tmp_path):
    told = []
    judge = judge_of(noisy_store(300), cache=tmp_path, device=CPU, settings=QUICK, progress=lambda *n: told.append(n))
    held_out = noisy_store(200, seed=9)
    images = held_out.batch(np.arange(200)).float() / 255
    labels = judge.read(images)
    assert (labels.numpy() == held_out.labels).mean(0).min() > 0.97
    assert labels.shape == (200, 2)
    assert judge.logits(images).shape == (200, 4)
    assert told[-1][0] == told[-1][1] >= 240
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))


@pytest.mark.parametrize("steps", range(1, 9))
def test_any_number_of_steps_is_learnt_from(steps):
    network, told = torch.nn.Linear(2, 1), []
    before = network.weight.detach().clone()
    descend(network, 1.0, steps, lambda _: network(torch.ones(1, 2)).square().sum(), lambda *n: told.append(n))
    assert told == [(step, steps) for step in range(1, steps + 1)]
    assert network.weight.isfinite().all()
    assert not torch.equal(network.weight, before)


def test_it_is_trained_once(tmp_path, monkeypatch):
    store, seen = noisy_store(100), torch.rand(5, 1, q.SIZE, q.SIZE)
    first = judge_of(store, cache=tmp_path, device=CPU, settings=QUICK)
    monkeypatch.setattr(judging, "fit_judges", None)
    second = judge_of(store, cache=tmp_path, device=CPU, settings=QUICK)
    assert torch.equal(first.logits(seen), second.logits(seen))
    assert sorted(p.name for p in (tmp_path / "judges" / first.hash).iterdir()) == ["judge.safetensors"]


def test_it_is_repeatable_and_leaves_randomness_alone(tmp_path):
    state = torch.get_rng_state()
    files = []
    for name in ("a", "b"):
        judge = judge_of(noisy_store(100), cache=tmp_path / name, device=CPU, settings=QUICK)
        files.append((tmp_path / name / "judges" / judge.hash / "judge.safetensors").read_bytes())
    assert files[0] == files[1]
    assert torch.equal(state, torch.get_rng_state())


def test_its_hash_is_of_data_and_settings():
    store = noisy_store(50)
    hashes = {judge_hash(store, QUICK), judge_hash(store, JudgeSettings()), judge_hash(noisy_store(60), QUICK)}
    assert len(hashes) == 3


def test_two_evaluations_train_it_once(tmp_path, monkeypatch):
    calls, right = [], judging.fit_judges

    def slow(*given):
        calls.append(1)
        return right(*given)

    monkeypatch.setattr(judging, "fit_judges", slow)
    store = noisy_store(100)
    run = [
        threading.Thread(target=judge_of, args=(store,), kwargs={"cache": tmp_path, "device": CPU, "settings": QUICK})
        for _ in range(2)
    ]
    for thread in run:
        thread.start()
    for thread in run:
        thread.join()
    assert len(calls) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-4] + bytes(4)),
        lambda file: file.write_bytes(file.read_bytes()[:100]),
        lambda file: write_tensors(file, read_tensors(file)[0], {"hash": "another"}),
    ],
)
def test_a_damaged_judge_is_named_and_not_used(tmp_path, no_training, monkeypatch, spoil):
    store = noisy_store(50)
    network = JudgePair(1, q.SIZE, 4, QUICK.width)
    with monkeypatch.context() as patch:
        patch.setattr(judging, "fit_judges", lambda *_: network)
        judge = judge_of(store, cache=tmp_path, device=CPU, settings=QUICK)
    file = tmp_path / "judges" / judge.hash / "judge.safetensors"
    spoil(file)
    with pytest.raises(RunError, match=r"judge\.safetensors") as error:
        judge_of(store, cache=tmp_path, device=CPU, settings=QUICK)
    assert f"elete {file.parent} and evaluate again." in error.value.hint


def test_training_that_is_stopped_leaves_no_judge(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    store = noisy_store(50)
    with monkeypatch.context() as patch:
        patch.setattr(judging, "fit_judges", stop)
        with pytest.raises(KeyboardInterrupt):
            judge_of(store, cache=tmp_path, device=CPU, settings=QUICK)
    monkeypatch.setattr(judging, "fit_judges", lambda *_: JudgePair(1, q.SIZE, 4, QUICK.width))
    assert judge_of(store, cache=tmp_path, device=CPU, settings=QUICK).hash == judge_hash(store, QUICK)


def test_three_images_are_too_few(tmp_path):
    with pytest.raises(DataError, match="3 images"):
        judge_of(noisy_store(3), cache=tmp_path, device=CPU, settings=QUICK)


@pytest.mark.parametrize("size", [16, 32, 48, 64, 96, 128])
@pytest.mark.parametrize("network", [StridedNetwork, WideNetwork])
def test_any_image_size(network, size):
    assert network(3, min(size, 64), 5, QUICK.width).eval()(torch.rand(2, 3, size, size)).shape == (2, 5)


def test_judges_see_different_images_with_all_values_alike():
    labels = q.labels_of(1000, q.MIXED)
    labels[7:] = np.where(labels[7:] == (1, 2), 0, labels[7:])  # values of which there are few
    first, second = halves(q.MIXED, labels, 0)
    assert abs(len(first) - len(second)) <= 4
    assert sorted([*first, *second]) == list(range(1000))
    for column, attribute in enumerate(q.MIXED):
        for value in range(len(attribute.values)):
            counts = [int((labels[half, column] == value).sum()) for half in (first, second)]
            assert abs(counts[0] - counts[1]) <= 2, (attribute.name, value)
            assert min(counts) > 0


def test_the_one_image_of_a_value_teaches_both_judges():
    labels = np.zeros((20, 1), np.int16)
    labels[3] = 1
    first, second = halves(AttributeSchema((Attribute("Hat"),)), labels, 0)
    assert set(first) & set(second) == {3}
    assert set(first) | set(second) == set(range(20))


def test_missing_labels_are_no_value():
    labels = np.full((20, 1), MISSING, np.int16)
    first, second = halves(AttributeSchema((Attribute("Hat"),)), labels, 0)
    assert sorted([*first, *second]) == list(range(20))


class Eyes(torch.nn.Module):
    """The first judge sees how bright an image is, the second its brightest pixel."""

    def forward(self, images):
        flat = images.flatten(1)
        return 20 * torch.stack([flat.mean(1, keepdim=True) - 0.4, flat.amax(1, keepdim=True) - 0.8])

    def look(self, images):
        return Reading(None, (self(images) > 0).long(), None, None, ())


def test_the_most_frequent_value_is_that_of_known_labels():
    labels = np.array([[0, 0], [0, 2], [1, 2], [MISSING, 2]], np.int16)
    assert usual_shares(q.store_of(labels, q.MIXED)) == pytest.approx([2 / 3, 3 / 4])
    assert usual_shares(q.store_of(np.zeros((4, 2), np.int16), q.MIXED)) == [0.95, 0.95]
    assert usual_shares(q.store_of(np.full((4, 2), MISSING, np.int16), q.MIXED)) == [0.5, 0.5]


class Opinions(torch.nn.Module):
    """Judges that are as sure of whatever they see."""

    def __init__(self, *logits):
        super().__init__()
        self.said = torch.tensor(logits)

    def forward(self, images):
        return self.said[:, None, :].expand(2, len(images), -1)

    def look(self, images):
        return Reading(None, (self(images) > 0).long(), None, None, ())


@pytest.mark.parametrize(
    ("first", "second", "obeyed"),
    [(1.0, 0.5, True), (4.0, -1.0, True), (4.0, -1.2, False), (0.5, -0.6, False), (-1.0, -1.0, False)],
)
def test_one_judge_may_hesitate_but_not_deny(first, second, obeyed):
    images, eyes = torch.zeros(1, 1, 16, 16), Opinions([first], [second])
    judge = Judge(eyes, AttributeSchema((Attribute("Bright"),)), "hash", CPU)
    assert judge.obeyed(images, eyes.look(images), 0, torch.ones(1)).tolist() == [obeyed]


def test_judges_together_must_be_surer_than_whoever_says_the_most_frequent_value():
    images, schema, eyes = torch.zeros(1, 1, 16, 16), AttributeSchema((Attribute("Bright"),)), Opinions([0.2], [1.0])
    for usual, obeyed in ((None, True), ([0.5], True), ([0.64], True), ([0.66], False)):  # they are .646 sure
        judge = Judge(eyes, schema, "hash", CPU, usual)
        assert judge.obeyed(images, eyes.look(images), 0, torch.ones(1)).tolist() == [obeyed], usual


def test_what_is_surer_than_usual_but_not_the_likeliest_value_is_not_read():
    schema = AttributeSchema((Attribute("Hair", ("black", "brown", "blond")),))
    images, logits = torch.zeros(1, 1, 16, 16), [0.0, 0.3, -1.0]
    judge = Judge(Opinions(logits, logits), schema, "hash", CPU, [0.35])
    judged = Reading(None, torch.zeros(2, 1, 1), None, None, ())
    assert not judge.obeyed(images, judged, 0, torch.tensor([0])).item()
    judged = Reading(None, torch.ones(2, 1, 1), None, None, ())
    assert judge.obeyed(images, judged, 0, torch.tensor([1])).item()


def test_both_judges_must_read_what_was_asked_in_damaged_copies_too():
    bright, dot, dark = torch.full((1, 32, 32), 0.95), torch.full((1, 32, 32), 0.41), torch.full((1, 32, 32), 0.2)
    dot[:, 16, 16] = 1.0  # hardly blurred, it is not the brightest any more
    spot = dark.clone()
    spot[:, 10:22, 10:22] = 1.0
    images, eyes = torch.stack([bright, dot, spot, dark]), Eyes()
    judge = Judge(eyes, AttributeSchema((Attribute("Bright"),)), "hash", CPU)
    judged = eyes.look(images)
    assert judged.agreed[:, 0].tolist() == [1, 1, MISSING, 0]
    assert judge.obeyed(images, judged, 0, torch.ones(4)).tolist() == [True, False, False, False]
    assert judge.obeyed(images, judged, 0, torch.zeros(4)).tolist() == [False, False, False, True]
    assert judge.obeyed(images[:0], eyes.look(images[:0]), 0, torch.ones(0)).tolist() == []
