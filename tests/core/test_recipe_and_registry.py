"""Recipes are data: presets, inheritance, overrides, schedules; and plugins that break only themselves."""

from __future__ import annotations

import subprocess
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from hypothesis import given, strategies as st

from attredit import AttributeSchema, Recipe, Schedule
from attredit.attributes import Attribute
from attredit.errors import PluginError, UsageError
from attredit.plugin.registry import Registry, installed
from attredit.recipe import parse_overrides, resolve
from attredit.training.players import build


@pytest.mark.parametrize("method", ["ifcvaegan", "naive-cvaegan"])
@pytest.mark.parametrize("preset", ["default", "paper", "reference"])
def test_every_preset_builds_and_round_trips(method: str, preset: str) -> None:
    recipe = resolve(installed(), method, preset)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()).hash == recipe.hash
    small = recipe.overridden({f"parts.{p}.options.width": 4 for p in ("encoder", "decoder")})
    built = build(installed(), small, AttributeSchema.of_binary(["a"]), channels=3, image_size=16)
    assert {"encoder", "decoder"} <= set(built.parts)


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"playrs.autoencoder.clip": 1}, r"Unknown key 'playrs'.*Did you mean players\?"),
        ({"players.autoencoder.clipp": 1}, r"Unknown key 'clipp' in 'players.autoencoder'.*Did you mean clip\?"),
        ({"latent_dim": -1}, "latent_dim"),
        ({"latent_dim.x": 1}, "is a value"),
        ({"decode_with": "magic"}, "decode_with"),
    ],
)
def test_bad_overrides(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(installed(), "ifcvaegan", "default", overrides)


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"parts.encoder.use": "convv"}, r"Unknown encoder 'convv'.*Did you mean conv\?"),
        ({"parts.encoder.options.widht": 4}, r"parts.encoder.options has no 'widht'.*Did you mean width\?"),
        ({"players.autoencoder.terms.klx": 1}, r"Unknown term 'klx'"),
        ({"players.autoencoder.terms.kl.options.x": 1}, r"terms.kl.options has no 'x'"),
        ({"players.autoencoder.optimizer.options.x": 1}, r"optimizer.options has no 'x'"),
        ({"players.autoencoder.trains": ["encoder", "nothing"]}, "trains 'nothing'"),
        (
            {"parts.encoder.options.width": "x"},
            r"parts.encoder.options cannot be used: TypeError: .*Given: .*width='x'",
        ),
        ({"players.autoencoder.optimizer.lr": -1}, r"optimizer.options cannot be used: .*Invalid learning rate: -1"),
        ({"players.autoencoder.terms.rec.options.batch": "men"}, r"rec.options.batch is 'men'\. Did you mean mean\?"),
    ],
)
def test_what_cannot_be_built(overrides: dict[str, object], message: str) -> None:
    recipe = resolve(installed(), "ifcvaegan", "default", overrides)
    with pytest.raises(UsageError, match=message):
        build(installed(), recipe, AttributeSchema.of_binary(["a"]), channels=3, image_size=16)


def test_overrides_reach_weights_and_options() -> None:
    items = ["players.autoencoder.terms.penalty=0", "parts.factorizer.use=flip", "parts.factorizer.options.width=7"]
    recipe = resolve(installed(), "ifcvaegan", "default", parse_overrides(items))
    assert recipe.players["autoencoder"].terms["penalty"].weight == 0
    assert recipe.parts["factorizer"].options == {"width": 7}
    with pytest.raises(UsageError, match="key=value"):
        parse_overrides(["nothing"])


def test_overrides_can_add_a_term_key_by_key() -> None:
    keys = {"weight": 0.5, "every": 4}
    recipe = resolve(
        installed(), "naive-cvaegan", "default", {f"players.autoencoder.terms.residual.{k}": v for k, v in keys.items()}
    )
    added = recipe.players["autoencoder"].terms["residual"]
    assert (added.weight, added.every) == (0.5, 4)


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"Unknown method 'ifcvaegn'.*Did you mean ifcvaegan\?"):
        resolve(installed(), "ifcvaegn")
    with pytest.raises(UsageError, match=r"no preset 'papper'.*Did you mean paper\?"):
        resolve(installed(), "ifcvaegan", "papper")


