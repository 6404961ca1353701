"""The frame is learnt from images that share one, and found in pictures that show it anywhere."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image

from attredit.data import Frame, Geometry, Store
from attredit.framing.crops import Crops, Dice, places_shown
from attredit.framing.fit import fit_frame
from attredit.framing.network import CELLS, SIZE, FrameNetwork, Votes, middles, move_of
from attredit.framing.search import SURE, after_moves, find

Scene = Callable[[int], tuple[Image.Image, Frame]]
MOVES = st.tuples(*[st.floats(-0.6, 0.6)] * 2, st.floats(-0.5, 0.5), st.floats(-0.75, 0.75))


@settings(deadline=None)
@given(MOVES)
def test_votes_that_agree_give_their_move(move: tuple[float, ...]) -> None:
    wanted = torch.tensor([move])
    votes = Votes(places_shown(wanted, CELLS), torch.zeros(1, CELLS, CELLS), torch.zeros(1, CELLS, CELLS))
    torch.testing.assert_close(move_of(votes), wanted, atol=1e-4, rtol=1e-4)


def test_places_that_know_nothing_have_no_say() -> None:
    wanted = torch.tensor([[0.2, -0.1, 0.3, 0.4]])
    places, spread = places_shown(wanted, CELLS), torch.zeros(1, CELLS, CELLS)
    places[:, 5:], spread[:, 5:] = 9.0, 8.0
    got = move_of(Votes(places, spread, torch.zeros(1, CELLS, CELLS)))
    torch.testing.assert_close(got, wanted, atol=1e-3, rtol=1e-3)


@settings(deadline=None)
@given(st.floats(0, 99), st.floats(0, 99), st.floats(5, 80), st.floats(-3, 3), MOVES)
def test_moves_lead_to_the_frame_whose_places_are_shown(
    x: float, y: float, side: float, angle: float, move: tuple[float, ...]
) -> None:
    wanted = torch.tensor([move])
    ends = after_moves(torch.tensor([[x, y, side, angle]]), wanted)[0].tolist()
    true = Frame(*ends[:3], math.degrees(ends[3]))
    here, seen = Frame(x, y, side, math.degrees(angle)), places_shown(wanted, CELLS)[0]
    u, v = true.seen(*here.place(middles(seen.device)[..., 0], middles(seen.device)[..., 1]))
    torch.testing.assert_close(torch.stack([u, v], 2), seen, atol=2e-3, rtol=1e-3)


def test_what_is_shown_in_training_is_a_function_of_seed_and_step(store: Store) -> None:
    images = store.batch(np.arange(16)).float() / 255.0
    crops, before = Crops(3, images), torch.get_rng_state()
    near, moves = crops.positives(images, Dice(3, 7))
    again, same = Crops(3, images).positives(images, Dice(3, 7))
    assert torch.equal(near, again)
    assert torch.equal(moves, same)
    assert not torch.equal(moves, crops.positives(images, Dice(3, 8))[1])
    nothing = crops.negatives(images, Dice(3, 7))
    assert near.shape == nothing.shape == (16, 3, SIZE, SIZE)
    assert 0 <= min(near.min(), nothing.min()) <= max(near.max(), nothing.max()) <= 1
    assert torch.equal(before, torch.get_rng_state())


def test_same_seed_same_network(store: Store) -> None:
    before = torch.get_rng_state()
    one, same, other = (fit_frame(store, seed, steps=2).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(before, torch.get_rng_state())


def test_a_subject_is_found_wherever_it_is(network: FrameNetwork, scene: Scene) -> None:
    """In most of the pictures: such a short training knows little."""
    right = 0
    for picture, true in map(scene, range(15)):
        for found in find(picture, network)[:1]:
            assert SURE <= found.sureness <= 1
            right += max(map(math.dist, found.frame.corners, true.corners)) < 0.2 * true.side
    assert right >= 11


def test_where_nothing_is_nothing_is_found(network: FrameNetwork) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    for picture in (Image.new("RGB", (160, 120), "grey"), Image.fromarray(noise)):
        assert find(picture, network) == []


def test_what_is_framed_already_keeps_its_frame(network: FrameNetwork, store: Store) -> None:
    picture = Image.fromarray(store.images[0]).resize((100, 100))
    usual = Geometry(64).frame(100, 100)
    assert [found.frame for found in find(picture, network, usual)] == [usual]
