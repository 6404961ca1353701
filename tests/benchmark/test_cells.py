"""Keys of cells: what makes a cell another one, and what does not."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from attredit.benchmark import cells as module
from attredit.benchmark.cells import Cell, cells_of
from attredit.benchmark.suite import parse_suite
from attredit.errors import DataError, UsageError
from attredit.plugin.registry import installed


def cells(text: str) -> list[Cell]:
    return cells_of(parse_suite(text, "my.toml", "my"), installed())


def test_cells_are_every_combination_seed_by_seed(suite_text: Any) -> None:
    text = (
        suite_text().replace("seeds = [0]", "seeds = [4, 2]").replace('["Smiling"]', '["Smiling", ["Male", "Bangs"]]')
    )
    found = cells(text)
    assert [(c.seed, c.attributes, c.label) for c in found] == [
        (seed, attributes, label)
        for seed in (4, 2)
        for attributes in (("Smiling",), ("Male", "Bangs"))
        for label in ("naive-cvaegan", "ifcvaegan")
    ]
    assert len({c.key for c in found}) == 8
    assert found[0].title == "naive-cvaegan, synthfaces: Smiling, seed 4"


def test_the_argument_of_a_data_set_is_its_option_in_every_process(
    suite_text: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for i in range(40):
        image = tmp_path / "pictures" / "ab"[i % 2] / f"{i}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(b"not looked at yet")
    text = suite_text().replace('name = "synthfaces"', 'name = "folder:pictures"').replace("Smiling", "label")
    text = "".join(line for line in text.splitlines(keepends=True) if "train = 96" not in line)
    found = cells(text)
    assert {(c.dataset.name, c.dataset.data_dir) for c in found} == {("collections/folder", str(tmp_path / "pictures"))}


def test_a_data_set_may_have_attribute_sets_of_its_own(suite_text: Any) -> None:
    own = '\n[[datasets]]\nname = "sprites"\nattributes = ["Shape", ["Thick", "Colour"]]\n'
    found = cells(suite_text() + own)
    assert {c.table for c in found} == {"synthfaces: Smiling", "sprites: Shape", "sprites: Thick, Colour"}
    assert len({c.key for c in found}) == len(found)


def folder_of_faces(place: Path, *columns: str) -> Path:
    place.mkdir(parents=True)
    names = [f"{i:02d}.png" for i in range(40)]
    for name in names:
        (place / name).write_bytes(b"not looked at yet")
    rows = [",".join([name, *(str(i % 2) for _ in columns)]) for i, name in enumerate(names)]
    (place / "metadata.csv").write_text("\n".join([",".join(["file_name", *columns]), *rows, ""]))
    return place


def test_other_collections_to_be_evaluated_on_are_part_of_the_cell(suite_text: Any, tmp_path: Path) -> None:
    def on(given: str) -> list[Cell]:
        return cells(suite_text().replace('name = "synthfaces"', f'name = "synthfaces"\nevaluate_on = {given}'))

    loose = folder_of_faces(tmp_path / "loose", "Smiling", "Hat")
    found = on(f'"folder:{loose}"')
    (entry,) = found[0].dataset.evaluate_on
    assert (entry.name, entry.data_dir, entry.label) == ("collections/folder", str(loose), "loose")
    alone = cells(suite_text())
    assert found[0].key not in {cell.key for cell in alone}
    # Only pictures of others have to be searched for a frame.
    assert {cell.request.frame for cell in found} == {"auto"}
    assert {cell.request.frame for cell in alone} == {"none"}
    (loose / "more.png").write_bytes(b"x")
    (loose / "metadata.csv").write_text((loose / "metadata.csv").read_text() + "more.png,0,0\n")
    assert on(f'"folder:{loose}"')[0].key != found[0].key
    folder_of_faces(tmp_path / "other" / "loose", "Smiling")
    with pytest.raises(UsageError, match="two collections called loose"):
        on(f'["folder:{loose}", "folder:{tmp_path}/other/loose"]')
    with pytest.raises(DataError, match="sprites lacks what the run edits: Smiling"):
        on('"sprites"')


def changed(text: str, change: tuple[str, str]) -> str:
    assert change[0] in text, "it would change nothing"
    return text.replace(*change)


@pytest.mark.parametrize(
    "change",
    [
        ("seeds = [0]", "seeds = [1]"),
        ("steps = 12", "steps = 13"),
        ("steps = 12", "seconds = 12"),
        ("image_size = 32", "image_size = 48"),
        ('attributes = ["Smiling"]', 'attributes = ["Male"]'),
        ('attributes = ["Smiling"]', 'attributes = [["Smiling", "Male"]]'),
        ("latent_dim=8", "latent_dim=9"),
        ("train = 96", "train = 97"),
        ("test = 32", "test = 33"),
        ('name = "synthfaces"', 'name = "synthfaces"\nbalance = ["Male"]'),
        ("limit = 12", "limit = 13"),
        ("limit = 12", 'split = "valid"'),
        ("image_size = 32", 'image_size = 32\nprecision = "bf16"'),
        ('name = "ifcvaegan"', 'name = "ifcvaegan"\nset = ["players.autoencoder.terms.kl=0.5"]'),
    ],
)
def test_what_decides_what_is_measured_changes_the_key(suite_text: Any, change: tuple[str, str]) -> None:
    before, after = cells(suite_text())[-1], cells(changed(suite_text(), change))[-1]
    assert before.key != after.key


@pytest.mark.parametrize(
    "change",
    [
        ("seeds = [0]", "seeds = [1, 0]"),
        ('name = "ifcvaegan"', 'name = "ifcvaegan"\nlabel = "ours"'),
        ('name = "synthfaces"', 'name = "synthfaces"\nlabel = "faces"'),
        ("valid = 16", "valid = 17"),  # a split that nobody reads
        ('name = "ifcvaegan"', 'name = "ifcvaegan"\nset = ["latent_dim=8"]'),
    ],
)
def test_what_does_not_leaves_it(suite_text: Any, change: tuple[str, str]) -> None:
    assert cells(suite_text())[-1].key == cells(changed(suite_text(), change))[-1].key


def test_a_data_set_may_be_balanced(suite_text: Any, tmp_path: Path) -> None:
    found = cells(changed(suite_text(), ('name = "synthfaces"', 'name = "synthfaces"\nbalance = ["Male", "Bangs"]')))
    assert found[0].request.balance == ("Male", "Bangs")
    assert cells(suite_text())[0].request.balance == ()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that nothing has imported."""
    home = tmp_path / "benchmarked_plugin"
    (home / "deep").mkdir(parents=True)
    (home / "__init__.py").write_text("")
    (home / "deep" / "loss.py").write_text("WEIGHT = 1\n")
    (home / "notes.txt").write_text("unread")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return home