@given(st.integers(0, 200))
def test_schedules(step: int) -> None:
    linear = Schedule(kind="linear", start=1, end=3, begin=10, steps=100)
    assert linear.at(step, 999) == pytest.approx(1 + 2 * min(max((step - 10) / 100, 0), 1))
    cosine = Schedule(kind="cosine", start=2, end=0)
    assert 0 <= cosine.at(step, 200) <= 2
    assert cosine.at(200, 200) == pytest.approx(0)
    assert Schedule(kind="constant", end=5, begin=10).at(step, 1) == (5 if step >= 10 else 0)


BROKEN = {
    "raises": "raise RuntimeError('boom')",
    "exits": "import sys; sys.exit(3)",
    "other_api": "attredit_api = 99",
    "wrong_argument": "from attredit import hookimpl\nattredit_api = 1\n@hookimpl\ndef register_terms(registr): pass",
    "hook_raises": "from attredit import hookimpl\nattredit_api = 1\n@hookimpl\ndef register_terms(register):\n"
    "    register('half', 'a:b')\n    raise ValueError('later')",
    "twice": "from attredit import hookimpl\nattredit_api = 1\n@hookimpl\ndef register_terms(register):\n"
    "    register('x', 'a:b'); register('x', 'a:c')",
    "no_hook": "from attredit import hookimpl\nattredit_api = 1\n@hookimpl\ndef register_nonsense(register): pass",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_plugin_breaks_only_itself(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTREDIT_STRICT_PLUGINS", "0")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"plugin_{fault}.py").write_text(BROKEN[fault])
    registry = Registry.discover()
    before = {c.id for c in registry.components("term")}
    info = registry.add(EntryPoint(fault, f"plugin_{fault}", "attredit"))
    assert info.error
    assert {c.id for c in registry.components("term")} == before
    (tmp_path / f"good_{fault}.py").write_text(
        BROKEN["twice"].replace("register('x', 'a:b'); register('x', 'a:c')", "register('fine', 'a:b')")
    )
    assert not registry.add(EntryPoint(f"good-{fault}", f"good_{fault}", "attredit")).error
    with pytest.raises(PluginError, match="cannot be loaded"):
        registry.load("term", "fine")


def test_a_shared_short_name_lists_the_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    from attredit import hookimpl

    registry = Registry.discover()
    module = types.ModuleType("shadow")
    module.attredit_api = 1  # type: ignore[attr-defined]
    module.register_terms = hookimpl(lambda register: register("kl", "a:b"))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shadow", module)
    registry.add(EntryPoint("shadow", "shadow", "attredit"))
    with pytest.raises(UsageError, match="core/kl, shadow/kl"):
        registry.find("term", "kl")
    assert registry.find("term", "core/kl").plugin == "core"


def test_categorical_attributes_encode_and_score() -> None:
    schema = AttributeSchema((Attribute("on"), Attribute("hair", ("black", "blond", "red"))))
    labels = torch.tensor([[1, 2], [0, 0]])
    code = schema.encode(labels)
    assert code.tolist() == [[1, 0, 0, 1], [0, 1, 0, 0]]
    assert schema.decode(code).tolist() == labels.tolist()
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0]] * 2)
    assert float(schema.loss(logits, code)) == pytest.approx((0.693147 + 1.098612) / 2, rel=1e-5)
    assert schema.opposite(code)[0].tolist() == [0, 0.5, 0.5, 0]
    assert schema.wanted({"hair": "blond"}) == {1: [0.0, 1.0, 0.0]}
    with pytest.raises(UsageError, match=r"'blnd'.* hair\b.* blond\?"):
        schema.wanted({"hair": "blnd"})
    with pytest.raises(UsageError, match="Unknown attribute 'On'"):
        schema.wanted({"On": 1})


@given(st.lists(st.integers(2, 4), min_size=1, max_size=4), st.integers(0, 100))
def test_other_labels_differ_everywhere(sizes: list[int], seed: int) -> None:
    schema = AttributeSchema(tuple(Attribute(str(i), tuple("abcd"[:k])) for i, k in enumerate(sizes)))
    generator = torch.Generator().manual_seed(seed)
    labels = torch.stack([torch.randint(0, k, (9,), generator=generator) for k in sizes], 1)
    other = schema.other(labels, torch.rand(9, len(sizes), generator=generator))
    assert bool((other != labels).all())
    assert bool((other < torch.tensor(sizes)).all())


def test_listing_does_not_import_torch() -> None:
    code = "import sys; from attredit.plugin.registry import installed; installed(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
