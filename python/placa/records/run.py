"""Run directories: check that they are complete and that their files belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from placa.core.files import fingerprint, fingerprints, short_fingerprint
from placa.records.errors import FingerprintMismatchError, IncompleteRunError, NotARunError
from placa.records.evaluation import Summary
from placa.records.files import read_record, write_record
from placa.records.run_facts import RunFacts
from placa.records.validation import MonitoringFacts, ValidationFacts

_PARTS = ("run.json", "model.keras", "thresholds.json")
#: Files that a run can have.
_OPTIONAL = ("history.csv", "labels.parquet")
_EVALUATE = "Run placa evaluate again."
_COPY = "Copy the complete run again, or train it again."


def require_run(run: Path) -> RunFacts:
    """Check that a directory is a complete run, and return the content of its ``run.json``.

    Raises:
        NotARunError: The directory has no ``run.json``.
        IncompleteRunError: Another file of the run is missing.
        PlacaError: ``run.json`` is damaged, or has another schema version (see `placa.records.files.read_record`).
    """
    if not (run / "run.json").is_file():
        runs = sorted(path.parent for path in run.parent.glob("*/run.json"))
        hint = f" (runs beside it: {', '.join(map(str, runs))})" if runs else ""
        message = f"{run} is not a run: it has no run.json. Pass a directory that placa train wrote{hint}."
        raise NotARunError(message, path=str(run), runs=list(map(str, runs)))
    missing = [name for name in _PARTS if not (run / name).is_file()]
    if missing:
        message = f"The run {run} is incomplete: it has no {missing[0]}. Train it again."
        raise IncompleteRunError(message, path=str(run), missing=missing[0])
    return read_record(run / "run.json", RunFacts)


def require_model(run: Path, facts: RunFacts) -> None:
    """Check that the model of a run is the one whose fingerprint is in its ``run.json``.

    Args:
        run: The run directory.
        facts: The content of ``run.json``.

    Raises:
        FingerprintMismatchError: It is another model, or it was modified.
    """
    _require_file(run, "model.keras", facts["model"]["fingerprint"], "run.json", _COPY)


def require_files(run: Path, facts: RunFacts, *names: str) -> bool:
    """Check that the files of a run are those whose fingerprints are in its ``run.json``.

    Args:
        run: The run directory.
        facts: The content of ``run.json``.
        names: Names of files; all by default.

    Returns:
        True; False if ``run.json`` has no digest or no fingerprints, as in the first runs of placa 0.1.

    Raises:
        IncompleteRunError: A file is missing.
        FingerprintMismatchError: A file belongs to another run, or it was modified.
    """
    stored = facts.get("files", {})
    for name in names or {**stored, **dict.fromkeys(_OPTIONAL)}:
        if name in stored:
            _require_file(run, name, stored[name], "run.json", _COPY)
        elif stored and (run / name).is_file():
            message = f"{run / name} does not belong to this run: run.json does not list it. {_COPY}"
            raise FingerprintMismatchError(message, path=str(run / name), expected=None, received=None)
    return bool(stored) and "digest" in facts


def require_onnx(run: Path, facts: RunFacts) -> None:
    """Check that the ``model.onnx`` of a run is the one whose fingerprint is in its ``run.json``.

    Args:
        run: The run directory.
        facts: The content of ``run.json``, with the fingerprint.

    Raises:
        FingerprintMismatchError: It is another file, or it was modified.
    """
    remedy = "Copy the complete run again, or delete model.onnx: Keras then predicts."
    _require_file(run, "model.onnx", str(facts["model"]["onnx"]["fingerprint"]), "run.json", remedy)


def require_evaluation(run: Path, facts: RunFacts, folder: Path) -> Summary:
    """Check that an evaluation is of the model of a run, and that its files are complete.

    Args:
        run: The run directory.
        facts: The content of ``run.json``.
        folder: The folder of the evaluation.

    Returns:
        The content of its ``summary.json``.

    Raises:
        IncompleteRunError: A file is missing.
        FingerprintMismatchError: The evaluation is of another model, or a file was modified.
    """
    summary = require_tables(folder)
    _require_part_of(facts, folder / "summary.json", summary, summary.get("model_fingerprint"), _EVALUATE)
    return summary


def require_results(run: Path, facts: RunFacts) -> None:
    """Check that the external validations and the monitoring of a run are of its model, and that they are complete.

    Raises:
        IncompleteRunError: A file is missing.
        FingerprintMismatchError: A result is of another model, or a file was modified.
    """
    for folder in sorted(path.parent for path in run.glob("validation/*/summary.json")):
        require_tables(folder)
    for kind, place, remedy in (
        (ValidationFacts, "validation/*/validation.json", "Run placa validate again."),
        (MonitoringFacts, "monitoring/monitoring.json", "Run placa monitor again."),
    ):
        for path in sorted(run.glob(place)):
            record = read_record(path, kind)
            _require_part_of(facts, path, record, record["model"], remedy)
            _require_listed(path.parent, record.get("files", {}), path.name, remedy)


def _require_part_of(facts: RunFacts, path: Path, record: Any, model: str | None, remedy: str) -> None:
    """Check that a result is of the model of a run, and has a digest where the run has one."""
    _require_same_model(facts, path, model, remedy)
    if "digest" in facts and "digest" not in record:
        message = f"{path} was modified after placa wrote it: it has no digest, but run.json has one. {remedy}"
        raise FingerprintMismatchError(message, path=str(path), expected=facts["digest"], received=None)


def is_evaluation(folder: Path) -> bool:
    """Return whether a folder is an evaluation of its own, such as one of predictions made elsewhere."""
    return (folder / "summary.json").is_file() and not (folder / "run.json").is_file()


def require_tables(folder: Path) -> Summary:
    """Check that the files of an evaluation are those whose fingerprints are in its ``summary.json``, and return that.

    Raises:
        IncompleteRunError: A file is missing.
        FingerprintMismatchError: A file was modified.
    """
    summary = read_record(folder / "summary.json", Summary)
    _require_listed(folder, summary.get("fingerprints", {}), "summary.json", _EVALUATE)
    return summary


def seal_evaluation(folder: Path) -> None:
    """Add the fingerprints of files that were added to an evaluation."""
    summary = read_record(folder / "summary.json", Summary)
    summary["fingerprints"] = fingerprints(folder, "summary.json")
    write_record(folder / "summary.json", summary, Summary)


def fingerprints_of_run(run: Path) -> dict[str, str]:
    """Return the fingerprints of the files of a new run, except of the models, whose fingerprints are stored apart."""
    return fingerprints(run, "model.keras", "model.onnx")


def _require_listed(folder: Path, files: dict[str, str], record: str, remedy: str) -> None:
    for name, expected in files.items():
        _require_file(folder, name, expected, record, remedy)


def _require_file(run: Path, name: str, expected: str, record: str, remedy: str) -> None:
    path = run / name
    if ".." in Path(name).parts or Path(name).is_absolute() or not path.is_file():
        raise IncompleteRunError(
            f"The run {run} is incomplete: it has no {name}. {remedy}", path=str(run), missing=name
        )
    received = fingerprint(path)
    if received != expected:
        raise FingerprintMismatchError(
            f"{path} does not belong to this run, or was modified: its fingerprint is "
            f"{short_fingerprint(received)}, but {record} has {short_fingerprint(expected)}. {remedy}",
            path=str(path),
            expected=expected,
            received=received,
        )


def require_predictions(run: Path, facts: RunFacts, metadata: dict[str, Any]) -> bool:
    """Check that the predictions of a run are those of its model.

    Args:
        run: The run directory.
        facts: The content of ``run.json``.
        metadata: Metadata of predictions.parquet (see `placa.records.predictions.read_predictions`).

    Returns:
        True; False if the predictions have no fingerprint of a model.

    Raises:
        FingerprintMismatchError: The predictions are of another model.
    """
    model = metadata.get("model_fingerprint")
    _require_same_model(facts, run / "predictions.parquet", model, _COPY)
    return model is not None


def _require_same_model(facts: RunFacts, path: Path, model: str | None, remedy: str) -> None:
    expected = facts["model"]["fingerprint"]
    if model not in (None, expected):
        raise FingerprintMismatchError(
            f"{path} is of another model: its fingerprint is {short_fingerprint(str(model))}, but run.json has "
            f"{short_fingerprint(expected)}. {remedy}",
            path=str(path),
            expected=expected,
            received=model,
        )
