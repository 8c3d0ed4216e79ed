"""The bridge to R: conversion of data frames."""

import datetime
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from raising import raises

from placa.evaluation.bridge import run_rscript, start_r
from placa.evaluation.errors import InvalidTextError
from placa.evaluation.r_frames import to_r
from placa.records.predictions import read_predictions, write_predictions

pytestmark = pytest.mark.usefixtures("r")


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return one column per type, with a missing value if the type has one."""
    return pd.DataFrame(
        {
            "señal": pd.array(["señal\n\"'", None, "", "NA"], dtype="string"),
            "object": ["日本", None, "a\\b", "\u00f1"],
            "small": pd.array([1, None, 0, -1], dtype="Int8"),
            "whole": [1, -(2**31) + 1, 0, 2**31 - 1],
            "large": [2**31, 2**53 - 1, -(2**53) + 1, 0],
            "large_missing": pd.array([2**40 + 1, None, -(2**31), 0], dtype="Int64"),
            "larger": [2**53 + 1, 2**63 - 1, 0, 1],
            "number": [0.1, np.nan, 1e-300, np.inf],
            "yes": [True, False, True, False],
            "yes_missing": pd.array([True, None, False, True], dtype="boolean"),
            "yes_object": [True, None, False, True],
            "view": pd.Categorical(["PA", None, "ñ", "PA"], categories=["PA", "ñ", "AP"]),
            "stage": pd.Categorical(["low", "high", None, "low"], categories=["low", "high"], ordered=True),
            "nothing": [None] * 4,
            "day": [datetime.date(2020, 2, 29), None, datetime.date(1999, 1, 1), datetime.date(2020, 2, 29)],
        }
    )


def facts(frame: pd.DataFrame, *checks: str) -> dict[str, bool]:
    ri = start_r()
    there = to_r(frame)
    check = ri.evalr("function(frame, code) with(frame, eval(parse(text = code)))")
    return {code: list(check(there, ri.StrSexpVector([code]))) == [True] for code in checks}


def test_values_and_types_are_the_same_in_r(frame: pd.DataFrame) -> None:
    checks = [
        "identical(señal, c('se\\u00f1al\\n\"\\'', NA, '', 'NA'))",
        "identical(Encoding(señal)[1], 'UTF-8')",
        "identical(object[c(1, 3)], c('\\u65e5\\u672c', 'a\\\\b')) && is.na(object[2])",
        "identical(small, c(1L, NA, 0L, -1L))",
        "identical(whole, c(1L, -2147483647L, 0L, 2147483647L))",
        "identical(large, c(2^31, 2^53 - 1, 1 - 2^53, 0))",
        "identical(large_missing, c(2^40 + 1, NA, -2^31, 0))",
        "identical(larger, c('9007199254740993', '9223372036854775807', '0', '1'))",
        "identical(number, c(0.1, NA, 1e-300, Inf)) && !is.nan(number[2])",
        "identical(yes, c(TRUE, FALSE, TRUE, FALSE))",
        "identical(yes_missing, c(TRUE, NA, FALSE, TRUE)) && identical(yes_object, yes_missing)",
        "identical(view, c('PA', NA, '\\u00f1', 'PA'))",
        "identical(stage, c('low', 'high', NA, 'low'))",
        "identical(nothing, rep(NA_character_, 4))",
        "identical(as.Date(day), as.Date(c('2020-02-29', NA, '1999-01-01', '2020-02-29')))",
    ]
    assert facts(frame, *checks) == dict.fromkeys(checks, True)


@pytest.mark.parametrize("backend", ["numpy", "pyarrow"])
def test_types_of_other_programs_are_the_same_table_in_r(foreign_types: dict[str, Path], backend: str) -> None:
    for name, path in foreign_types.items():
        # Missing integers make doubles of a column in pandas, so its identifiers are lost before placa has them.
        if backend == "numpy" and name == "long-int64-missing":
            continue
        frame = pd.read_parquet(path) if backend == "numpy" else pd.read_parquet(path, dtype_backend="pyarrow")
        checks = [
            "length(unique(as.character(placa:::check_predictions(frame)$patient_id[3:8]))) == 3",
            "identical(as.double(probability), c(0.0625, 0.5, 0.375, 0.75, 0.625, 0.875, 0.25, 0.125))",
            "identical(placa:::check_predictions(frame)$truth, c(0L, 0L, 1L, 1L, 0L, 1L, 0L, 0L))",
            "identical(as.double(age), c(67, 67, 45, 45, NA, NA, 30, 30))",
            "!any(c('embedding', 'meta', 'thumbnail') %in% names(frame))",
        ]
        assert facts(frame, *checks) == dict.fromkeys(checks, True), name


def test_any_rows_columns_and_index_are_converted(frame: pd.DataFrame) -> None:
    assert all(facts(frame.iloc[:0], "nrow(frame) == 0 && ncol(frame) == 15 && is.character(view)").values())
    assert all(facts(frame[[]], "identical(dim(frame), c(4L, 0L))").values())
    assert all(facts(frame.iloc[[3, 1]], "identical(whole, c(2147483647L, -2147483647L))").values())
    twice = pd.DataFrame([[1, "a"]], columns=["ñ", "ñ"])
    assert all(facts(twice, "identical(names(frame), c('\\u00f1', '\\u00f1'))").values())


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_values_that_r_cannot_represent_are_errors(text: str) -> None:
    with raises(InvalidTextError, text=text):
        to_r(pd.DataFrame({"x": ["fine", text]}))


def test_metadata_are_converted_with_the_data_frame() -> None:
    predictions = pd.DataFrame({"x": [1]})
    predictions.attrs["placa"] = {"label_source": "tres radiólogos", "findings": ["a", "b"], "subset": None}
    checks = [
        "identical(attr(frame, 'placa')$label_source, 'tres radi\\u00f3logos')",
        "length(attr(frame, 'placa')$findings) == 2",
    ]
    assert facts(predictions, *checks) == dict.fromkeys(checks, True)


def test_converting_100_000_rows_changes_no_value() -> None:
    n = 100_000
    random = np.random.default_rng(1)
    numbers = pd.Series(np.arange(n), dtype="string")
    big = pd.DataFrame(
        {
            "image_id": "imágen-" + numbers,
            "patient_id": (numbers.astype(int) // 3).astype("string"),
            "truth": pd.Series(random.integers(0, 2, n), dtype="Int8").mask(random.random(n) < 0.1),
            "probability": random.random(n),
            "sex": pd.Series(random.choice(["F", "M"], n), dtype="string").mask(random.random(n) < 0.1),
        }
    )
    before = time.perf_counter()
    checks = [
        "identical(image_id, paste0('im\\u00e1gen-', seq_along(image_id) - 1))",
        "identical(patient_id, as.character((seq_along(image_id) - 1) %/% 3))",
        f"sum(is.na(truth)) == {big['truth'].isna().sum()} && sum(truth, na.rm = TRUE) == {big['truth'].sum()}",
        f"sum(is.na(sex)) == {big['sex'].isna().sum()} && sum(sex == 'F', na.rm = TRUE) == {(big['sex'] == 'F').sum()}",
        f"probability[100000] == {float(big['probability'].iloc[-1])!r}",
    ]
    assert facts(big, *checks) == dict.fromkeys(checks, True)
    # It takes a quarter of a second (see benchmarks/). The limit detects a conversion value by value.
    assert time.perf_counter() - before < 10


@pytest.mark.slow
def test_a_table_is_the_same_without_rpy2(run: Path, tmp_path: Path) -> None:
    """Parquet to R and CSV back, as `placa evaluate` does without rpy2."""
    predictions, metadata = read_predictions(run)
    predictions = predictions.head(4).assign(
        image_id=["señal.png", "a,b.png", 'c"d.png', "日本.png"],
        patient_id=pd.array(["4294967296", None, "007", "NAN7"], dtype="string"),
        truth=pd.array([1, None, 0, 1], dtype="Int8"),
        age=[61.0, np.nan, 0.5, 2.0**-33],
        site=pd.array(["Córdoba", None, "", "x"], dtype="string"),
        finding="Neumonía",
    )
    present, back = tmp_path / "ñ.parquet", tmp_path / "ñ.csv"
    write_predictions(predictions, present, {**metadata, "label_source": "señor"})
    code = """
      predictions <- placa::read_predictions(commandArgs(TRUE)[[1]])
      stopifnot(
        identical(predictions$truth, c(1L, NA, 0L, 1L)), identical(predictions$age, c(61, NA, 0.5, 2^-33)),
        identical(predictions$site, c("C\\u00f3rdoba", NA, NA, "x")),
        identical(predictions$patient_id, c("4294967296", NA, "007", "NAN7")),
        identical(attr(predictions, "placa")$label_source, "se\\u00f1or")
      )
      placa:::write_table(predictions, commandArgs(TRUE)[[2]])
    """
    done = run_rscript(code, str(present), str(back))
    assert done.returncode == 0, done.stderr
    # An empty cell is a missing value. Texts are quoted, so an empty text differs from a missing one.
    arrived = pd.read_csv(back, dtype=predictions.dtypes.to_dict(), keep_default_na=False, na_values=[""])
    expected = predictions.assign(site=pd.array(["Córdoba", None, None, "x"], dtype="string"))
    pd.testing.assert_frame_equal(arrived[list(expected)], expected, check_dtype=False)
