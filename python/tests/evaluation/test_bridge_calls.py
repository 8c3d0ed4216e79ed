"""The bridge to R: errors, warnings and interrupts."""

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
from raising import raises
from stamped import stamp

import placa
from placa.evaluation import bridge
from placa.evaluation.bridge import call_r
from placa.evaluation.errors import (
    MissingRPackageError,
    RError,
    RFailedError,
    RNotFoundError,
    RPackageVersionError,
    Rpy2Error,
    r_error,
)
from placa.records.predictions import read_predictions, write_predictions

pytestmark = pytest.mark.usefixtures("r")


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


def test_an_r_function_writes_its_tables(
    some_predictions: pd.DataFrame, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recorded: list[str] = []
    thresholds = pd.DataFrame({"finding": ["Neumonía"], "operating_point": "youden", "threshold": 0.5, "default": True})
    out = str(tmp_path / "señal")
    call_r("evaluate", recorded.append, x=some_predictions, thresholds=thresholds, out=out, draws=200, max_fpr=None)
    table = pd.read_csv(f"{out}/discrimination.csv")
    assert (table["finding"].tolist(), table["n_patients"].tolist()) == (["Neumonía"], [20])
    assert not [warning for warning in recorded if "Neumonía" not in warning] and capfd.readouterr() == ("", "")


def test_errors_and_warnings_are_reported_once(
    some_predictions: pd.DataFrame, capfd: pytest.CaptureFixture[str]
) -> None:
    recorded: list[str] = []
    with raises(RError) as refused:
        call_r("clustered_auroc", recorded.append, predictions=some_predictions, draws=3)
    assert "placa_error_draws" in refused.value.values["classes"] and "error" in refused.value.values["classes"]
    assert "draws" in str(refused.value) and recorded == []
    with raises(RFailedError) as failed:
        call_r("no_such_function", recorded.append)
    assert "error" in failed.value.values["classes"] and "no_such_function" in str(failed.value) and recorded == []
    one_class = some_predictions.assign(truth=0)
    call_r("clustered_auroc", recorded.append, predictions=one_class, draws=200)
    assert len(recorded) == 1 and recorded[0].startswith("R: ") and "Neumonía" in recorded[0]
    assert capfd.readouterr() == ("", "")


def test_only_rejected_input_has_exit_code_2() -> None:
    for kind, code, classes in (
        (RError, 2, ["placa_error_leak", "rlang_error", "error"]),
        (RFailedError, 1, ["placa_error_parquet", "rlang_error", "error"]),
        (RFailedError, 1, ["simpleError", "error"]),
        (RFailedError, 1, []),
    ):
        with raises(kind, classes=classes) as caught:
            raise r_error("It failed.", classes)
        assert caught.value.exit_code == code


def test_a_missing_r_or_package_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with raises(MissingRPackageError, packages=["placa"]):
        bridge.require_r_package("")
    with raises(RPackageVersionError, installed="0.0.1", expected=placa.__version__):
        bridge.require_r_package("0.0.1")
    bridge.require_r_package(placa.__version__)
    monkeypatch.setattr(bridge, "find_r", lambda: None)
    with raises(RNotFoundError, needed_by="R"):
        bridge.run_rscript("1")


_BOTH = """
import tempfile
import pandas as pd
from placa.evaluation.bridge import call_r, start_r
{first}
predictions = pd.DataFrame({{
    "image_id": list("abcdef"), "patient_id": list("uvwxyy"), "group_id": list("uvwxyy"), "split": "test",
    "finding": "Neumonía", "truth": [0, 0, 1, 1, 0, 1], "probability": [0.1, 0.4, 0.35, 0.8, 0.6, 0.9],
}})
{second}
thresholds = pd.DataFrame({{"finding": ["Neumonía"], "operating_point": "youden", "threshold": 0.5, "default": True}})
with tempfile.TemporaryDirectory() as folder:
    out = folder + "/evaluation"
    call_r("evaluate", lambda warning: None, x=predictions, thresholds=thresholds, out=out, draws=100)
    print(round(pd.read_csv(out + "/discrimination.csv")["auroc"][0], 6))
assert int(tf.reduce_sum(tf.constant([1, 2]))) == 3
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", ["import tensorflow as tf", "start_r()"])
def test_r_works_before_and_after_tensorflow_is_imported(first: str) -> None:
    second = "start_r()" if "tf" in first else "import tensorflow as tf"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}
    code = _BOTH.format(first=first, second=second)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (0, "0.777778\n"), done.stderr


_LONG = """
import sys, time
import pandas as pd
from placa.evaluation.bridge import call_r, start_r
predictions = pd.read_csv(sys.argv[1], dtype={"patient_id": str})
start_r()
print("now", flush=True)
try:
    call_r("clustered_auroc", print, predictions=predictions, draws=200_000_000)
except KeyboardInterrupt:
    call_r("clustered_auroc", print, predictions=predictions, draws=200)
    print("stopped")
"""


def test_ctrl_c_stops_r_and_r_can_be_called_again(some_predictions: pd.DataFrame, tmp_path: Path) -> None:
    some_predictions.to_csv(tmp_path / "predictions.csv", index=False)
    command = [sys.executable, "-c", _LONG, str(tmp_path / "predictions.csv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "now\n"
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "stopped\n", "")


@pytest.fixture(scope="module")
def long_run(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a run whose evaluation takes some seconds; tests must not change it."""
    out = Path(shutil.copytree(run, tmp_path_factory.mktemp("long") / "señal"))
    predictions, metadata = read_predictions(out)
    many = pd.concat([predictions] * (900_000 // len(predictions)), ignore_index=True)
    copy = "-" + pd.Series(many.index // len(predictions)).astype("string")
    for name in ("image_id", "patient_id", "group_id"):
        many[name] = many[name] + copy
    many["probability"] = np.random.default_rng(0).random(len(many))
    write_predictions(many, out / "predictions.parquet", metadata)
    stamp(out)
    (out / "evaluation").mkdir()
    (out / "evaluation" / "summary.json").write_text("older")
    return out


def runs_r(process: int) -> bool:
    """Return whether a process, or a descendant of it, has loaded R and the R package."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return "placa.so" in Path(f"/proc/{process}/maps").read_text() or any(runs_r(int(child)) for child in children)
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(("bridge", "to_all"), [("rpy2", False), ("rscript", False), ("rscript", True)])
def test_ctrl_c_ends_the_command_with_one_line(long_run: Path, bridge: str, to_all: bool) -> None:
    before = {path.name for path in long_run.iterdir()}
    command = [sys.executable, "-m", "placa", "evaluate", str(long_run), "--bridge", bridge]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, start_new_session=True) as process:  # type: ignore[call-overload]
        while process.poll() is None and not runs_r(process.pid):
            time.sleep(0.05)
        time.sleep(1)
        assert process.poll() is None, "the evaluation ended before it could be stopped"
        # A terminal sends the signal to R too if R is a separate process.
        os.killpg(process.pid, signal.SIGINT) if to_all else process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.startswith("placa: stopped") and err.count("\n") == 1 and err.endswith("\n")
    assert time.monotonic() - began < 15
    assert {path.name for path in long_run.iterdir()} == before
    assert [path.name for path in (long_run / "evaluation").iterdir()] == ["summary.json"]


def test_a_python_that_r_runs_starts_no_second_r(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module rpytools is loaded by reticulate; a second R would end the user's R."""
    monkeypatch.setitem(sys.modules, "rpytools", sys)
    with raises(Rpy2Error, reason="reticulate"):
        call_r("evaluate", lambda warning: None)
