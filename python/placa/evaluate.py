"""Evaluate a run in R: from predictions.parquet to tables and figures in ``evaluation/``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from placa.bridge import PLAIN_MESSAGE, NoBridge, RError, call_r, run_rscript
from placa.errors import PlacaError
from placa.files import read_json, require_writable
from placa.predictions import read_predictions
from placa.progress import SILENT, Progress
from placa.runs import require_run

_RSCRIPT = (
    PLAIN_MESSAGE
    + """
tryCatch(
  withCallingHandlers(
    placa::evaluate_run(commandArgs(TRUE)[[1]], split = commandArgs(TRUE)[[2]]),
    warning = function(w) {
      message("placa-warning: ", plain_message(w))
      invokeRestart("muffleWarning")
    }
  ),
  error = function(e) {
    message("placa-error: ", plain_message(e))
    quit(status = 1)
  }
)
"""
)


def evaluate(run: Path, split: str = "test", bridge: str = "auto", progress: Progress = SILENT) -> dict[str, Any]:
    """Evaluate the predictions of a run with the R package, and write its ``evaluation/``.

    AUROC comes with DeLong's interval (DeLong, DeLong and Clarke-Pearson 1988); the operating points are those that
    training chose on validation.

    Args:
        run: A run directory.
        split: Which split to evaluate.
        bridge: ``rpy2`` (R inside this process), ``rscript`` (R in a process of its own), or ``auto``: the first
            where it works, else the second.
        progress: Where to show remarks and R's warnings.

    Returns:
        The content of ``evaluation/summary.json``.

    Raises:
        PlacaError: `run` is no run, there is no R or no R package placa, or R refuses the predictions: a patient of
            the split is in another one too, or the split has no image.
    """
    require_run(run)
    require_writable(run)
    predictions, _ = read_predictions(run)
    if bridge not in {"auto", "rpy2", "rscript"}:
        raise PlacaError(f"The bridge to R is auto, rpy2 or rscript; {bridge!r} was given.")
    if bridge != "rscript":
        try:
            call_r(
                "evaluate",
                progress.warn,
                predictions=predictions,
                thresholds=read_thresholds(run),
                split=split,
                out=str(run / "evaluation"),
            )
            return _summary(run)
        except NoBridge as reason:
            if bridge == "rpy2":
                raise PlacaError(
                    f"rpy2 does not work here ({reason}): leave --bridge out to do without it."
                ) from reason
            progress.warn(f"rpy2 does not work here ({reason}); R runs in a process of its own instead")
    done = run_rscript(_RSCRIPT, str(run), split)
    said = [line for line in done.stderr.splitlines() if line.strip()]
    for line in said:
        if line.startswith("placa-warning: "):
            progress.warn(f"R: {line.removeprefix('placa-warning: ')}")
    if done.returncode:
        message = next((line.removeprefix("placa-error: ") for line in said if line.startswith("placa-error: ")), None)
        raise RError(message or f"R failed: {said[-1] if said else 'it said nothing'}")
    return _summary(run)


def read_thresholds(run: Path) -> pd.DataFrame:
    """The operating points of a run, one row each: ``finding``, ``operating_point``, ``threshold``, ``default``."""
    findings = read_json(run / "thresholds.json")["findings"]
    rows = [
        (finding, point, float(threshold), point == entry["default"])
        for finding, entry in findings.items()
        for point, threshold in entry["points"].items()
    ]
    return pd.DataFrame(rows, columns=["finding", "operating_point", "threshold", "default"])


def headline(summary: dict[str, Any]) -> list[str]:
    """One line a finding: AUROC with its interval, and on how many images and patients."""
    lines = []
    for finding, one in summary["headline"].items():
        auroc = "AUROC not defined, for one class is missing,"
        if one["auroc"] is not None:
            auroc = f"AUROC {one['auroc']:.3f}"
        if one["auroc_lower"] is not None:
            auroc += f" ({one['auroc_lower']:.3f} to {one['auroc_upper']:.3f})"
        patients = "unknown patients" if one["n_patients"] is None else f"{one['n_patients']:,} patients"
        lines.append(
            f"{finding}: {auroc} on {one['n_images']:,} {summary['split']} images of {patients}, "
            f"{one['n_positive']:,} positive"
        )
    return lines


def _summary(run: Path) -> dict[str, Any]:
    summary: dict[str, Any] = read_json(run / "evaluation" / "summary.json")
    return summary
