"""Patients of real tables: placeholders are unknown, and spellings of a number are one patient."""

import csv
from pathlib import Path

import pandas as pd
import pytest
from raising import raises

from placa.records.codes import Note
from placa.sources.errors import LossyIdentifierError
from placa.sources.tables.cells import read_ages, read_sexes, read_splits, read_views
from placa.sources.tables.identifiers import is_placeholder, join_groups, patients_in_paths, read_patients

FILE = Path("t.csv")
#: Identifiers of patients, which R's as_predictions() reads too.
SHARED = Path(__file__).parents[4] / "R" / "tests" / "testthat" / "fixtures" / "patients.csv"


def patients(*cells: str) -> list[str]:
    return read_patients(pd.Series(cells, dtype=object), "patient", FILE, []).tolist()


@pytest.mark.parametrize(
    "word",
    [
        *("anonymous", "Anonymized", "ANON", "ANONIMIZADO", "Anónimo", "unknown", "n/a", "N/D", "desconocido", "NOID"),
        *("no id", "sin nombre", "000", "0", "xxx", "?", "-", "", "#N/A", "De-identified", "removed", "none"),
    ],
)
def test_placeholders_are_unknown_patients(word: str) -> None:
    assert is_placeholder(word)
    assert patients(word, word, "P1") == ["", "", "P1"]


@pytest.mark.parametrize("name", ["P1", "anon-7f3a", "100", "Xavier01", "NA12", "testa", "Annon"])
def test_identifiers_are_not_placeholders(name: str) -> None:
    assert not is_placeholder(name)


def test_python_and_r_know_the_same_placeholders() -> None:
    with SHARED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = [row["identifier"] for row in rows if is_placeholder(row["identifier"]) != (row["unknown"] == "1")]
    assert not wrong and len(rows) > 60


def test_a_numbered_placeholder_is_an_identifier_if_there_are_several() -> None:
    assert patients("ANON^001", "ANON^001", "ANON^001") == ["", "", ""]
    assert patients("ANON001", "ANON002", "ANON002") == ["ANON001", "ANON002", "ANON002"]


def test_zero_is_a_patient_if_patients_are_numbered_from_it() -> None:
    assert patients("0", "1", "2", "2") == ["0", "1", "2", "2"]
    assert patients("0", "0", "0", "1", "2") == ["", "", "", "1", "2"]
    assert patients("0", "7", "8") == ["", "7", "8"]


def test_spellings_of_a_number_are_one_patient() -> None:
    notes: list[Note] = []
    read = read_patients(pd.Series(["7", "7.0", "007", "p 1", "P  1", "8.0"], dtype=object), "patient", FILE, notes)
    assert read.nunique() == 3 and read.iloc[0] == read.iloc[1] == read.iloc[2] == "7"
    assert read.iloc[3] == read.iloc[4] and read.iloc[5] == "8"
    assert [note.values["spellings"] for note in notes if note.code == "patient_spellings"] == [3]
    assert patients("0012", "0013") == ["0012", "0013"], "padded numbers keep their zeros"


def test_numbers_that_lost_digits_are_refused() -> None:
    with raises(LossyIdentifierError, column="patient", value="1.23457E+17"):
        patients("1.23457E+17", "2")


def test_paths_may_name_patients() -> None:
    paths = pd.Series(["train/patient00001/study1/view1.jpg", "person12_virus_3.jpeg", "IM-0115-0001.jpeg"])
    assert patients_in_paths(paths).tolist() == ["patient00001", "person12", ""]


def test_groups_that_share_a_patient_are_joined() -> None:
    groups = join_groups(pd.Series(["a", "b", "c", "c"]), pd.Series(["p1", "p1", None, "p2"]))
    assert groups.tolist() == ["a", "a", "c", "c"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["V", "M"], ["M", "F"]),
        (["V", "H"], ["M", "F"]),
        (["H", "M"], ["M", "F"]),
        (["Hombre", "M"], ["M", "F"]),
        (["Hombre", "Mujer"], ["M", "F"]),
        (["Varón", "Hembra"], ["M", "F"]),
        (["M", "F"], ["M", "F"]),
        (["Masculino", "FEMENINO"], ["M", "F"]),
        (["male", "M", "Female"], ["M", "M", "F"]),
        (["M", "M"], [None, None]),
        (["0", "1"], [None, None]),
        (["F", "V", "M"], ["F", "M", None]),
    ],
)
def test_sexes_are_read_by_column(cells: list[str], expected: list[str | None]) -> None:
    notes: list[Note] = []
    read = read_sexes(pd.Series(cells), notes)
    assert [None if pd.isna(sex) else sex for sex in read] == expected
    assert sum(int(note.values["images"]) for note in notes) == expected.count(None), "what is not read is said"
    assert read_sexes(pd.Series(["M"]), notes, "dicom").tolist() == ["M"]


def test_ages_of_people_are_read() -> None:
    notes: list[Note] = []
    cells = ["58,5", "45 años", "045Y", "6 meses", "45 y/o", "45 years old", "2 semanas", "50+", "early 40s", ">89", ""]
    ages = read_ages(pd.Series(cells), notes)
    assert ages.iloc[:6].tolist() == [58.5, 45, 45, 0.5, 45, 45] and ages.iloc[6] < 0.1
    assert ages.iloc[7:].isna().all()
    assert [note.values["images"] for note in notes] == [3]


def test_views_and_splits_of_public_sets_are_read() -> None:
    views = read_views(
        pd.Series(["PA", "AP_horizontal", "L", "LL", "Lateral", "Posteroanterior", "pa and lateral", "?"])
    )
    assert views.fillna("-").tolist() == ["PA", "AP", "LATERAL", "LATERAL", "LATERAL", "PA", "-", "-"]
    splits = read_splits(pd.Series(["train", "validate", "valid", "dev", "Val", "TEST", "validación", "prueba", "3"]))
    assert splits.fillna("-").tolist() == ["train", *["validation"] * 4, "test", "validation", "test", "-"]


@pytest.mark.parametrize(
    "spellings",
    [
        ("P-001", "P–001", "p\u2212001"),
        ("P 1", "P\u00a01", " P 1\u200b", "P\u034f 1\ufe0f\u00ad"),
        ('="007"', "'7", "007.0"),
    ],
)
def test_spellings_of_programs_are_one_patient(spellings: tuple[str, ...]) -> None:
    read = read_patients(pd.Series([*spellings, "other"]), "id", Path("t.csv"), [])
    assert read.iloc[:-1].nunique() == 1 and read.iloc[-1] == "other"


@pytest.mark.parametrize("cell", ["123456789012345680.0", "1.2E+17", "1,2e17"])
def test_identifiers_that_lost_digits_are_refused(cell: str) -> None:
    with raises(LossyIdentifierError, value=cell, column="id", file="t.csv"):
        read_patients(pd.Series([cell, "7"]), "id", Path("t.csv"), [])
    exact = pd.Series(["123456789012345678", "123456789012345679", "9007199254740992.0"])
    assert read_patients(exact, "id", Path("t.csv"), []).nunique() == 3


def test_one_patient_for_all_images_is_unknown() -> None:
    notes: list[Note] = []
    assert (read_patients(pd.Series(["99999"] * 5), "id", Path("t.csv"), notes) == "").all()
    assert [note.code for note in notes] == ["patient_placeholders"]
