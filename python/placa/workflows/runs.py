"""List runs with their data, options and results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from placa.core.errors import PathNotFoundError, PlacaError
from placa.core.progress import Progress, show
from placa.records.evaluation import Summary
from placa.records.files import read_record
from placa.records.run import require_run

#: The columns of the table.
COLUMNS = (
    *("run", "created", "data", "backbone", "seed", "folds", "finding", "n_images", "n_positive"),
    *("auroc", "auroc_lower", "auroc_upper", "external", "external_auroc"),
)


def list_runs(folder: str | Path = "runs", progress: Progress | bool = True) -> pd.DataFrame:
    """List the runs in a folder, in the order of their names.

    Args:
        folder: A folder of runs, at any depth; or one run.
        progress: Shows a warning for each run that cannot be read.

    Returns:
        One row per run, finding and external validation: ``run``, ``created``, ``data``, ``backbone``, ``seed``,
        ``folds``, ``finding``; AUROC on the test images with its interval (missing before ``placa evaluate``);
        ``external``, the name of the validation, and ``external_auroc``.

    Raises:
        PathNotFoundError: The folder does not exist.
    """
    folder, progress = Path(folder), show(progress)
    if not folder.is_dir():
        raise PathNotFoundError(f"{folder} does not exist. Pass a folder of runs.", path=str(folder))
    rows: list[dict[str, Any]] = []
    for file in sorted(folder.rglob("run.json")):
        # States of training and incomplete runs are in hidden folders.
        if any(part.startswith(".") for part in file.relative_to(folder).parts):
            continue
        try:
            rows += _rows(file.parent)
        except PlacaError as error:
            progress.warn(f"{file.parent} is left out: {error}")
    counts = dict.fromkeys(("seed", "folds", "n_images", "n_positive"), "Int64")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(counts)


def _rows(run: Path) -> Iterator[dict[str, Any]]:
    facts = require_run(run)
    summary = run / "evaluation" / "summary.json"
    results = read_record(summary, Summary) if summary.is_file() else None
    training = facts["training"]
    common: dict[str, Any] = {"run": str(run), "created": facts["created"], "data": facts["data"]["prepared"]}
    common |= {name: training.get(name) for name in ("backbone", "seed", "folds")}
    for finding in facts["data"]["findings"]:
        row: dict[str, Any] = {**common, "finding": finding}
        headline = results["headline"].get(finding) if results else None
        if headline:
            row |= {name: one for name, one in headline.items() if name in COLUMNS}
        external = results.get("external", []) if results else []
        found = [one for one in external if one["finding"] == finding]
        for one in found:
            yield {**row, "external": one["name"], "external_auroc": one["auroc"]}
        if not found:
            yield row
