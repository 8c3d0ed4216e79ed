"""Evaluate a run in R: compute the tables and figures of a split, in a folder of its own, from its predictions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from placa.core.errors import PathNotFoundError
from placa.core.files import require_writable
from placa.core.progress import Progress, show
from placa.evaluation.either_bridge import require_bridge, run_in_r
from placa.evaluation.r_code import EVALUATE_RUN
from placa.records.evaluation import ExternalHeadline, Headline, Summary, evaluation_folder
from placa.records.files import read_record, write_record
from placa.records.model import Thresholds
from placa.records.predictions import read_predictions
from placa.records.run import require_files, require_model, require_predictions, require_run
from placa.reporting.model_card import write_model_card


def evaluate(
    run: str | Path,
    split: str = "test",
    bridge: str = "auto",
    progress: Progress | bool = True,
    prevalence: float | None = None,
    readers: str | Path | None = None,
) -> Summary:
    """Evaluate the predictions of a run with the R package, and write its ``evaluation/``.

    Every split has a folder of its own: ``evaluation/`` for the test set, ``evaluation-train/`` for ``train``.

    The confidence interval of the AUROC is a score interval (Newcombe 2006), clustered by patient or group. The
    operating points were chosen on validation during training.

    Args:
        run: A run directory.
        split: The split to evaluate.
        bridge: ``rpy2`` (R inside this process), ``rscript`` (R in a separate process), or ``auto``: ``rpy2`` if it
            works, otherwise ``rscript``.
        progress: Display for messages and the warnings of R.
        prevalence: The prevalence of the findings where the model would be used, between 0 and 1. The decision curve
            and the predictive values are computed for it too.
        readers: A CSV or parquet file with the ratings of readers, to compare the model with them: one row per reader,
            image and finding, with the columns ``reader``, ``image_id``, ``finding``, ``rating`` and, optionally,
            ``modality``.

    Returns:
        The content of its ``summary.json``.

    Raises:
        UnknownNameError: The bridge is unknown.
        Rpy2Error: The bridge is rpy2, and rpy2 does not work on this machine.
        RError: R rejects the predictions: a patient is in two splits, or the split has no image.
        PathNotFoundError: `readers` is not a file.
        PlacaError: `run` is not a run, its model or predictions differ from ``run.json``, or R or its package placa is
            missing.
    """
    run, progress = Path(run), show(progress)
    require_bridge(bridge)
    ratings = "" if readers is None else str(_require_ratings(Path(readers)))
    facts = require_run(run)
    require_writable(run)
    require_model(run, facts)
    predictions, metadata = read_predictions(run)
    if not require_predictions(run, facts, metadata):
        progress.warn(f"{run / 'predictions.parquet'} has no model fingerprint: it may come from another model")
    thresholds, folder = read_thresholds(run), evaluation_folder(run, split)
    if not require_files(run, facts):
        progress.warn(f"{run / 'run.json'} has no fingerprints of the other files: they may come from another run")
    predictions.attrs["placa"] = metadata
    run_in_r(
        bridge,
        progress,
        "evaluate",
        lambda: {
            "x": predictions,
            "thresholds": thresholds,
            "split": split,
            "out": str(folder),
            "prevalence": prevalence,
            "readers": ratings or None,
        },
        EVALUATE_RUN,
        str(run),
        split,
        "" if prevalence is None else repr(prevalence),
        ratings,
    )
    if split == "test":
        add_external(run)
        # The model card includes the test results.
        write_model_card(run)
    return read_record(folder / "summary.json", Summary)


def evaluated_folder(run: Path, split: str, progress: Progress, bridge: str = "auto") -> Path:
    """Return the folder of the evaluation of a split, which is evaluated first if it has none.

    Args:
        run: The run directory.
        split: The split.
        progress: Display for messages.
        bridge: As for `evaluate`.
    """
    folder = evaluation_folder(run, split)
    if not (folder / "summary.json").is_file():
        progress.say(f"evaluating the {split} split first, which has no evaluation yet")
        evaluate(run, split, bridge, progress)
    return folder


def _require_ratings(readers: Path) -> Path:
    if not readers.is_file():
        raise PathNotFoundError(f"--readers must be a CSV or parquet file; {readers} is not a file.", path=readers)
    return readers.resolve()


def add_external(run: Path) -> None:
    """Add the AUROC of all external validations to the ``summary.json`` of an evaluation."""
    summary = read_record(run / "evaluation" / "summary.json", Summary)
    external: list[ExternalHeadline] = []
    for path in sorted((run / "validation").glob("*/summary.json")):
        found = read_record(path, Summary)["headline"]
        external += [{"name": path.parent.name, "finding": name, **one} for name, one in found.items()]
    summary.pop("external", None)
    if external:
        summary["external"] = external
    write_record(run / "evaluation" / "summary.json", summary, Summary)


def read_thresholds(run: Path) -> pd.DataFrame:
    """Read the operating points of a run: ``finding``, ``operating_point``, ``threshold``, ``default``."""
    findings = read_record(run / "thresholds.json", Thresholds)["findings"]
    rows = [
        (finding, point, float(threshold), point == entry["default"])
        for finding, entry in findings.items()
        for point, threshold in entry["points"].items()
    ]
    return pd.DataFrame(rows, columns=["finding", "operating_point", "threshold", "default"])


def headline(summary: Summary) -> list[str]:
    """Format one line per finding: AUROC with its confidence interval, number of images and patients."""
    lines = []
    for finding, one in summary["headline"].items():
        auroc = "AUROC not defined (one class is missing)"
        if one["auroc"] is not None:
            auroc = f"AUROC {one['auroc']:.3f}"
        if one["auroc_lower"] is not None:
            auroc += f" ({one['auroc_lower']:.3f} to {one['auroc_upper']:.3f}, {_interval_name(one)})"
        patients = "unknown patients" if one["n_patients"] is None else f"{one['n_patients']:,} patients"
        lines.append(
            f"{finding}: {auroc} on {one['n_images']:,} {summary['split']} images of {patients}, "
            f"{one['n_positive']:,} positive"
        )
    return lines


def _interval_name(one: Headline) -> str:
    if one["method"] == "delong":
        return "DeLong"
    return "clustered by group" if one["n_patients"] is None else "clustered by patient"
