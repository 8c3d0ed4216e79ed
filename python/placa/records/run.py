"""Run directories: which is one, what it holds, what it says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from placa.core.files import fingerprint, read_json
from placa.records.errors import FingerprintMismatchError, IncompleteRunError, NotARunError

_PARTS = ("run.json", "model.keras", "thresholds.json")


def require_run(run: Path) -> dict[str, Any]:
    """Make sure that a directory is a whole run, and return its ``run.json``.

    Raises:
        NotARunError: It is not one.
        IncompleteRunError: A part is missing.
    """
    if not (run / "run.json").is_file():
        here = sorted(path.parent for path in run.parent.glob("*/run.json"))
        hint = f"; there are {', '.join(map(str, here))}" if here else ""
        message = f"{run} is not a run (it has no run.json): name a directory that placa train wrote{hint}."
        raise NotARunError(message, path=str(run), runs=list(map(str, here)))
    missing = [name for name in _PARTS if not (run / name).is_file()]
    if missing:
        message = f"{run} is not a whole run, for it lacks {missing[0]}: train it again."
        raise IncompleteRunError(message, path=str(run), missing=missing[0])
    facts: dict[str, Any] = read_json(run / "run.json")
    return facts


def require_model(run: Path, facts: dict[str, Any]) -> None:
    """Make sure that a run's model is the one that its ``run.json`` speaks of, to the byte.

    Args:
        run: The run directory.
        facts: What `require_run` returned.

    Raises:
        FingerprintMismatchError: It is another one, or was changed.
    """
    wanted, came = facts["model"]["fingerprint"], fingerprint(run / "model.keras")
    if came != wanted:
        raise FingerprintMismatchError(
            f"{run / 'model.keras'} is not the model that run.json speaks of: the fingerprint {_short(wanted)} was "
            f"expected, and {_short(came)} came. Copy the whole run again, or train it again.",
            path=str(run / "model.keras"),
            expected=wanted,
            received=came,
        )


def require_predictions(run: Path, facts: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """Make sure that a run's predictions are those of the model that its ``run.json`` speaks of.

    Args:
        run: The run directory.
        facts: What `require_run` returned.
        metadata: Of its predictions.parquet (see `placa.records.predictions.read_predictions`).

    Returns:
        True; False where the predictions do not say which model made them.

    Raises:
        FingerprintMismatchError: Another model made them.
    """
    wanted, came = facts["model"]["fingerprint"], metadata.get("model_fingerprint")
    if came not in (None, wanted):
        raise FingerprintMismatchError(
            f"{run / 'predictions.parquet'} is not what the model of this run said: the fingerprint {_short(wanted)} "
            f"was expected, and {_short(came)} came. Copy the whole run again, or train it again.",
            path=str(run / "predictions.parquet"),
            expected=wanted,
            received=came,
        )
    return came is not None


def _short(fingerprint: str) -> str:
    """A fingerprint cut to what tells two apart."""
    return fingerprint[:19]
