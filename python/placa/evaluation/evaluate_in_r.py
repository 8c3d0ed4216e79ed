"""Evaluate predictions by R's ``evaluate()``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from placa.core.progress import Progress
from placa.evaluation.either_bridge import run_in_r


@dataclass(frozen=True)
class ToEvaluate:
    """Predictions and what to evaluate.

    Attributes:
        folder: A folder with the same predictions and thresholds as files, for R in a separate process.
        predictions: One row per image and finding; the attribute ``placa`` has the metadata.
        thresholds: The operating points: ``finding``, ``operating_point``, ``threshold``, ``default``.
        split: The split to evaluate.
        prevalence: The prevalence where the model would be used.
        readers: The file with the ratings of readers.
    """

    folder: Path
    predictions: pd.DataFrame
    thresholds: pd.DataFrame
    split: str = "test"
    prevalence: float | None = None
    readers: str | None = None


def evaluate_in_r(given: ToEvaluate, out: Path, bridge: str, progress: Progress) -> None:
    """Evaluate predictions in R and write the evaluation to a folder.

    Args:
        given: The predictions.
        out: The folder; R replaces an older evaluation.
        bridge: One of `BRIDGES`.
        progress: Shows R's warnings.

    Raises:
        UnknownNameError: The bridge is unknown.
        Rpy2Error: The bridge is rpy2, and rpy2 does not work on this machine.
        RError: R rejects the predictions.
        PlacaError: R or its package placa is missing.
    """
    run_in_r(
        bridge,
        progress,
        "evaluate",
        {
            "x": given.predictions,
            "thresholds": given.thresholds,
            "split": given.split,
            "out": str(out),
            "prevalence": given.prevalence,
            "readers": given.readers,
        },
        "evaluate_folder",
        str(given.folder),
        given.split,
        "" if given.prevalence is None else repr(given.prevalence),
        given.readers or "",
        str(out),
    )
