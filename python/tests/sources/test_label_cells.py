"""Label cells of real tables: several findings in a cell, yes and no in two languages, unknown words."""

import json
from pathlib import Path

import pandas as pd
import pytest
from conftest import draw
from raising import raises

from placa.core.errors import UnknownNameError
from placa.sources.errors import LabelSeparatorError, LabelValuesError, SingleClassError
from placa.sources.source import Source
from placa.sources.table import read_table
from placa.sources.tables.label_cells import parse_list, read_entries
from placa.sources.tables.words import fold, normal, shown

N = 40


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for number in range(N):
        draw(folder / f"{number}.png", seed=number, size=(10, 10))
    return folder


def source_of(folder: Path, cells: list[str], positive: str | list[str] | None = None, **options: object) -> Source:
    """Read a table in which these cells are repeated."""
    frame = pd.DataFrame({"path": [f"{i}.png" for i in range(N)], "patient": [f"P{i}" for i in range(N)]})
    frame["finding"] = [cells[i % len(cells)] for i in range(N)]
    frame.to_csv(folder / "t.csv", index=False)
    return read_table(folder / "t.csv", "finding", positive, **options)  # type: ignore[arg-type]


def counts(source: Source) -> tuple[int, int, int]:
    """Return the numbers of positive and negative images, and of unused rows."""
    truth = source.images[source.findings[0]]
    return int((truth == 1).sum()), int((truth == 0).sum()), source.unused


@pytest.mark.parametrize(
    ("cells", "positive", "expected"),
    [
        (["No Finding", "Pneumonia", "Effusion|Pneumonia", "Mass"], "Pneumonia", (20, 20, 0)),
        (["Pneumonia/Viral/COVID-19", "No Finding", "Pneumonia", "Pneumonia/Bacterial"], "Pneumonia", (30, 10, 0)),
        (["['pneumonia']", "['normal']", "['effusion', ' pneumonia']", "[]"], "pneumonia", (20, 10, 10)),
        (['["pneumonia"]', '["normal"]', '["normal"]', '["mass", "pneumonia"]'], "['pneumonia']", (20, 20, 0)),
        (["['a' 'b']", "['b']", "['c']", "c"], "b", (20, 20, 0)),
        (["a; b", "b", "c", "d"], "b", (20, 20, 0)),
        (["a, b", "b", "c", "d"], "B", (20, 20, 0)),
        (["pneumonia", "none", "normal", "#N/A"], "pneumonia", (10, 10, 20)),
        (["pneumonia", "desconocido", "normal", "pneumonia|unknown"], "pneumonia", (20, 10, 10)),
        (["pneumonia", "Uncertain", "normal", "normal|unknown"], "pneumonia", (10, 10, 20)),
    ],
)
def test_a_cell_may_have_several_findings(
    images: Path, cells: list[str], positive: str, expected: tuple[int, int, int]
) -> None:
    assert counts(source_of(images, cells, positive)) == expected


@pytest.mark.parametrize("mark", [" y ", " AND ", "_", "-"])
def test_words_and_hyphens_separate_only_known_names(images: Path, mark: str) -> None:
    cells = ["Edema", "Normal", f"Derrame{mark}Edema", "Derrame"]
    assert source_of(images, cells, "edema").images["Edema"].sum() == N // 2
    alone = source_of(images, ["Edema", f"Non{mark}Edema"], "edema")
    assert alone.images["Edema"].sum() == N // 2 and "labels_similar" in [note.code for note in alone.notes]


def test_a_name_with_a_separator_is_one_name(images: Path) -> None:
    cells = ["No Lung Opacity / Not Normal", "Lung Opacity", "Normal", "Nodule/Mass"]
    assert counts(source_of(images, cells, "Lung Opacity")) == (10, 30, 0)
    assert counts(source_of(images, cells, "Nodule/Mass")) == (10, 30, 0)
    with raises(LabelSeparatorError, value="Mass", separator="/"):
        source_of(images, cells, "Mass")
    assert counts(source_of(images, cells, "Mass", separator="/")) == (10, 30, 0)


def test_a_combination_is_refused_where_findings_are_separated(images: Path) -> None:
    cells = ["Effusion|Mass", "Mass", "No Finding", "Effusion"]
    with raises(LabelSeparatorError, value="Effusion|Mass", separator="|"):
        source_of(images, cells, "Effusion|Mass")
    assert counts(source_of(images, cells, "Effusion|Mass", separator="none")) == (10, 30, 0)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["+", "-"], (20, 20, 0)),
        (["S", "N"], (20, 20, 0)),
        (["Si\u0301", "No"], (20, 20, 0)),
        (["SÍ", "no", "n/d", "Sin datos"], (10, 10, 20)),
        (["VERDADERO", "FALSO"], (20, 20, 0)),
        (["V", "F"], (20, 20, 0)),
        (["Positivo", "NEGATIVO", "#N/D", "dudoso"], (10, 10, 20)),
        (["1,0", "0,0", "-1,0", "−1"], (10, 10, 20)),
        (["1.00", "0.0", "", "#¡VALOR!"], (10, 10, 20)),
        (["Present", "Absent"], (20, 20, 0)),
    ],
)
def test_yes_and_no_are_read_in_both_languages(images: Path, cells: list[str], expected: tuple[int, int, int]) -> None:
    assert counts(source_of(images, cells)) == expected


