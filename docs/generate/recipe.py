"""A hook of mkdocs: every key of a recipe, with type and limits from its models and the words of their docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import griffe
from annotated_types import Ge, Gt, Le, Lt
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from attredit.recipe import Optimizer, Part, Player, Recipe, Schedule, Term

HERE = "<!-- the keys of a recipe -->"
MODELS: tuple[type[BaseModel], ...] = (Recipe, Part, Player, Term, Schedule, Optimizer)
LITERAL = re.compile(r"Literal\[(.*?)\]")
LIMITS = {Gt: ("gt", "above"), Ge: ("ge", "at least"), Lt: ("lt", "below"), Le: ("le", "at most")}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the tables where a page asks for them."""
    return markdown.replace(HERE, reference()) if HERE in markdown else markdown


def reference() -> str:
    """A section for every model, in Markdown.

    Raises:
        ValueError: a key without a meaning.
    """
    module = griffe.load("attredit.recipe")
    return "\n".join(line for model in MODELS for line in _section(model, module[model.__name__]))


def _section(model: type[BaseModel], source: griffe.Object) -> Iterator[str]:
    assert source.docstring is not None
    text, *more = source.docstring.parse("google")
    meanings = {a.name: a.description for section in more if section.kind == "attributes" for a in section.value}
    yield f"## {model.__name__}\n\n{text.value}\n"
    yield "| Key | Type | Default | Meaning |\n| --- | --- | --- | --- |"
    for name, field in model.model_fields.items():
        if name not in meanings:
            raise ValueError(f"The docstring of {model.__name__} does not say what {name} means.")
        kind = f"`{LITERAL.sub(_choices, str(source[name].annotation))}`{_limits(field)}"
        meaning = " ".join(meanings[name].split()).replace("|", "\\|")
        yield f"| `{name}` | {kind} | {_default(field)} | {meaning} |"
    yield ""


def _choices(literal: re.Match[str]) -> str:
    return literal[1].replace(", ", " | ")


def _limits(field: FieldInfo) -> str:
    limits = [f"{words} {getattr(m, name):g}" for m in field.metadata for name, words in [LIMITS[type(m)]]]
    return f", {' and '.join(limits)}" if limits else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value: Any = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return f"[{type(value).__name__}](#{type(value).__name__.lower()})'s own"
    return "none" if value in (None, "", (), {}) else f"`{value}`"
