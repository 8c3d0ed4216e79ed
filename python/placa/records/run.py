"""Run directories: check that they are complete and that their files belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from placa.core.files import fingerprint
from placa.records.errors import FingerprintMismatchError, IncompleteRunError, NotARunError
from placa.records.evaluation import Summary
from placa.records.files import read_record
from placa.records.run_facts import RunFacts

_PARTS = ("run.json", "model.keras", "thresholds.json")


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
    expected, received = facts["model"]["fingerprint"], fingerprint(run / "model.keras")
    if received != expected:
        raise FingerprintMismatchError(
            f"{run / 'model.keras'} is not the model of this run: its fingerprint is {_short(received)}, but run.json "
            f"has {_short(expected)}. Copy the complete run again, or train it again.",
            path=str(run / "model.keras"),
            expected=expected,
            received=received,
        )


def require_files(run: Path, facts: RunFacts, *names: str) -> bool:
    """Check that the files of a run are those whose fingerprints are in its ``run.json``.

    Args:
        run: The run directory.
        facts: The content of ``run.json``.
        names: Names of files; all by default.

    Returns:
        True; False if ``run.json`` has no fingerprints, as in runs of placa 0.1.

    Raises:
        IncompleteRunError: A file is missing.
        FingerprintMismatchError: A file belongs to another run, or it was modified.
    """
    stored = facts.get("files", {})
    for name in names or stored:
        if name in stored:
            _require_file(run, name, stored[name], "run.json", "Copy the complete run again, or train it again.")
    return bool(stored)


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


def require_evaluation(run: Path, facts: RunFacts, summary: Summary, folder: Path | None = None) -> None:
    """Check that the evaluation in a run is of its model, and that its tables are complete.

    Args:
        run: The run directory.
        facts: The content of ``run.json``.
        summary: The content of its ``summary.json``.
        folder: The folder of the evaluation; ``evaluation`` in the run by default.

    Raises:
        IncompleteRunError: A table is missing.
        FingerprintMismatchError: The evaluation is of another model, or a table was modified.
    """
    folder = folder or run / "evaluation"
    expected = facts["model"]["fingerprint"]
    received = summary.get("model_fingerprint", expected)
    if received != expected:
        path = folder / "summary.json"
        raise FingerprintMismatchError(
            f"{path} is an evaluation of another model: its fingerprint is {_short(received)}, but run.json has "
            f"{_short(expected)}. Run placa evaluate again.",
            path=str(path),
            expected=expected,
            received=received,
        )
    require_tables(folder, summary)


def is_evaluation(folder: Path) -> bool:
    """Return whether a folder is an evaluation of its own, such as one of predictions made elsewhere."""
    return (folder / "summary.json").is_file() and not (folder / "run.json").is_file()


def require_tables(folder: Path, summary: Summary) -> None:
    """Check that the tables of an evaluation are those whose fingerprints are in its ``summary.json``.

    Raises:
        IncompleteRunError: A table is missing.
        FingerprintMismatchError: A table was modified.
    """
    for name, stored in summary.get("fingerprints", {}).items():
        _require_file(folder, name, stored, "summary.json", "Run placa evaluate again.")


def _require_file(run: Path, name: str, expected: str, record: str, remedy: str) -> None:
    path = run / name
    if ".." in Path(name).parts or Path(name).is_absolute() or not path.is_file():
        raise IncompleteRunError(
            f"The run {run} is incomplete: it has no {name}. {remedy}", path=str(run), missing=name
        )
    received = fingerprint(path)
    if received != expected:
        raise FingerprintMismatchError(
            f"{path} does not belong to this run, or was modified: its fingerprint is {_short(received)}, but {record} "
            f"has {_short(expected)}. {remedy}",
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
    expected, received = facts["model"]["fingerprint"], metadata.get("model_fingerprint")
    if received not in (None, expected):
        raise FingerprintMismatchError(
            f"{run / 'predictions.parquet'} is of another model: its fingerprint is {_short(received)}, but "
            f"run.json has {_short(expected)}. Copy the complete run again, or train it again.",
            path=str(run / "predictions.parquet"),
            expected=expected,
            received=received,
        )
    return received is not None


def _short(fingerprint: str) -> str:
    """Return the first characters of a fingerprint, enough to distinguish two."""
    return fingerprint[:19]
