"""Models and predictions whose fingerprint differs from run.json are not used."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from raising import raises
from record_fixtures import reseal

from placa.inference.predict import Predictor
from placa.records.errors import FingerprintMismatchError
from placa.records.predictions import read_predictions, write_predictions
from placa.workflows.evaluate import evaluate


@pytest.fixture
def other_model(a_run: Path) -> Path:
    with (a_run / "model.keras").open("ab") as file:
        file.write(b"\0")
    return a_run


@pytest.fixture
def other_predictions(a_run: Path) -> Path:
    predictions, metadata = read_predictions(a_run)
    write_predictions(
        predictions, a_run / "predictions.parquet", {**metadata, "model_fingerprint": "sha256:" + "0" * 64}
    )
    return a_run


def test_a_model_with_another_fingerprint_is_not_loaded(other_model: Path, placa) -> None:
    wanted = json.loads((other_model / "run.json").read_text())["model"]["fingerprint"]
    with raises(FingerprintMismatchError, path=str(other_model / "model.keras"), expected=wanted):
        Predictor(other_model)
    done = placa("predict", other_model, other_model)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_the_model_of_another_run_is_an_error(a_run: Path, run: Path) -> None:
    facts = json.loads((a_run / "run.json").read_text())
    facts["model"]["fingerprint"] = "sha256:" + "1" * 64
    reseal(a_run / "run.json", facts)
    for use in (Predictor, evaluate):
        with raises(FingerprintMismatchError, path=str(a_run / "model.keras"), expected="sha256:" + "1" * 64):
            use(a_run)


def test_predictions_of_another_model_are_an_error(other_predictions: Path) -> None:
    predictions = str(other_predictions / "predictions.parquet")
    with raises(FingerprintMismatchError, path=predictions, received="sha256:" + "0" * 64):
        evaluate(other_predictions)
    assert not (other_predictions / "evaluation").exists()


def test_predictions_without_a_fingerprint_are_an_error_in_a_run(a_run: Path) -> None:
    predictions, metadata = read_predictions(a_run)
    del metadata["model_fingerprint"]
    write_predictions(predictions, a_run / "predictions.parquet", metadata)
    with raises(FingerprintMismatchError, path=str(a_run / "predictions.parquet")):
        evaluate(a_run)


def test_r_rejects_files_of_another_model(run: Path, tmp_path: Path, r: str) -> None:
    """Call three R functions on runs with one changed file each; return the classes of the errors."""
    model, predictions = (Path(shutil.copytree(run, tmp_path / name)) for name in ("model", "predictions"))
    with (model / "model.keras").open("ab") as file:
        file.write(b"\0")
    table, metadata = read_predictions(predictions)
    write_predictions(table, predictions / "predictions.parquet", {**metadata, "model_fingerprint": "sha256:0"})
    script = """
    library(placa)
    runs <- commandArgs(TRUE)
    say <- function(call) cat(tryCatch({ call; "fine" }, error = function(e) class(e)[[1]]), "")
    for (run in runs) { say(load_model(run)); say(read_predictions(run)); say(evaluate_run(run, draws = 100)) }
    """
    (tmp_path / "script.R").write_text(script)
    command = [r, "--no-echo", "--no-save", "-f", str(tmp_path / "script.R"), "--args", str(model), str(predictions)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    refused = "placa_error_fingerprint"
    assert done.stdout.split() == [refused, "fine", refused, "fine", refused, refused]
