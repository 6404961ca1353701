"""What votes say: which run people prefer, how sure that is, and whether they agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from attredit.documents import Document, first_of
from attredit.errors import DataError

Place = Annotated[int, Field(ge=0)]


class Run(Document):
    """One of the compared runs."""

    name: str
    method: str
    preset: str
    recipe: str
    seed: int


class Vote(Document):
    """A pair as it was shown, see `attredit.blind.pairs.Pair`, and what was chosen."""

    number: Place
    image: Place
    attribute: str
    label: Place
    left: Place
    right: Place
    again: bool
    choice: Literal["left", "right", "none"]

    @property
    def chosen(self) -> int | None:
        """Number of the run that was chosen; None where nobody could tell."""
        return {"left": self.left, "right": self.right, "none": None}[self.choice]


class Ballot(Document):
    """A file of votes.

    Attributes:
        format: Of the file.
        page: Identifies the page.
        session: Identifies who voted, in one browser.
        voter: What they call themselves.
        asked: How many pairs the page shows.
        runs: Those that were compared.
        votes: In the order in which they were given.
    """

    format: Literal[1]
    page: str
    session: str
    voter: str = ""
    asked: Place
    runs: tuple[Run, ...] = Field(min_length=2)
    votes: tuple[Vote, ...]

    @model_validator(mode="after")
    def _of_its_runs(self) -> Ballot:
        if any(vote.left == vote.right or max(vote.left, vote.right) >= len(self.runs) for vote in self.votes):
            raise ValueError("a vote is of runs that are not there")
        return self


@dataclass(frozen=True)
class Share:
    """So many of so many.

    Attributes:
        count: How many.
        n: Of how many.
    """

    count: int
    n: int

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.count / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The exact binomial interval of 95 % (Clopper and Pearson 1934); None of nothing."""
        from scipy.stats import binomtest

        if not self.n:
            return None
        found = binomtest(self.count, self.n).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)


@dataclass(frozen=True)
class Preference:
    """How two runs compare.

    Attributes:
        first: A run's name.
        second: The other one's.
        attribute: What was edited; empty for all together.
        preferred: Of the votes that chose one of the two, those for the first.
        undecided: Votes of those who could not tell.
    """

    first: str
    second: str
    attribute: str
    preferred: Share
    undecided: int


@dataclass(frozen=True)
class Count:
    """What all votes say.

    Attributes:
        voters: How many have voted.
        preferences: Of each two runs, of all attributes together and, if there are several, of each.
        with_themselves: Of pairs that somebody saw twice, those of which they said the same.
        with_each_other: Of all two voters on one pair, those who said the same.
        notes: What was not counted, in sentences.
    """

    voters: int
    preferences: tuple[Preference, ...]
    with_themselves: Share
    with_each_other: Share
    notes: tuple[str, ...]


def read_ballot(path: Path) -> Ballot:
    """A file of votes.

    Raises:
        DataError: there is none, or it is something else.
    """
    try:
        return Ballot.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", "Name a file that a page has saved.") from None
    except ValidationError as error:
        said = f"{path} is no file of votes: {first_of(error)}."
        raise DataError(said, "Save it again from the page that attredit compare wrote.") from None


def count(ballots: Sequence[Ballot]) -> Count:
    """Count votes. A pair that was shown twice counts once, as it was voted on first.

    Raises:
        DataError: two files mean different models by one name.
    """
    kept, notes = _latest(ballots)
    _require_one_meaning(kept)
    names = list(dict.fromkeys(run.name for ballot in kept for run in ballot.runs))
    votes = [_named(ballot, vote) for ballot in kept for vote in ballot.votes if not vote.again]
    attributes = list(dict.fromkeys(attribute for attribute, _, _ in votes))
    preferences = [
        found
        for first, second in combinations(names, 2)
        for attribute in ["", *(attributes if len(attributes) > 1 else [])]
        if (found := _preference(first, second, attribute, votes)) is not None
    ]
    return Count(len(kept), tuple(preferences), _with_themselves(kept), _with_each_other(kept), tuple(notes))


_Named = tuple[str, frozenset[str], str | None]
"""Attribute, the two runs' names, and the name of the chosen one."""


def _named(ballot: Ballot, vote: Vote) -> _Named:
    sides = frozenset((ballot.runs[vote.left].name, ballot.runs[vote.right].name))
    return vote.attribute, sides, None if vote.chosen is None else ballot.runs[vote.chosen].name


def _preference(first: str, second: str, attribute: str, votes: Sequence[_Named]) -> Preference | None:
    chosen = [name for of, sides, name in votes if sides == {first, second} and attribute in ("", of)]
    decided = [name for name in chosen if name is not None]
    if not chosen:
        return None
    return Preference(first, second, attribute, Share(decided.count(first), len(decided)), len(chosen) - len(decided))


def _latest(ballots: Sequence[Ballot]) -> tuple[list[Ballot], list[str]]:
    """Of somebody who saved twice, the file with more votes."""
    kept: dict[tuple[str, str], Ballot] = {}
    for ballot in ballots:
        known = kept.setdefault((ballot.page, ballot.session), ballot)
        if len(ballot.votes) > len(known.votes):
            kept[ballot.page, ballot.session] = ballot
    left_out = len(ballots) - len(kept)
    notes = [f"{left_out} of {len(ballots)} files are left out: another one has the same votes, and more."]
    return list(kept.values()), notes if left_out else []


def _require_one_meaning(ballots: Sequence[Ballot]) -> None:
    known: dict[str, Run] = {}
    for run in (run for ballot in ballots for run in ballot.runs):
        if known.setdefault(run.name, run) != run:
            raise DataError(f"Two different models are called {run.name} in these files.", "Count them one by one.")


def _with_themselves(ballots: Sequence[Ballot]) -> Share:
    same = [
        vote.chosen == first.chosen
        for ballot in ballots
        for vote in ballot.votes
        if vote.again
        for first in ballot.votes
        if first.number == vote.number and not first.again
    ]
    return Share(sum(same), len(same))


def _with_each_other(ballots: Sequence[Ballot]) -> Share:
    same = [one == other for votes in _by_pair(ballots) for one, other in combinations(votes, 2)]
    return Share(sum(same), len(same))


def _by_pair(ballots: Sequence[Ballot]) -> Iterator[list[int | None]]:
    """What was chosen by all who saw one pair, of every pair."""
    seen: dict[tuple[str, int], list[int | None]] = {}
    for ballot in ballots:
        for vote in ballot.votes:
            if not vote.again:
                seen.setdefault((ballot.page, vote.number), []).append(vote.chosen)
    yield from seen.values()