def digest(name: str) -> str:
    module.source_digest.cache_clear()
    return module.source_digest(name)


def test_source_files_decide_and_nothing_is_imported(package: Path) -> None:
    before = digest(package.name)
    assert digest(package.name) == before
    (package / "notes.txt").write_text("still unread")
    assert digest(package.name) == before
    (package / "deep" / "loss.py").write_text("WEIGHT = 2\n")
    changed = digest(package.name)
    (package / "deep" / "loss.py").rename(package / "deep" / "losses.py")
    assert len({before, changed, digest(package.name)}) == 3
    assert package.name not in sys.modules


def test_code_that_shows_is_left_out_and_code_that_computes_is_not() -> None:
    names = [name for name, _ in module.source_files("attredit")]
    assert {"training/trainer.py", "evaluation/judge.py", "data/store.py"} <= set(names)
    # Whoever is touched by none of these need not do a benchmark again.
    computing = {"data", "editing", "evaluation", "framing", "plugin", "runs", "training"}
    assert {name.split("/")[0] for name in names if "/" in name} == computing
    assert not {"html.py", "tune.py"} & set(names)


def test_the_code_of_used_plugins_alone_is_part_of_a_key(suite_text: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cells(suite_text())
    real = module.source_digest
    monkeypatch.setattr(module, "source_digest", lambda name: "new" if name == "attredit_ifcvaegan" else real(name))
    naive, factorized = cells(suite_text())
    assert naive.key == before[0].key
    assert factorized.key != before[1].key


@pytest.mark.parametrize(
    "change, message",
    [
        (('"naive-cvaegan"', '"naive-cvaegen"'), "Unknown method 'naive-cvaegen'. Did you mean naive-cvaegan?"),
        (('["Smiling"]', '["Smilling"]'), "Unknown attribute 'Smilling'. Did you mean Smiling?"),
        (
            ('name = "synthfaces"', 'name = "synthfaces"\nbalance = ["Mal"]'),
            "Unknown attribute 'Mal'. Did you mean Male?",
        ),
        (('"synthfaces"', '"synthface"'), "Unknown dataset 'synthface'. Did you mean synthfaces?"),
        (("limit = 12", 'split = "tests"'), "synthfaces has no split 'tests'. Did you mean test?"),
        (("latent_dim=8", "latent_dims=8"), "Unknown key 'latent_dims' in the recipe. Did you mean latent_dim?"),
        (("train = 96", "trian = 96"), "options of data set synthfaces has no 'trian'"),
    ],
)
def test_what_does_not_exist_is_refused_before_anything_starts(
    suite_text: Any, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        cells(changed(suite_text(), change))
    assert message in str(error.value)
