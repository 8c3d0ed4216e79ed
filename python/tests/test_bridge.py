"""The bridge to R: what crosses, how R complains, and how it is stopped."""

import datetime
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from placa.bridge import RError, call_r, run_rscript, start_r
from placa.errors import PlacaError
from placa.predictions import read_predictions, write_predictions
from placa.r_frames import R_FRAMES, from_r, to_r

pytestmark = pytest.mark.usefixtures("r")


@pytest.fixture
def frame() -> pd.DataFrame:
    """Of every type a column, with something missing where that type can."""
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


def test_values_and_types_arrive_in_r(frame: pd.DataFrame) -> None:
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


def test_a_frame_comes_back_as_it_went(frame: pd.DataFrame) -> None:
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
    # A second crossing changes nothing more.
    pd.testing.assert_frame_equal(through_r(back), back)


def test_rows_columns_and_the_index_may_be_any(frame: pd.DataFrame) -> None:
    none = through_r(frame.iloc[:0])
    assert none.shape == (0, frame.shape[1]) and list(none.columns) == list(frame.columns)
    assert through_r(frame[[]]).shape[1] == 0
    shuffled = through_r(frame.iloc[[3, 1]], "function(x) x[2:1, ]")
    assert shuffled["whole"].tolist() == [-(2**31) + 1, 2**31 - 1] and list(shuffled.index) == [0, 1]
    twice = pd.DataFrame([[1, "a"]], columns=["ñ", "ñ"])
    assert list(through_r(twice).columns) == ["ñ", "ñ"]


def test_what_r_makes_comes_to_python() -> None:
    code = """function(x) data.frame(
      when = as.Date('2020-02-29'), latin = iconv('\\u00f1', 'UTF-8', 'latin1'), big = 2^31, age = 61, half = 2^31 + .5,
      not = NA, none = NA_real_, day = factor('lunes')
    )"""
    back = through_r(pd.DataFrame({"x": [1]}), code)
    row = back.iloc[0]
    assert (row["when"], row["latin"], row["big"], row["day"]) == ("2020-02-29", "ñ", 2**31, "lunes")
    # A whole number that R's integers could hold was a double in R, and stays one.
    assert (back["big"].dtype, back["age"].dtype, back["half"].dtype) == ("int64", "float64", "float64")
    assert row["not"] is pd.NA and np.isnan(row["none"])


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_what_r_cannot_hold_is_said(text: str) -> None:
    with pytest.raises(PlacaError, match="R can hold no text like"):
        to_r(pd.DataFrame({"x": ["fine", text]}))


def test_a_description_crosses_with_the_frame() -> None:
    predictions = pd.DataFrame({"x": [1]})
    predictions.attrs["placa"] = {"label_source": "tres radiólogos", "findings": ["a", "b"], "subset": None}
    source = through_r(predictions, "function(x) data.frame(of = attr(x, 'placa')$label_source)")
    assert source["of"].tolist() == ["tres radiólogos"]


def test_100_000_rows_cross_and_stay_what_they_are() -> None:
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
    # It takes a quarter of a second (see benchmarks/); this is for a crossing that goes value by value.
    assert time.perf_counter() - before < 10
    pd.testing.assert_frame_equal(back, big.astype({"truth": "Int64"}))


@pytest.fixture
def some_predictions() -> pd.DataFrame:
    random = np.random.default_rng(2)
    truth = np.tile([0, 1], 30)
    patients = np.repeat([f"ñ{i}" for i in range(20)], 3)
    return pd.DataFrame(
        {
            "image_id": [f"{i}.png" for i in range(60)],
            "patient_id": patients,
            "group_id": patients,
            "split": "test",
            "finding": pd.Categorical(["Neumonía"] * 60),
            "truth": truth,
            "probability": np.clip(0.3 * truth + random.random(60) * 0.7, 0, 1),
        }
    )


