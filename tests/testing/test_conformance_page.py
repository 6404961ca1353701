"""docs/conformance.md has a heading for every promise, and no other; each says what, why, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

from attredit.testing import PROMISES
from attredit.testing.report import DOCS, Check

ROOT = Path(__file__).parents[2]


def sections() -> dict[str, str]:
    text = (ROOT / DOCS).read_text()
    _, *found = re.split(r"^### ", text, flags=re.M)
    return {section.partition("\n")[0]: re.split(r"^## ", section, flags=re.M)[0] for section in found}


def test_headings_and_promises_agree() -> None:
    assert list(sections()) == [promise.name for promise in PROMISES]


def test_each_says_what_why_and_what_to_do() -> None:
    for name, text in sections().items():
        for part in ("**Why.**", "**What breaks it.**", "**What to do.**"):
            assert part in text, f"{name} lacks {part}"


def test_a_failure_names_the_heading() -> None:
    for name in sections():
        assert Check(name, "a/b", "term", "failed").page == f"docs/conformance.md#{name}"
        assert re.fullmatch("[a-z-]+", name), "a heading that is its own anchor"
