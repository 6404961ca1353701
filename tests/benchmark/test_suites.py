"""Suites: what they say, what is refused, and what the command line changes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from attredit.benchmark.cells import cells_of
from attredit.benchmark.choose import chosen
from attredit.benchmark.suite import built_in, parse_suite, read_suite, short
from attredit.errors import UsageError
from attredit.plugin.registry import bare, installed
from attredit.recipe import resolve

ROOT = Path(__file__).parents[2]
CELEBA = sorted((ROOT / "benchmarks" / "celeba").glob("*.toml"))
PHOTOS = ROOT / "benchmarks" / "photos"

SMALL = """
attributes = ["Smiling", ["Smiling", "Eyeglasses"]]
seeds = [0, 1]
budget = { steps = 10 }
[[datasets]]
name = "synthfaces"
[[methods]]
name = "naive-cvaegan"
"""


def suite(text: str = SMALL) -> Any:
    return parse_suite(text, "my.toml", "my")


@pytest.mark.parametrize("name", [*built_in(), *map(str, [*CELEBA, *PHOTOS.glob("*.toml")])])
def test_every_suite_is_one_and_its_overrides_fit_its_recipes(name: str) -> None:
    found = read_suite(name)
    assert found.summary.endswith(".")
    registry = installed()
    known = {component.name for component in registry.components("method")}
    points = [(entry, point) for _, entry, point in found.points() if bare(entry.name) in known]
    assert len(points) >= 2
    hashes = [resolve(registry, e.name, e.preset, found.overrides_of(e, p)).hash for e, p in points]
    assert len(set(hashes)) == len(hashes), "two rows of a table are the same recipe"


def test_celeba_has_a_version_of_each_suite_but_the_small_and_the_drawn() -> None:
    assert {path.stem for path in CELEBA} == set(built_in()) - {"quick", "confounded", "domains"}


def test_suites_on_photographs_are_told_where_the_data_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for place, column in (("FACES", "Smiling,Eyeglasses"), ("LOOSE", "Smiling,Eyeglasses,Male"), ("SHOES", "Black")):
        (tmp_path / place).mkdir()
        rows = [",".join([f"{i:02d}.png", *[str(i % 2)] * len(column.split(","))]) for i in range(40)]
        (tmp_path / place / "metadata.csv").write_text("\n".join([f"file_name,{column}", *rows, ""]))
        for i in range(40):
            (tmp_path / place / f"{i:02d}.png").write_bytes(b"not looked at yet")
    commands = [shlex.split(line) for line in (PHOTOS / "README.md").read_text().splitlines() if "--data-dir" in line]
    assert {Path(words[2]) for words in commands} == {path.relative_to(ROOT) for path in PHOTOS.glob("*.toml")}
    for words in commands:
        places = [word.replace("=", f"={tmp_path}/") if "=" in word else str(tmp_path / word) for word in words[4::2]]
        cells = cells_of(chosen(read_suite(words[2]), data_dir=places), installed())
        assert len(cells) == len({cell.key for cell in cells}) == 3 * len({cell.label for cell in cells})
        loose = [[entry.data_dir for entry in cell.dataset.evaluate_on] for cell in cells]
        assert all(there == [str(tmp_path / "LOOSE")] * (len(places) - 1) for there in loose)


def test_leakage_is_five_weights_by_the_naive_model_and_every_adversary() -> None:
    labels = [label for label, _, _ in read_suite("leakage").points()]
    assert len(labels) == 30
    rows = {"naive", "mmd", "confusion", "flip", "minimax", "mmd, class_edit"}
    assert {label.split(" kl=")[0] for label in labels} == rows


def test_a_name_is_a_set_of_one_attribute() -> None:
    assert suite().attributes == (("Smiling",), ("Smiling", "Eyeglasses"))


def test_a_grid_has_every_combination_and_what_is_more_special_holds() -> None:
    everywhere = 'set = ["latent_dim=4", "batch_size=8"]\ngrid = { players.autoencoder.terms.kl = [0.1, 0.2] }\n'
    own = 'label = "naive"\nset = ["latent_dim=16"]\ngrid = { "parts.encoder.use" = ["conv", "paper"] }\n'
    found = suite(everywhere + SMALL + own)
    points = list(found.points())
    assert [label for label, _, _ in points] == [
        "naive kl=0.1 encoder=conv",
        "naive kl=0.1 encoder=paper",
        "naive kl=0.2 encoder=conv",
        "naive kl=0.2 encoder=paper",
    ]
    _, entry, point = points[1]
    assert found.overrides_of(entry, point) == {
        "latent_dim": 16,
        "batch_size": 8,
        "players.autoencoder.terms.kl": 0.1,
        "parts.encoder.use": "paper",
    }


def test_short_names_of_keys() -> None:
    assert short("players.autoencoder.terms.kl") == "kl"
    assert short("players.autoencoder.terms.kl.weight") == "kl"
    assert short("parts.factorizer.use") == "factorizer"
    assert short("latent_dim") == "latent_dim"


@pytest.mark.parametrize(
    "change, message",
    [
        (("seeds", "sedes"), "my.toml: the suite has no key 'sedes'. Did you mean seeds? Known: attributes, budget,"),
        (('name = "naive', 'nme = "naive'), "my.toml: methods.0"),
        (
            ("steps = 10", "steps = 10, images = 5"),
            "budget: give exactly one of steps, images and seconds, not steps and",
        ),
        (("steps = 10", ""), "budget: give exactly one of steps, images and seconds, not none."),
        (("steps = 10", "steps = 0"), "my.toml: budget.steps: Input should be greater than 0."),
        (("seeds = [0, 1]", "seeds = [1, 1]"), "my.toml: seed 1 is there twice"),
        (("seeds = [0, 1]", "seeds = []"), "my.toml: seeds: "),
        (("seeds = [0, 1]", "seeds = [0, 1"), "my.toml is no TOML: "),
        (("seeds = [0, 1]", 'seeds = [0]\nset = ["latent_dim"]'), "'latent_dim' is not of the form key=value."),
        (
            ("seeds = [0, 1]", "seeds = [0]\ngrid = { latent_dim = [] }"),
            "latent_dim needs one or more values, each once",
        ),
        (("seeds = [0, 1]", 'name = "x"\nseeds = [0]'), "my.toml has a name. A suite is called as its file is."),
        (('"synthfaces"', '"synthfaces"\nattributes = ["Male", "Male"]'), "attribute set ('Male',) is there twice"),
        (("[[methods]]", '[[methods]]\nname = "naive-cvaegan"\n[[methods]]'), "method 'naive-cvaegan' is there twice"),
    ],
)
def test_what_is_no_suite_is_refused_in_one_sentence(change: tuple[str, str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        suite(SMALL.replace(*change))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"summary = 'caf\xe9'", "my.toml is no text in UTF-8: .* Save it as that"),
        (b"attributes = " + b"[" * 4_000, "my.toml is no TOML: "),
        (b"a." * 100_000 + b"b = 1", "my.toml is no suite: it has a line of 200,005 characters"),
    ],
)
def test_files_that_are_no_text_or_nested_without_end(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_suite(str(tmp_path / "my.toml"))


def test_a_mark_that_editors_put_before_a_text_is_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(SMALL, "utf-8-sig")
    assert read_suite(str(tmp_path / "my.toml")) == suite()


def test_unknown_suites_name_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Unknown suite 'quik'\. Did you mean quick\?"):
        read_suite("quik")
    with pytest.raises(UsageError, match=r"There is no file .*none.toml"):
        read_suite(str(tmp_path / "none.toml"))


def test_options_replace_what_the_suite_has() -> None:
    labelled = suite(SMALL + 'label = "a, b"\n[[methods]]\nname = "naive-cvaegan"\npreset = "paper"\n')
    asked = chosen(labelled, methods=["naive-cvaegan", "ifcvaegan:paper"])
    assert [entry.title for entry in asked.methods] == ["a, b", "naive-cvaegan:paper", "ifcvaegan:paper"]
    assert [entry.title for entry in chosen(labelled, methods=["a, b"]).methods] == ["a, b"]
    assert chosen(labelled, attributes=["Male,Bangs", "Male"]).attributes == (("Male", "Bangs"), ("Male",))
    assert chosen(labelled, seeds="3").seeds == (0, 1, 2)
    assert chosen(labelled, seeds="4,7").seeds == (4, 7)
    assert chosen(labelled, seeds="0,").seeds == (0,)
    assert chosen(labelled) == labelled
    two = chosen(read_suite("domains"), attributes=["Colour"])
    assert (two.attributes, [entry.attributes for entry in two.datasets]) == ((("Colour",),), [(), ()])
    other = chosen(labelled, dataset="celeba", data_dir=["PATH"])
    assert [(entry.name, entry.data_dir) for entry in other.datasets] == [("celeba", "PATH")]


ELSEWHERE = SMALL.replace('"synthfaces"', '"synthfaces"\nevaluate_on = EVALUATE_ON')


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ('"sprites"', ["sprites"]),
        ('["sprites", "folder:loose"]', ["sprites", "folder:loose"]),
        ('{ name = "folder", label = "loose", data_dir = "PATH" }', ["loose"]),
        ('["sprites", { name = "folder", label = "loose" }]', ["sprites", "loose"]),
    ],
)
def test_a_data_set_may_name_others_to_be_evaluated_on(given: str, names: list[str]) -> None:
    (entry,) = suite(ELSEWHERE.replace("EVALUATE_ON", given)).datasets
    assert [other.title for other in entry.evaluate_on] == names


def test_a_mistyped_key_of_another_collection_is_named() -> None:
    with pytest.raises(UsageError, match=r"datasets.0.evaluate_on.0 has no key 'data_dri'\. Did you mean data_dir\?"):
        suite(ELSEWHERE.replace("EVALUATE_ON", '{ name = "folder", data_dri = "x" }'))
    with pytest.raises(UsageError, match="has no key 'balance'"):
        suite(ELSEWHERE.replace("EVALUATE_ON", '{ name = "folder", balance = ["Male"] }'))


def test_each_data_set_is_told_where_it_lies_by_name(tmp_path: Path) -> None:
    both = suite(ELSEWHERE.replace("EVALUATE_ON", '["sprites", { name = "folder", label = "loose" }]'))
    (entry,) = chosen(both, data_dir=["loose=/a=b", "/faces"]).datasets
    assert (entry.data_dir, [other.data_dir for other in entry.evaluate_on]) == ("/faces", [None, "/a=b"])
    with pytest.raises(UsageError, match=r"lose=/x\b.* loose\?"):
        chosen(both, data_dir=["lose=/x"])
    named = chosen(read_suite("confounded"), data_dir=["independent=/x"])
    assert [entry.data_dir for entry in named.datasets] == ["/x", None]


def test_a_data_set_of_the_suite_keeps_its_options() -> None:
    (entry,) = chosen(read_suite("quick"), dataset="synthfaces").datasets
    assert entry.options == read_suite("quick").datasets[0].options


@pytest.mark.parametrize("seeds", ["x", "", "0", "-1", "1,-2", "1.5"])
def test_seeds_that_are_none(seeds: str) -> None:
    with pytest.raises(UsageError, match="neither a number of seeds nor a list"):
        chosen(suite(), seeds=seeds)


def test_one_place_cannot_hold_two_data_sets() -> None:
    with pytest.raises(UsageError, match="several data sets: independent, correlated"):
        chosen(read_suite("confounded"), data_dir=["PATH"])
