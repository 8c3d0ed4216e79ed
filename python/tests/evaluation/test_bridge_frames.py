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
from placa.evaluation.r_frames import R_FRAMES, from_r, to_r
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
            "large": [2**31, 2**53, -(2**53), 0],
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


def through_r(frame: pd.DataFrame, code: str = "identity") -> pd.DataFrame:
    ri = start_r()
    way = ri.evalr(f"local({{ {R_FRAMES}\n function(x) pack_frame(({code})(unpack_frame(x))) }})")
    return from_r(way(to_r(frame)))


def facts(frame: pd.DataFrame, *checks: str) -> dict[str, bool]:
    ri = start_r()
    check = ri.evalr(f"local({{ {R_FRAMES}\n function(x, code) with(unpack_frame(x), eval(parse(text = code))) }})")
    return {code: list(check(to_r(frame), ri.StrSexpVector([code]))) == [True] for code in checks}


def test_values_and_types_are_the_same_in_r(frame: pd.DataFrame) -> None:
    checks = [
        "identical(señal, c('se\\u00f1al\\n\"\\'', NA, '', 'NA'))",
        "identical(Encoding(señal)[1], 'UTF-8')",
        "identical(object[c(1, 3)], c('\\u65e5\\u672c', 'a\\\\b')) && is.na(object[2])",
        "identical(small, c(1L, NA, 0L, -1L))",
        "identical(whole, c(1L, -2147483647L, 0L, 2147483647L))",
        "identical(large, c(2^31, 2^53, -2^53, 0))",
        "identical(large_missing, c(2^40 + 1, NA, -2^31, 0))",
        "identical(larger, c('9007199254740993', '9223372036854775807', '0', '1'))",
        "identical(number, c(0.1, NA, 1e-300, Inf)) && !is.nan(number[2])",
        "identical(yes, c(TRUE, FALSE, TRUE, FALSE))",
        "identical(yes_missing, c(TRUE, NA, FALSE, TRUE)) && identical(yes_object, yes_missing)",
        "identical(view, factor(c('PA', NA, '\\u00f1', 'PA'), levels = c('PA', '\\u00f1', 'AP')))",
        "identical(stage, factor(c('low', 'high', NA, 'low'), levels = c('low', 'high'), ordered = TRUE))",
        "identical(nothing, rep(NA_character_, 4))",
        "identical(as.Date(day), as.Date(c('2020-02-29', NA, '1999-01-01', '2020-02-29')))",
    ]
    assert facts(frame, *checks) == dict.fromkeys(checks, True)


def test_a_data_frame_is_the_same_after_a_round_trip(frame: pd.DataFrame) -> None:
    back = through_r(frame)
    expected = frame.astype(
        {
            "object": "string",
            "small": "Int64",
            "larger": "string",
            "yes_object": "boolean",
            "nothing": "string",
            "day": "string",
        }
    )
    pd.testing.assert_frame_equal(back, expected)
    assert list(back["view"].cat.categories) == ["PA", "ñ", "AP"] and back["stage"].cat.ordered
    # A second conversion changes nothing.
    pd.testing.assert_frame_equal(through_r(back), back)


def test_any_rows_columns_and_index_are_converted(frame: pd.DataFrame) -> None:
    none = through_r(frame.iloc[:0])
    assert none.shape == (0, frame.shape[1]) and list(none.columns) == list(frame.columns)
    assert through_r(frame[[]]).shape[1] == 0
    shuffled = through_r(frame.iloc[[3, 1]], "function(x) x[2:1, ]")
    assert shuffled["whole"].tolist() == [-(2**31) + 1, 2**31 - 1] and list(shuffled.index) == [0, 1]
    twice = pd.DataFrame([[1, "a"]], columns=["ñ", "ñ"])
    assert list(through_r(twice).columns) == ["ñ", "ñ"]


def test_data_frames_of_r_are_converted_to_python() -> None:
    code = """function(x) data.frame(
      when = as.Date('2020-02-29'), latin = iconv('\\u00f1', 'UTF-8', 'latin1'), big = 2^31, age = 61, half = 2^31 + .5,
      not = NA, none = NA_real_, day = factor('lunes')
    )"""
    back = through_r(pd.DataFrame({"x": [1]}), code)
    row = back.iloc[0]
    assert (row["when"], row["latin"], row["big"], row["day"]) == ("2020-02-29", "ñ", 2**31, "lunes")
    # A double of R with an integer value is still a double.
    assert (back["big"].dtype, back["age"].dtype, back["half"].dtype) == ("int64", "float64", "float64")
    assert row["not"] is pd.NA and np.isnan(row["none"])


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_values_that_r_cannot_represent_are_errors(text: str) -> None:
    with raises(InvalidTextError, text=text):
        to_r(pd.DataFrame({"x": ["fine", text]}))


def test_metadata_are_converted_with_the_data_frame() -> None:
    predictions = pd.DataFrame({"x": [1]})
    predictions.attrs["placa"] = {"label_source": "tres radiólogos", "findings": ["a", "b"], "subset": None}
    source = through_r(predictions, "function(x) data.frame(of = attr(x, 'placa')$label_source)")
    assert source["of"].tolist() == ["tres radiólogos"]


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
    back = through_r(big)
    # It takes a quarter of a second (see benchmarks/). The limit detects a conversion value by value.
    assert time.perf_counter() - before < 10
    pd.testing.assert_frame_equal(back, big.astype({"truth": "Int64"}))


def test_a_table_is_the_same_without_rpy2(run: Path, tmp_path: Path) -> None:
    """Parquet to R and CSV back, as `placa evaluate` does without rpy2."""
    predictions, metadata = read_predictions(run)
    predictions = predictions.head(4).assign(
        image_id=["señal.png", "a,b.png", 'c"d.png', "日本.png"],
        patient_id=pd.array(["4294967296", None, "007", "NA"], dtype="string"),
        truth=pd.array([1, None, 0, 1], dtype="Int8"),
        age=[61.0, np.nan, 0.5, 2.0**33],
        site=pd.array(["Córdoba", None, "", "x"], dtype="string"),
        finding="Neumonía",
    )
    present, back = tmp_path / "ñ.parquet", tmp_path / "ñ.csv"
    write_predictions(predictions, present, {**metadata, "label_source": "señor"})
    code = """
      predictions <- placa::read_predictions(commandArgs(TRUE)[[1]])
      stopifnot(
        identical(predictions$truth, c(1L, NA, 0L, 1L)), identical(predictions$age, c(61, NA, 0.5, 2^33)),
        identical(predictions$site, c("C\\u00f3rdoba", NA, "", "x")),
        identical(predictions$patient_id, c("4294967296", NA, "007", "NA")),
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
