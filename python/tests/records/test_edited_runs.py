"""Edited and damaged runs: Python and R refuse the same ones."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from placa.core.errors import DamagedFileError, InputError
from placa.inference.predict import Predictor
from placa.records.errors import FingerprintMismatchError
from placa.records.evaluation import Summary
from placa.records.files import read_record
from placa.records.predictions import clean_identifiers, read_predictions, write_predictions
from placa.records.run import require_evaluation, require_files, require_run


def _replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        text = (run / file).read_text("utf-8")
        assert old in text
        (run / file).write_text(text.replace(old, new, 1), "utf-8")

    return edit


def _threshold(value: str) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        stored = json.loads((run / "thresholds.json").read_text())
        stored["findings"]["Opacity"]["points"]["youden"] = "HERE"
        (run / "thresholds.json").write_text(json.dumps(stored).replace('"HERE"', value))

    return edit


def _directory(run: Path) -> None:
    (run / "run.json").unlink()
    (run / "run.json").mkdir()


def _cut_rows(file: str) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        lines = (run / file).read_text("utf-8").splitlines()
        (run / file).write_text("\n".join(lines[:-1]) + "\n", "utf-8")

    return edit


def _predictions(change: Callable[[pd.DataFrame], pd.DataFrame], **metadata: object) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        table, stored = read_predictions(run)
        write_predictions(change(table), run / "predictions.parquet", {**stored, **metadata})
        _forget_predictions(run)

    return edit


def _forget_predictions(run: Path) -> None:
    """Remove the fingerprint of the table, as someone who edits the table may do."""
    facts = json.loads((run / "run.json").read_text())
    del facts["files"]["predictions.parquet"]
    (run / "run.json").write_text(json.dumps(facts))


def _text_probabilities(run: Path) -> None:
    table = pq.read_table(run / "predictions.parquet")
    place = table.schema.get_field_index("probability")
    text = table.set_column(place, "probability", table["probability"].cast(pa.string()))
    pq.write_table(text, run / "predictions.parquet")
    _forget_predictions(run)


EDITS: dict[str, Callable[[Path], None]] = {
    "threshold NaN": _threshold("NaN"),
    "threshold 1e400": _threshold("1e400"),
    "threshold text": _threshold('"0.5"'),
    "threshold of another finding": _replace("thresholds.json", '"Opacity"', '"Effusion"'),
    "another threshold": _threshold("0.123"),
    "run of schema 99": _replace("run.json", '"schema_version": 2', '"schema_version": 99'),
    "two equal keys": _replace("run.json", '"schema_version": 2', '"schema_version": 2, "name": "a", "name": "b"'),
    "no fingerprint": _replace("run.json", '"fingerprint"', '"fingerprints"'),
    "history cut": _cut_rows("history.csv"),
    "evaluation cut": _cut_rows("evaluation/roc.csv"),
    "evaluation removed": lambda run: (run / "evaluation" / "calibration.csv").unlink(),
    "evaluation of another model": lambda run: _other_model(run),
    "number that is text": _replace("evaluation/summary.json", '"auroc": ', '"auroc": "1", "auroc_of": '),
    "predictions cut": lambda run: write_predictions(
        read_predictions(run)[0].iloc[:-3], run / "predictions.parquet", read_predictions(run)[1]
    ),
    "infinite score": _predictions(lambda table: table.assign(score=float("inf"))),
    "negative age": _predictions(lambda table: table.assign(age=-0.1)),
    "probability 2": _predictions(lambda table: table.assign(probability=2.0)),
    "probability that is text": _text_probabilities,
    "no image id": _predictions(lambda table: table.assign(image_id=None)),
    "empty finding": _predictions(lambda table: table.assign(finding=" ")),
    "a directory in place of a record": _directory,
    "predictions of schema 99": _predictions(lambda table: table, schema_version=99),
}


def _other_model(run: Path) -> None:
    file = run / "evaluation" / "summary.json"
    summary = json.loads(file.read_text())
    file.write_text(json.dumps({**summary, "model_fingerprint": "sha256:" + "0" * 64}))


def _read(run: Path) -> None:
    facts = require_run(run)
    Predictor(run)
    read_predictions(run)
    require_files(run, facts)
    require_evaluation(run, facts, read_record(run / "evaluation" / "summary.json", Summary))


_SCRIPT = """
runs <- commandArgs(TRUE)
for (run in runs) {
  problem <- tryCatch({
    placa::load_model(run); placa::read_predictions(run); placa::read_evaluation(run); placa:::check_files(run)
    "accepted"
  }, placa_error_run = function(e) "refused", error = function(e) class(e)[[1]])
  cat(problem, "\\n", sep = "")
}
"""


def test_python_and_r_refuse_the_same_edited_runs(run: Path, tmp_path: Path, r: str) -> None:
    whole = Path(shutil.copytree(run, tmp_path / "whole"))
    command = [r, "--no-echo", "--no-save", "-e"]
    subprocess.run([*command, f'placa::evaluate_run("{whole}", draws = 100)'], capture_output=True, check=True)
    _read(whole)
    runs = {}
    for number, (name, edit) in enumerate(EDITS.items()):
        runs[name] = Path(shutil.copytree(whole, tmp_path / str(number)))
        edit(runs[name])
    accepted = []
    for name, edited in runs.items():
        try:
            _read(edited)
            accepted.append(name)
        except InputError:
            pass
    assert not accepted
    (tmp_path / "read.R").write_text(_SCRIPT)
    places = [str(whole), *map(str, runs.values())]
    done = subprocess.run(
        [r, "--no-echo", "--no-save", "-f", tmp_path / "read.R", "--args", *places],
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = dict(zip(["whole", *runs], done.stdout.split(), strict=True))
    assert verdicts.pop("whole") == "accepted", done.stderr
    assert {
        name: verdict for name, verdict in verdicts.items() if not verdict.startswith(("placa_error", "refused"))
    } == {}
    with pytest.raises(FingerprintMismatchError, match=r"history\.csv"):
        _read(runs["history cut"])


def test_a_decimal_of_an_identifier_makes_no_other_patient() -> None:
    ids = clean_identifiers(pd.Series(["17", "17.0", "18.0", "a.0", None]))
    assert ids[:4].tolist() == ["17", "17", "18.0", "a.0"] and ids.isna()[4]


def test_two_columns_of_one_name_are_an_error(tmp_path: Path) -> None:
    column = pa.array([0.5])
    pq.write_table(pa.Table.from_arrays([column, column], names=["probability", "probability"]), tmp_path / "a.parquet")
    with pytest.raises(DamagedFileError, match="two columns 'probability'"):
        read_predictions(tmp_path / "a.parquet")
