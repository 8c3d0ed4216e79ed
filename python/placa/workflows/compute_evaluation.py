"""Compute an evaluation in R, or in Python where R is missing."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

from placa.core.arguments import BRIDGES
from placa.core.progress import Progress
from placa.evaluation.bridge import find_r
from placa.evaluation.evaluate_in_r import ToEvaluate, evaluate_in_r
from placa.records.evaluation import Summary

#: How an evaluation is computed.
EVALUATORS = (*BRIDGES, "python")


def uses_python(bridge: str) -> bool:
    """Return whether Python computes the evaluation: if it was asked for, or R is not installed."""
    return bridge == "python" or (bridge == "auto" and find_r() is None)


def compute_evaluation(given: ToEvaluate, out: Path, bridge: str, progress: Progress) -> None:
    """Compute the tables of an evaluation, and its figures in R.

    Args:
        given: The predictions.
        out: The folder; it exists and is empty if Python computes.
        bridge: One of `EVALUATORS`.
        progress: Shows warnings.
    """
    if not uses_python(bridge):
        evaluate_in_r(given, out, bridge, progress)
        return
    # Scikit-learn and SciPy take a second to import.
    from placa.evaluation.in_python.evaluate import evaluate_in_python

    if bridge == "auto":
        progress.warn("R was not found, so Python computes the tables; figures and the other tables need R")
    evaluate_in_python(given, out, progress)


def record_evaluation(run: Path, summary: Summary) -> None:
    """Add a row to ``evaluations.csv`` of a run, as R does."""
    path = run / "evaluations.csv"
    columns = ("evaluated", "split", "placa_version", "engine", "other_model")
    facts = (str(summary[name]) for name in columns[1:4])  # type: ignore[literal-required]
    row = (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), *facts, "")
    with path.open("a+", newline="", encoding="utf-8") as file:
        file.seek(0)
        header = next(csv.reader(file), None)
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        # Files of older versions have no last column.
        writer.writerows([row[: len(header)]] if header else [columns, row])