def test_a_function_of_r_gives_its_table(some_predictions: pd.DataFrame, capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []
    table = call_r("clustered_auroc", heard.append, predictions=some_predictions, draws=200, seed=None)
    assert table is not None and table["finding"].tolist() == ["Neumonía"] * 3
    assert table["method"].tolist() == ["delong", "obuchowski", "bootstrap"]
    assert heard == [] and capfd.readouterr() == ("", "")


def test_errors_and_warnings_come_once(some_predictions: pd.DataFrame, capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []
    with pytest.raises(RError, match="`draws` must be a whole number") as refused:
        call_r("clustered_auroc", heard.append, predictions=some_predictions, draws=3)
    assert "placa_error_draws" in refused.value.r_class and "error" in refused.value.r_class
    assert "\n" not in str(refused.value) and heard == []
    one_class = some_predictions.assign(truth=0)
    call_r("clustered_auroc", heard.append, predictions=one_class, draws=200)
    assert len(heard) == 1 and heard[0].startswith("R: ") and "Neumonía" in heard[0]
    assert capfd.readouterr() == ("", "")


_BOTH = """
import pandas as pd
from placa.bridge import call_r, start_r
{first}
predictions = pd.DataFrame({{
    "image_id": list("abcdef"), "patient_id": list("uvwxyy"), "group_id": list("uvwxyy"), "split": "test",
    "finding": "Neumonía", "truth": [0, 0, 1, 1, 0, 1], "probability": [0.1, 0.4, 0.35, 0.8, 0.6, 0.9],
}})
{second}
print(round(call_r("discrimination", print, predictions=predictions)["auroc"][0], 6))
assert int(tf.reduce_sum(tf.constant([1, 2]))) == 3
"""


@pytest.mark.parametrize("first", ["import tensorflow as tf", "start_r()"])
def test_tensorflow_may_come_before_or_after(first: str) -> None:
    second = "start_r()" if "tf" in first else "import tensorflow as tf"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}
    code = _BOTH.format(first=first, second=second)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (0, "0.777778\n"), done.stderr


_LONG = """
import sys, time
import pandas as pd
from placa.bridge import call_r, start_r
predictions = pd.read_csv(sys.argv[1], dtype={"patient_id": str})
start_r()
print("now", flush=True)
try:
    call_r("clustered_auroc", print, predictions=predictions, draws=200_000_000)
except KeyboardInterrupt:
    print("stopped", call_r("clustered_auroc", print, predictions=predictions, draws=200)["auroc"].notna().all())
"""


def test_ctrl_c_stops_r_and_leaves_it_fit_for_work(some_predictions: pd.DataFrame, tmp_path: Path) -> None:
    some_predictions.to_csv(tmp_path / "predictions.csv", index=False)
    command = [sys.executable, "-c", _LONG, str(tmp_path / "predictions.csv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "now\n"
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "stopped True\n", "")


@pytest.fixture(scope="module")
def long_run(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with so many predictions that its evaluation takes a while; tests must not change it."""
    out = Path(shutil.copytree(run, tmp_path_factory.mktemp("long") / "señal"))
    predictions, metadata = read_predictions(out)
    many = pd.concat([predictions] * (300_000 // len(predictions)), ignore_index=True)
    copy = "-" + pd.Series(many.index // len(predictions)).astype("string")
    for name in ("image_id", "patient_id", "group_id"):
        many[name] = many[name] + copy
    many["probability"] = np.random.default_rng(0).random(len(many))
    write_predictions(many, out / "predictions.parquet", metadata)
    (out / "evaluation").mkdir()
    (out / "evaluation" / "summary.json").write_text("older")
    return out


@pytest.mark.parametrize(("bridge", "to_all"), [("rpy2", False), ("rscript", False), ("rscript", True)])
def test_ctrl_c_ends_the_command_with_one_line(long_run: Path, bridge: str, to_all: bool) -> None:
    before = {path.name for path in long_run.iterdir()}
    command = [sys.executable, "-m", "placa", "evaluate", str(long_run), "--bridge", bridge]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, start_new_session=True) as process:  # type: ignore[call-overload]
        time.sleep(8)
        assert process.poll() is None, "the evaluation was over before it could be stopped"
        # A terminal sends it to R as well, where R is a process of its own.
        os.killpg(process.pid, signal.SIGINT) if to_all else process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "placa: stopped; nothing half-written was left\n")
    assert time.monotonic() - began < 15
    assert {path.name for path in long_run.iterdir()} == before
    assert [path.name for path in (long_run / "evaluation").iterdir()] == ["summary.json"]


def test_a_table_survives_the_way_without_rpy2(run: Path, tmp_path: Path) -> None:
    """Parquet over, CSV back: what `placa evaluate` does where there is no rpy2."""
    predictions, metadata = read_predictions(run)
    predictions = predictions.head(4).assign(
        image_id=["señal.png", "a,b.png", 'c"d.png', "日本.png"],
        patient_id=pd.array(["4294967296", None, "007", "NA"], dtype="string"),
        truth=pd.array([1, None, 0, 1], dtype="Int8"),
        age=[61.0, np.nan, 0.5, 2.0**33],
        site=pd.array(["Córdoba", None, "", "x"], dtype="string"),
        finding="Neumonía",
    )
    there, back = tmp_path / "ñ.parquet", tmp_path / "ñ.csv"
    write_predictions(predictions, there, {**metadata, "label_source": "señor"})
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
    done = run_rscript(code, str(there), str(back))
    assert done.returncode == 0, done.stderr
    # An empty cell is a missing value; texts are in quotation marks, so that an empty one is told apart by none.
    arrived = pd.read_csv(back, dtype=predictions.dtypes.to_dict(), keep_default_na=False, na_values=[""])
    expected = predictions.assign(site=pd.array(["Córdoba", None, None, "x"], dtype="string"))
    pd.testing.assert_frame_equal(arrived[list(expected)], expected, check_dtype=False)
