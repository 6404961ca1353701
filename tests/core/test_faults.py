"""Errors inside a plugin's own code stay what they are, and name the plugin and the component."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attredit.cli.group import line_and_code
from attredit.errors import PluginError, UsageError
from attredit.launch import train
from attredit.plugin.calling import named, naming
from attredit.plugin.registry import using_plugins

FAULTY = """
from attredit import AttributeSchema, Term, hookimpl
from attredit_networks.conv import ConvEncoder

attredit_api = 1


class Fault(Exception):
    pass


def fail(*given, **more):
    raise Fault("of my own")


def term(view):
    return view.code("real").mean.sum() * {}["weight"]


class Encoder(ConvEncoder):
    forward = fail


class Unmade(ConvEncoder):
    __init__ = lambda self, *, channels, image_size, latent_dim, attr_dim: fail()


class Unbegun(ConvEncoder):
    initialize = fail


class Unread:
    channels, splits = 3, ("train", "valid", "test")
    schema = AttributeSchema.of_binary(["bright"])
    open = fail

    def __init__(self, *, image_size, data_dir=None):
        pass

    def fingerprint(self, split):
        return f"{split}"


class Unknown(Unread):
    fingerprint = fail


@hookimpl
def register_terms(register):
    register("term", "faulty:term")


@hookimpl
def register_encoders(register):
    for name in ("Encoder", "Unmade", "Unbegun"):
        register(name, f"faulty:{name}")


@hookimpl
def register_datasets(register):
    for name in ("Unread", "Unknown"):
        register(name, f"faulty:{name}")


@hookimpl
def register_methods(register):
    register("method", "faulty_recipe_that_is_not_there:recipe")
"""
CASES = {
    "term faulty/term": {"overrides": {"players.autoencoder.terms.term": 1}},
    "encoder faulty/Encoder": {"overrides": {"parts.encoder": {"use": "faulty/Encoder", "options": {"width": 4}}}},
    "encoder faulty/Unmade": {"overrides": {"parts.encoder": {"use": "faulty/Unmade", "options": {}}}},
    "encoder faulty/Unbegun": {"overrides": {"parts.encoder": {"use": "faulty/Unbegun", "options": {"width": 4}}}},
    "data set faulty/Unread": {"dataset": "Unread", "attributes": ["bright"], "data_options": {}},
    "data set faulty/Unknown": {"dataset": "Unknown", "attributes": ["bright"], "data_options": {}},
}


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "faulty.py").write_text(FAULTY)
    with using_plugins([tmp_path / "faulty.py"]):
        yield


@pytest.mark.usefixtures("faulty")
@pytest.mark.parametrize("who", CASES)
def test_whose_code_failed_is_named(who: str, request_for: Any) -> None:
    own = {"parts.encoder.options.width": 4} if "encoder" not in who else {}
    asked = CASES[who]
    with pytest.raises(Exception, match=r"of my own|weight") as failed:
        train(request_for(**{**asked, "preset": "conv", "overrides": {**own, **asked.get("overrides", {})}}, steps=1))
    assert type(failed.value).__name__ in ("Fault", "KeyError")
    assert named(failed.value) == who
    line, code = line_and_code(failed.value)
    assert code == 1
    assert f"In {who}: tell its authors" in line
    assert "This is a bug" not in line


@pytest.mark.usefixtures("faulty")
def test_a_method_that_cannot_be_imported_is_named(request_for: Any) -> None:
    with pytest.raises(PluginError, match="method faulty/method cannot be loaded"):
        train(request_for(method="method"))


def test_a_word_without_end_is_cut() -> None:
    line, _ = line_and_code(UsageError(f"There is no {'a.' * 100_000}.", "Name another."))
    assert line == f"Error: There is no {'a.' * 50}… Name another."


def test_the_innermost_is_named_and_our_own_errors_are_not() -> None:
    with pytest.raises(KeyError) as failed, naming("term a/outer"), naming("encoder b/inner"):
        raise KeyError
    assert named(failed.value) == "encoder b/inner"
    with pytest.raises(UsageError) as usage, naming("term a/outer"):
        raise UsageError("Said.")
    assert named(usage.value) == ""
    assert "This is a bug" in line_and_code(KeyError("x"))[0]
