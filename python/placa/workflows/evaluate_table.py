"""Evaluate predictions that were made elsewhere: a data frame, or a CSV or parquet file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from placa.core.errors import require_known, require_range
from placa.core.files import atomic_directory, refuse_existing
from placa.core.progress import Progress
from placa.core.system import versions
from placa.core.temporary import temporary_directory
from placa.evaluation.any_predictions import as_predictions, read_any_table
from placa.evaluation.evaluate_in_r import ToEvaluate
from placa.models.calibration import operating_points
from placa.records.evaluation import Summary
from placa.records.files import read_record, write_record
from placa.records.model import THRESHOLDS_SCHEMA, OperatingPoints, Thresholds
from placa.records.predictions import write_predictions
from placa.records.run import seal_evaluation
from placa.workflows.compute_evaluation import compute_evaluation

#: One threshold for all findings, one for each, a run or its ``thresholds.json``, or None to choose them.
GivenThresholds: TypeAlias = float | Mapping[str, float] | str | Path | None


def evaluate_table(
    table: Path | pd.DataFrame,
    split: str,
    bridge: str,
    progress: Progress,
    prevalence: float | None,
    readers: str | None,
    out: Path | None,
    thresholds: GivenThresholds,
    columns: Mapping[str, Any],
    images: Path | None = None,
) -> Summary:
    """Evaluate a table of predictions; see `placa.workflows.evaluate.evaluate`."""
    file = str(table) if isinstance(table, Path) else "the table"
    if isinstance(table, Path) and out is None:
        out = table_folder(table)
    if out is not None:
        refuse_existing(out, overwrite=True, ours=("summary.json",))
    data, metadata = read_any_table(table) if isinstance(table, Path) else (table, {})
    predictions = as_predictions(data, file, progress, **columns)
    findings = [str(name) for name in predictions["finding"].unique()]
    record = _thresholds(thresholds, predictions, findings, split, progress)
    metadata = {"findings": findings, "versions": versions(), **metadata}
    with (
        temporary_directory("placa-evaluate-") as work,
        nullcontext(work / "evaluation") if out is None else atomic_directory(out, True, ("summary.json",)) as folder,
    ):
        audited = ("audit.json", "rejected.csv") if images else ()
        if images:
            # Reading images and the audit's models take a second to import.
            from placa.workflows.audit_images import audit_images

            audit_images(predictions, images, work, progress)
        write_predictions(predictions, work / "predictions.parquet", metadata)
        write_record(work / "thresholds.json", record, Thresholds)
        predictions.attrs["placa"] = metadata
        given = ToEvaluate(work, predictions, table_of_thresholds(record), split, prevalence, readers)
        folder.mkdir(exist_ok=True)
        compute_evaluation(given, folder, bridge, progress)
        # With them, the folder is complete: `placa tables` and R's read_predictions() read it.
        for name in ("predictions.parquet", "thresholds.json", *audited):
            (work / name).replace(folder / name)
        seal_evaluation(folder)
        return read_record(folder / "summary.json", Summary)


def table_folder(table: Path) -> Path:
    """Return the folder for the evaluation of a file: ``NAME-evaluation`` beside it."""
    return table.with_name(f"{table.stem}-evaluation")


def table_of_thresholds(record: Thresholds) -> pd.DataFrame:
    """Return operating points as a table: ``finding``, ``operating_point``, ``threshold``, ``default``."""
    rows = [
        (finding, point, float(threshold), point == entry["default"])
        for finding, entry in record["findings"].items()
        for point, threshold in entry["points"].items()
    ]
    return pd.DataFrame(rows, columns=["finding", "operating_point", "threshold", "default"])


def _thresholds(
    given: GivenThresholds, predictions: pd.DataFrame, findings: list[str], split: str, progress: Progress
) -> Thresholds:
    if isinstance(given, str | Path):
        path = Path(given)
        record = read_record(path / "thresholds.json" if path.is_dir() else path, Thresholds)
        return {**record, "findings": {name: _of_finding(record["findings"], name) for name in findings}}
    validation = predictions[predictions["split"].eq("validation") & predictions["truth"].notna()]
    validation = validation[validation["probability"].notna()]
    if given is None and split != "validation" and set(findings) <= set(validation["finding"]):
        progress.say("the thresholds were chosen on the validation rows")
        return _record(
            "validation", {name: _choose(name, validation[validation["finding"] == name]) for name in findings}
        )
    if given is None:
        progress.warn("the threshold is 0.5: no labelled validation rows to choose it on. Pass --thresholds.")
        given = 0.5
    numbers = given if isinstance(given, Mapping) else dict.fromkeys(findings, given)
    chosen = {name: float(_of_finding(numbers, name)) for name in findings}
    for name, number in chosen.items():
        require_range(f"thresholds[{name!r}]", number, 0, 1)
    return _record("given", {name: _given(number) for name, number in chosen.items()})


def _of_finding(by_name: Mapping[str, Any], finding: str) -> Any:
    require_known("finding of the thresholds", finding, by_name)
    return by_name[finding]


def _record(chosen_on: Any, findings: dict[str, OperatingPoints]) -> Thresholds:
    return {"schema_version": THRESHOLDS_SCHEMA, "chosen_on": chosen_on, "findings": findings}


def _choose(finding: str, rows: pd.DataFrame) -> OperatingPoints:
    values = rows["probability"].to_numpy(np.float64), rows["truth"].to_numpy(np.float64)
    return operating_points([finding], *(column[:, None] for column in values))[finding]


def _given(threshold: float) -> OperatingPoints:
    return {"default": "threshold", "points": {"threshold": threshold}, "chosen": True, "reason": None}
