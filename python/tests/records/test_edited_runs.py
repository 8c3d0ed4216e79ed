"""Edited and damaged runs: Python and R refuse the same ones."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from record_fixtures import good_record, reseal
from stamped import stamp

from placa.core.errors import DamagedFileError, InputError
from placa.core.files import fingerprint, fingerprints
from placa.inference.predict import Predictor
from placa.records.errors import FingerprintMismatchError
from placa.records.predictions import clean_identifiers, read_predictions, write_predictions
from placa.records.run import require_evaluation, require_files, require_results, require_run


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
    """Write the fingerprint of the edited table, so that its content is checked."""
    stamp(run)


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
    "AUROC of the evaluation": _replace("evaluation/summary.json", '"auroc": 0.', '"auroc": 0.9'),
    "evaluation without its digest": lambda run: _without_digest(run / "evaluation" / "summary.json"),
    "a table that the evaluation does not list": lambda run: (run / "labels.parquet").write_bytes(b"other"),
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


def _without_digest(file: Path) -> None:
    content = json.loads(file.read_text())
    del content["digest"]
    file.write_text(json.dumps(content))


def _read(run: Path) -> None:
    facts = require_run(run)
    Predictor(run)
    read_predictions(run)
    require_files(run, facts)
    require_evaluation(run, facts, run / "evaluation")
    require_results(run, facts)


#: An author may edit the model card; the log of evaluations grows; Keras predicts without a usable model.onnx.
_MAY_CHANGE = {"model_card.md", "model_card.es.md", "evaluations.csv", "model.onnx"}


def _add_results(run: Path) -> None:
    """Add an external validation, a copy of the evaluation, and the monitoring of a month."""
    model, about = require_run(run)["model"]["fingerprint"], {"schema_version": 1, "placa_version": "0.1.0"}
    folder = Path(shutil.copytree(run / "evaluation", run / "validation" / "there"))
    files = {"summary.json": fingerprint(folder / "summary.json")}
    reseal(folder / "validation.json", {**good_record("validation"), "model": model, "files": files})
    (run / "monitoring").mkdir()
    (run / "monitoring" / "drift.csv").write_text("period\n2026-11\n")
    reseal(run / "monitoring" / "monitoring.json", {**about, "model": model, "files": fingerprints(run / "monitoring")})


def _change_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    place = len(content) // 2
    while file.suffix == ".json" and not chr(content[place]).isdigit():
        place += 1
    content[place] = ord("1") + (content[place] == ord("1"))
    file.unlink()
    file.write_bytes(content)


_SCRIPT = """
runs <- commandArgs(TRUE)
for (run in runs) {
  problem <- tryCatch({
    placa::load_model(run); placa::read_predictions(run); placa::read_evaluation(run); placa:::check_files(run)
    placa::read_validations(run); placa:::check_result(file.path(run, "monitoring"), "monitoring", run)
    "accepted"
  }, placa_error_run = function(e) "refused", error = function(e) class(e)[[1]])
  cat(problem, "\\n", sep = "")
}
"""


def test_python_and_r_refuse_the_same_edited_runs(run: Path, tmp_path: Path, r: str) -> None:
    whole = Path(shutil.copytree(run, tmp_path / "whole"))
    command = [r, "--no-echo", "--no-save", "-e"]
    subprocess.run([*command, f'placa::evaluate_run("{whole}", draws = 100)'], capture_output=True, check=True)
    _add_results(whole)
    _read(whole)
    runs = {}
    for number, (name, edit) in enumerate(EDITS.items()):
        runs[name] = Path(shutil.copytree(whole, tmp_path / str(number)))
        edit(runs[name])
    files = [path for path in sorted(whole.rglob("*")) if path.is_file() and path.name not in _MAY_CHANGE]
    # Records, and one file of each other kind in each folder.
    for file in {path if path.suffix == ".json" else (path.parent, path.suffix): path for path in files}.values():
        name = str(file.relative_to(whole))
        runs[name] = Path(shutil.copytree(whole, tmp_path / name.replace("/", "-"), copy_function=os.link))
        _change_a_byte(runs[name] / name)
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
    with pytest.raises(FingerprintMismatchError, match=r"summary\.json was modified"):
        _read(runs["AUROC of the evaluation"])


def test_a_decimal_of_an_identifier_makes_no_other_patient() -> None:
    ids = clean_identifiers(pd.Series(["17", "17.0", "18.0", "a.0", None]))
    assert ids[:4].tolist() == ["17", "17", "18.0", "a.0"] and ids.isna()[4]


def test_two_columns_of_one_name_are_an_error(tmp_path: Path) -> None:
    column = pa.array([0.5])
    pq.write_table(pa.Table.from_arrays([column, column], names=["probability", "probability"]), tmp_path / "a.parquet")
    with pytest.raises(DamagedFileError, match="two columns 'probability'"):
        read_predictions(tmp_path / "a.parquet")
