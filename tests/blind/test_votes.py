"""Votes are counted: shares with exact intervals, agreement, and files that are something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, strategies as some
from scipy.stats import binom

from attredit.blind.votes import Ballot, Share, count, read_ballot
from attredit.cli.group import cli
from attredit.errors import DataError


def ballot(choices: str, *, again: str = "", runs: str = "ab", **changes: Any) -> Ballot:
    """Votes for runs by their letter, a dot where nobody could tell; sides take turns."""
    numbers = list(range(len(choices)))
    votes = [vote(n, c, n % 2, runs, False) for n, c in zip(numbers, choices, strict=True)]
    votes += [vote(n, c, 1 - n % 2, runs, True) for n, c in zip(numbers, again, strict=False)]
    facts = {"method": "m", "preset": "default", "recipe": "r", "seed": 0}
    every = {"format": 1, "page": "p", "session": "s", "asked": len(votes), "votes": votes}
    every["runs"] = [{"name": name, **facts} for name in runs]
    return Ballot.model_validate(every | changes)


def vote(number: int, choice: str, turned: int, runs: str, again: bool) -> dict[str, Any]:
    left, right = (1, 0) if turned else (0, 1)
    side = "none" if choice == "." else ("left" if runs.index(choice) == left else "right")
    attribute = ("Smiling", "Hat")[number // 2 % 2]
    facts = {"number": number, "image": number, "attribute": attribute, "label": 1, "again": again}
    return {**facts, "left": left, "right": right, "choice": side}


def test_a_run_is_preferred_by_so_many_of_those_who_could_tell() -> None:
    counted = count([ballot("aaba.", again="ab")])
    every, smiling, hat = counted.preferences
    assert (every.first, every.second, every.attribute, every.undecided) == ("a", "b", "", 1)
    assert (every.preferred.count, every.preferred.n) == (3, 4)  # what came again is not counted again
    assert (smiling.attribute, smiling.preferred, smiling.undecided) == ("Smiling", Share(2, 2), 1)
    assert (hat.attribute, hat.preferred) == ("Hat", Share(1, 2))
    assert counted.with_themselves == Share(1, 2)
    assert counted.with_each_other == Share(0, 0)


@given(some.integers(1, 60).flatmap(lambda n: some.tuples(some.integers(0, n), some.just(n))))
def test_intervals_are_clopper_and_pearsons(drawn: tuple[int, int]) -> None:
    successes, n = drawn
    low, high = Share(successes, n).interval or (0.0, 0.0)
    # At each end, what was seen or more of it has a probability of a fortieth.
    assert low == 0.0 if successes == 0 else binom.sf(successes - 1, n, low) == pytest.approx(0.025, abs=1e-6)
    assert high == 1.0 if successes == n else binom.cdf(successes, n, high) == pytest.approx(0.025, abs=1e-6)


def test_voters_agree_as_often_as_two_of_them_say_the_same() -> None:
    ballots = [ballot(c, session=c) for c in ("aab", "abb", "a.b")]
    counted = count(ballots)
    assert counted.voters == 3
    # All three pairs of voters on the first and the last, none on the second.
    assert counted.with_each_other == Share(6, 9)
    assert count([ballot("aa", page="p"), ballot("aa", page="q")]).with_each_other == Share(0, 0)


def test_of_somebody_who_saved_twice_the_last_counts() -> None:
    counted = count([ballot("aab"), ballot("aabba"), ballot("aab")])
    assert counted.voters == 1
    assert counted.preferences[0].preferred == Share(3, 5)
    assert counted.notes == ("2 of 3 files are left out: another one has the same votes, and more.",)


def test_three_runs_are_compared_two_by_two() -> None:
    found = count([ballot("ab", runs="ab"), ballot("cc", runs="bc", session="t"), ballot("a", runs="ac", session="u")])
    assert [(p.first, p.second, p.preferred) for p in found.preferences if not p.attribute] == [
        ("a", "b", Share(1, 2)), ("a", "c", Share(1, 1)), ("b", "c", Share(0, 2)),
    ]  # fmt: skip


def test_one_name_of_two_models_is_an_error() -> None:
    first = ballot("aa")
    other = first.model_dump()
    other["runs"][0]["recipe"] = "another"
    with pytest.raises(DataError, match="Two different models are called a"):
        count([first, Ballot.model_validate(other | {"session": "t"})])


def damaged(change: str) -> dict[str, Any]:
    text = ballot("ab").model_dump()
    if change == "runs":
        text["votes"][0]["left"] = 5
    elif change == "choice":
        text["votes"][0]["choice"] = "both"
    elif change == "format":
        text["format"] = 2
    else:
        del text["votes"]
    return text


@pytest.mark.parametrize("change", ["runs", "choice", "format", "votes"])
def test_a_file_of_something_else_is_an_error(tmp_path: Path, change: str) -> None:
    (tmp_path / "votes.json").write_text(json.dumps(damaged(change)))
    with pytest.raises(DataError, match=r"votes\.json is no file of votes: "):
        read_ballot(tmp_path / "votes.json")
    (tmp_path / "votes.json").write_text("{")
    with pytest.raises(DataError, match="is no file of votes"):
        read_ballot(tmp_path / "votes.json")
    with pytest.raises(DataError, match=r"cannot be read: No such file"):
        read_ballot(tmp_path / "none.json")


def test_the_command_prints_a_table_and_json(tmp_path: Path) -> None:
    files = []
    for i, choices in enumerate(("aaab", "aabb")):
        files.append(str(tmp_path / f"{i}.json"))
        Path(files[-1]).write_text(ballot(choices, again="aa", session=str(i)).model_dump_json())
    printed = CliRunner().invoke(cli, ["votes", *files], prog_name="attredit")
    assert printed.exit_code == 0, printed.output
    assert "62.5 %" in printed.stdout
    assert "24.5 % – 91.5 %" in printed.stdout
    assert "How often they agree with themselves: 4 of 4, 100.0 % (39.8 % – 100.0 %)." in printed.stdout
    assert "How often they agree with each other: 3 of 4, 75.0 %" in printed.stdout
    told = json.loads(CliRunner().invoke(cli, ["votes", *files, "--json"], prog_name="attredit").stdout)
    low, high = pytest.approx(0.2449, abs=1e-4), pytest.approx(0.9148, abs=1e-4)
    assert told["preferences"][0]["preferred"] == {"count": 5, "n": 8, "value": 0.625, "low": low, "high": high}
