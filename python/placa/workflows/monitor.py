"""Monitor a run after its deployment: compare periods, such as months, with its own test images."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

import placa
from placa.core.errors import PathNotFoundError
from placa.core.executors import Executor
from placa.core.files import atomic_directory, fingerprints, require_writable
from placa.core.progress import Progress, show
from placa.evaluation.either_bridge import run_separately
from placa.inference.errors import ChangedPeriodError, PeriodNameError
from placa.inference.predict import Predictor
from placa.inference.prepared import find_prepared_set, predict_prepared
from placa.records.errors import FingerprintMismatchError
from placa.records.files import write_record
from placa.records.predictions import describe_predictions, read_predictions, write_predictions
from placa.records.run import require_results
from placa.records.table_files import read_results
from placa.records.validation import MONITORING_SCHEMA, MonitoringFacts

#: The folder in a run, and the name that its tables give to the run's own test images.
FOLDER, REFERENCE = "monitoring", "reference"
#: The table of changes.
DRIFT = "drift.csv"


def monitor(
    run: str | Path,
    periods: Sequence[str | Path],
    progress: Progress | bool = True,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Compare periods with the run's own test images, and write ``monitoring/`` of the run.

    A period is a prepared data set, or a parquet file of ``placa predict``; its name is that of the directory or file,
    such as ``2026-11``. Periods of earlier calls are kept, and one of the same name is replaced, for example when its
    labels are known. Periods are compared in the order of their names. Nothing about the run's model changes.

    Args:
        run: A run directory.
        periods: The new periods.
        progress: Display for progress and remarks.
        executor: Where predictions are computed; in this process by default.

    Returns:
        The table ``drift.csv`` (see R's ``monitor()``); ``performance.csv`` has the results of periods with labels.

    Raises:
        PeriodNameError: Two periods have one name, or a name is ``reference``.
        FingerprintMismatchError: The predictions of a period are those of another model.
        ReadingMismatchError: A data set was read by another rule than the model's training images.
        PathNotFoundError: A period does not exist.
        PlacaError: `run` is not a run, a period is neither a data set nor predictions, or R fails.
    """
    run, progress = Path(run), show(progress)
    named = _by_name([Path(period) for period in periods])
    predictor = Predictor(run)
    require_writable(run)
    read_predictions(run)  # The reference must be that of the run.
    require_results(run, predictor.facts)
    out = run / FOLDER
    with atomic_directory(out, overwrite=True, ours=(DRIFT,)) as partial:
        for earlier in sorted(out.glob("*.parquet")):
            if earlier.stem not in named:
                shutil.copyfile(earlier, partial / earlier.name)
        for name, place in named.items():
            table, label_source = _predictions(predictor, place, progress, executor)
            described = describe_predictions(predictor.card, label_source, predictor.fingerprint)
            table = table.drop(columns=["path", "class"], errors="ignore")
            write_predictions(table, partial / f"{name}.parquet", described)
        # R reads the predictions of all periods from their files.
        run_separately(progress, "monitor_run", str(run), str(partial))
        record: MonitoringFacts = {
            "schema_version": MONITORING_SCHEMA,
            "placa_version": placa.__version__,
            "model": predictor.fingerprint,
            "files": fingerprints(partial),
        }
        write_record(partial / "monitoring.json", record, MonitoringFacts)
    return read_results(out / DRIFT)


def require_unchanged(drift: pd.DataFrame) -> None:
    """Check that no variable of the last period has changed.

    Raises:
        ChangedPeriodError: One has.
    """
    last = drift["period"].iloc[-1]
    changed = drift[(drift["period"] == last) & drift["changed"]]
    if len(changed):
        names = sorted(set(changed["variable"]))
        message = f"{last} differs from the test images in {', '.join(names)}. See drift.csv, and validate the model."
        raise ChangedPeriodError(message, period=last, variables=names)


def _by_name(periods: list[Path]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for period in periods:
        if not period.exists():
            raise PathNotFoundError(f"{period} does not exist. Check the path.", path=str(period))
        name = period.absolute().name if period.is_dir() else period.stem
        if name in named or name == REFERENCE:
            other = f"another period has it: {named[name]}" if name in named else "it is that of the test images"
            message = f"The name {name!r} of {period} cannot be used: {other}. Rename it."
            raise PeriodNameError(message, name=name)
        named[name] = period
    return named


def _predictions(
    predictor: Predictor, place: Path, progress: Progress, executor: Executor | None
) -> tuple[pd.DataFrame, str | None]:
    """Return the predictions of a period, and the origin of its labels."""
    if find_prepared_set([place]) is not None:
        table, facts = predict_prepared(predictor, place, progress, executor)
        return table, facts["label_source"]
    table, metadata = read_predictions(place)
    received = metadata.get("model_fingerprint")
    if received != predictor.fingerprint:
        raise FingerprintMismatchError(
            f"{place} has no predictions of the model of {predictor.run}. Create it with placa predict "
            f"{predictor.run} IMAGES --out {place.with_suffix('.parquet')}.",
            path=str(place),
            expected=predictor.fingerprint,
            received=received,
        )
    return table, metadata.get("label_source")