def test_one_and_two_need_a_named_value(images: Path) -> None:
    with raises(LabelValuesError, column="finding", labels=["1", "2"]):
        source_of(images, ["1", "2"])
    source = source_of(images, ["1", "2"], "1")
    assert counts(source) == (20, 20, 0) and source.findings == ["finding 1"]


def test_a_named_class_is_never_a_word_for_yes_or_no(images: Path) -> None:
    assert counts(source_of(images, ["F", "M"], "F", finding="Female")) == (20, 20, 0)
    assert counts(source_of(images, ["T", "N", "P", "B"], "T")) == (10, 30, 0)
    with raises(LabelValuesError, labels=["F", "M"]):
        source_of(images, ["F", "M"])


def test_values_that_are_not_understood_are_counted_and_rejected(images: Path) -> None:
    source = source_of(images, ["0", "1", "2", "0"], "1")
    assert counts(source) == (10, 20, 0) and len(source.rejected) == 10
    [note] = [note for note in source.notes if note.code == "labels_not_understood"]
    assert note.values == {"column": "finding", "labels": 10, "shown": "'2' (10)"}


def test_a_column_without_a_comparison_names_the_unknown_values(images: Path) -> None:
    with raises(SingleClassError, missing=0) as caught:
        source_of(images, ["pneumonia", "none"], "pneumonia")
    assert "'none' (20)" in str(caught.value)
    assert counts(source_of(images, ["pneumonia", "none"], "pneumonia", negative="none")) == (20, 20, 0)


def test_a_comparison_that_contains_the_positive_value_is_reported(images: Path) -> None:
    source = source_of(images, ["pneumonia", "pneumonia and effusion", "normal", "normal"], "pneumonia")
    [note] = [note for note in source.notes if note.code == "labels_similar"]
    assert note.values["labels"] == 10


def test_an_error_shows_the_entries_of_lists_and_cuts_them(images: Path) -> None:
    with raises(UnknownNameError, name="mass") as caught:
        source_of(images, ["['pneumonia']", "['normal', 'edema']"], "mass")
    assert sorted(caught.value.values["known"]) == ["edema", "normal", "pneumonia"]
    assert len(shown("x" * 500)) <= 62


def test_lists_of_parquet_are_read(images: Path) -> None:
    frame = pd.DataFrame({"path": [f"{i}.png" for i in range(N)]})
    frame["label"] = [["pneumonia"] if i % 2 else ["normal", "edema"] for i in range(N)]
    frame.to_parquet(images / "t.parquet")
    assert counts(read_table(images / "t.parquet", "label", "pneumonia")) == (20, 20, 0)


def test_findings_without_a_positive_image_are_left_out(images: Path) -> None:
    frame = pd.DataFrame({"path": [f"{i}.png" for i in range(N)], "Effusion": [i % 2 for i in range(N)], "Fracture": 0})
    frame.to_csv(images / "t.csv", index=False)
    source = read_table(images / "t.csv", ["Effusion", "Fracture"])
    assert source.findings == ["Effusion"] and "Fracture" not in source.images
    assert {"finding": "Fracture"} in [note.values for note in source.notes if note.code == "no_positive"]


def test_rows_of_one_image_are_joined(images: Path) -> None:
    # VinDr has one row per box and reader.
    rows = [(f"{i}", reader, ["Mass", "Effusion", "No finding"][i % 3]) for i in range(12) for reader in ("R1", "R2")]
    rows += [("0", "R3", "Effusion"), ("1", "R3", "Mass"), ("2", "R3", "Mass")]
    frame = pd.DataFrame(rows, columns=["image_id", "rad_id", "class_name"])
    frame.to_csv(images / "t.csv", index=False)
    source = read_table(images / "t.csv", "class_name", "Mass")
    truth = source.images.set_index("image_id")["Mass"]
    assert truth["0"] == 1 and truth["1"] == 1 and truth["4"] == 0
    # Image 2 is normal and has a mass.
    assert "2" not in truth.index and len(source.rejected) == 3 and len(truth) == 11
    assert source.rows == len(truth) + 3


@pytest.mark.parametrize(
    ("cell", "entries"),
    [
        ("['a', ' b ']", ["a", "b"]),
        ('["a"]', ["a"]),
        ("[a, b]", ["a", "b"]),
        ("['a' 'b']", ["a", "b"]),
        ("[]", []),
        ("('a', 'b')", ["a", "b"]),
        ("(normal)", None),
        ("normal", None),
        ("[None, 'a']", ["unknown", "a"]),
    ],
)
def test_lists_in_cells_are_parsed(cell: str, entries: list[str] | None) -> None:
    found = parse_list(cell)
    assert found == entries if entries is None else [part for part in found or [] if part] == entries


def test_words_for_unknown_are_never_separated() -> None:
    cells = pd.Series(["n/a", "N/D", "#DIV/0!", "1,0", "n", "1", "0", "a"])
    assert all(len(parts) == 1 for parts in read_entries(cells).entries.values())


def test_values_are_compared_in_normal_form() -> None:
    assert normal("1.0") == normal("1,0") == normal("+1") == normal(" 01 ") == "1"
    assert normal("−1") == normal("-1.00") == "-1" and normal("-0") == "0"
    assert fold("SÍ") == fold("si\u0301") == "si"
    assert json.dumps(shown("a\nb")) == json.dumps("'a b'")
