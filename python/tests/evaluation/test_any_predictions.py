"""Tables of any program become predictions: the same by Python and by R's ``as_predictions()``."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import RecordedProgress
from raising import raises

from placa.core.errors import PathNotFoundError
from placa.evaluation.any_predictions import as_predictions, read_any_table
from placa.evaluation.errors import PairedColumnsError, TruthLevelsError
from placa.records.errors import DuplicateImageError, InvalidValueError, MissingColumnError
from placa.sources.errors import LossyIdentifierError

WIDE = pd.DataFrame(
    {
        "file": ["a", "b", "c", "d"],
        "mrn": ["007", "007", "8", "9"],
        "Edema": [1, 0, None, 1],
        "Mass": [0, 0, 1, 1],
        "p_edema": [0.9, 0.1, 0.5, 0.7],
        "p_mass": [0.2, 0.3, 0.4, 0.6],
    }
)
COLUMNS: dict[str, Any] = {
    "truth": ["Edema", "Mass"],
    "estimate": ["p_edema", "p_mass"],
    "image_id": "file",
    "patient_id": "mrn",
}


def test_wide_and_long_tables_are_the_same_predictions(tmp_path: Path) -> None:
    wide = as_predictions(WIDE, **COLUMNS)
    assert wide["finding"].unique().tolist() == ["Edema", "Mass"]
    assert wide["patient_id"].tolist() == ["007", "007", "8", "9"] * 2
    assert wide["truth"].isna().sum() == 1 and set(wide["split"]) == {"test"}
    long = wide[["image_id", "patient_id", "finding", "truth", "probability"]]
    for mark, decimal in ((",", "."), (";", ",")):
        long.to_csv(tmp_path / "long.csv", sep=mark, decimal=decimal, index=False)
        pd.testing.assert_frame_equal(as_predictions(read_any_table(tmp_path / "long.csv")[0]), wide)
    long.to_parquet(tmp_path / "long.parquet")
    pd.testing.assert_frame_equal(as_predictions(read_any_table(tmp_path / "long.parquet")[0]), wide)


def test_sex_and_age_of_other_case_are_used_and_said() -> None:
    data = pd.DataFrame({"truth": [1, 0], "probability": [0.9, 0.1], "Sex": ["F", "M"], "Age": [50, 51], "View": "PA"})
    progress = RecordedProgress()
    rows = as_predictions(data, progress=progress, image_id="Sex")
    assert rows["age"].tolist() == [50, 51] and rows["view"].tolist() == ["PA", "PA"]
    assert rows["sex"].isna().all() and rows["image_id"].tolist() == ["F", "M"]
    assert any("Age, View" in message for message in progress.messages)


@pytest.mark.parametrize(
    ("column", "options", "expected"),
    [
        (["yes", "no", "no", ""], {}, [1, 0, 0, None]),
        (["Sí", "No", "No", "No"], {}, [1, 0, 0, 0]),
        ([True, False, True, False], {}, [1, 0, 1, 0]),
        (["1.0", "0", "1", None], {}, [1, 0, 1, None]),
        (["tb", "healthy", "tb", "tb"], {"event_level": "tb"}, [1, 0, 1, 1]),
        (["tb", "healthy", "tb", "tb"], {"event_level": "first"}, [0, 1, 0, 0]),
        (pd.Categorical(["x", "w", "x", "x"], ["x", "w"]), {}, [1, 0, 1, 1]),
    ],
)
def test_levels_of_the_truth_have_a_meaning(column: Any, options: dict[str, str], expected: list[int | None]) -> None:
    data = pd.DataFrame({"truth": column, "probability": [0.1, 0.2, 0.3, 0.4]})
    found = as_predictions(data, **options)
    assert [None if pd.isna(value) else int(value) for value in found["truth"]] == expected
    assert found["finding"].unique().tolist() == ["Finding"] and found["image_id"].tolist()[0] == "row 1"


def test_tables_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    plain = pd.DataFrame({"truth": [0, 1], "probability": [0.1, 0.9], "image_id": ["a", "b"]})
    with raises(MissingColumnError, column="label", columns=["truth", "probability", "image_id"]):
        as_predictions(plain, truth="label")
    with raises(InvalidValueError, column="percent", value="90.0", rows=1):
        as_predictions(plain.assign(percent=[0.1, 90]), estimate="percent")
    with raises(InvalidValueError, column="truth", value="-1.0"):
        as_predictions(plain.assign(truth=[0, -1]))
    with raises(TruthLevelsError, column="truth", levels=["sick", "well"]):
        as_predictions(plain.assign(truth=["sick", "well"]))
    with raises(PairedColumnsError, truth=["truth", "image_id"], estimate=["probability"]):
        as_predictions(plain, truth=["truth", "image_id"], estimate="probability")
    with raises(DuplicateImageError, image_id="a"):
        as_predictions(plain.assign(image_id="a"))
    with raises(LossyIdentifierError, column="patient_id", value="1.23457E+17"):
        as_predictions(plain.assign(patient_id=["1.23457E+17", "2"]))
    with raises(PathNotFoundError):
        read_any_table(tmp_path / "none.csv")
    (tmp_path / "ragged.csv").write_text("truth,probability\n1,0.5\n0,0.25,7\n")
    with raises(InvalidValueError, rows=1):
        read_any_table(tmp_path / "ragged.csv")


def test_unknown_patients_are_a_warning_that_names_a_likely_column() -> None:
    told = RecordedProgress()
    as_predictions(WIDE.rename(columns={"mrn": "Subject ID"}), progress=told, **{**COLUMNS, "patient_id": None})
    assert len(told.warned) == 1 and "'Subject ID'" in told.warned[0]


def test_r_reads_the_same_table(r: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"mrn": rng.integers(1, 9, 30), "ill": rng.choice(["no", "yes"], 30), "age": 200.0})
    data[".pred_yes"] = rng.random(30)
    data.to_csv(tmp_path / "table.csv", index=False)
    code = (
        "d <- suppressWarnings(suppressMessages(placa::as_predictions("
        "read.csv(commandArgs(TRUE)[[1]], check.names = FALSE),"
        "truth = ill, estimate = .pred_yes, patient_id = mrn)));"
        "write.csv(d[c('image_id','patient_id','finding','truth','probability','age')], commandArgs(TRUE)[[2]],"
        "row.names = FALSE, na = '')"
    )
    command = [r, "--no-echo", "--no-save", "-e", code, "--args", str(tmp_path / "table.csv"), str(tmp_path / "r.csv")]
    subprocess.run(command, check=True, capture_output=True)
    by_r = as_predictions(pd.read_csv(tmp_path / "r.csv", dtype={"patient_id": str}))
    table, _ = read_any_table(tmp_path / "table.csv")
    ours = as_predictions(table, truth="ill", estimate=".pred_yes", patient_id="mrn")
    pd.testing.assert_frame_equal(ours, by_r, check_exact=False, rtol=1e-14)
