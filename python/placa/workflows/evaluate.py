"""Evaluate a run, or predictions made elsewhere: compute the tables and figures of a split, in a folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Unpack

import pandas as pd

from placa.core.errors import PathNotFoundError, require_known
from placa.core.files import atomic_directory, require_writable
from placa.core.language import number, translate
from placa.core.progress import Progress, show
from placa.evaluation.any_predictions import PredictionColumns
from placa.evaluation.bridge import find_r
from placa.evaluation.errors import TableOptionError
from placa.evaluation.evaluate_in_r import ToEvaluate
from placa.records.evaluation import ExternalHeadline, Headline, Summary, evaluation_folder
from placa.records.files import read_record, write_record
from placa.records.model import Thresholds
from placa.records.predictions import read_predictions
from placa.records.run import (
    require_evaluation,
    require_files,
    require_model,
    require_predictions,
    require_run,
    seal_evaluation,
)
from placa.reporting.model_card import write_model_card
from placa.workflows.compute_evaluation import EVALUATORS, compute_evaluation, record_evaluation, uses_python
from placa.workflows.evaluate_table import GivenThresholds, evaluate_table, table_of_thresholds


def evaluate(
    run: str | Path | pd.DataFrame,
    split: str = "test",
    bridge: str = "auto",
    progress: Progress | bool = True,
    prevalence: float | None = None,
    readers: str | Path | None = None,
    out: str | Path | None = None,
    thresholds: GivenThresholds = None,
    images: str | Path | None = None,
    **columns: Unpack[PredictionColumns],
) -> Summary:
    """Evaluate the predictions of a run, or of any model, with the R package, and write tables and figures.

    Every split of a run has a folder of its own: ``evaluation/`` for the test set, ``evaluation-train/`` for ``train``.

    The confidence interval of the AUROC is a score interval (Newcombe 2006), clustered by patient or group. The
    operating points of a run were chosen on validation during training.

    Args:
        run: A run directory; or predictions made elsewhere: a data frame, or a CSV or parquet file, with one row per
            image, or per image and finding. ``image_id``, ``finding``, ``truth`` and ``probability`` are enough.
        split: The split to evaluate. In a table without a column ``split`` all rows are the test set.
        bridge: ``rpy2`` (R inside this process), ``rscript`` (R in a separate process), ``python`` (without R: AUROC,
            operating points, calibration and curves as tables), or ``auto``: ``rpy2`` if it works, otherwise
            ``rscript``, and ``python`` where R is not installed.
        progress: Display for messages and the warnings of R.
        prevalence: The prevalence of the findings where the model would be used, between 0 and 1. The decision curve
            and the predictive values are computed for it too.
        readers: A CSV or parquet file with the ratings of readers, to compare the model with them: one row per reader,
            image and finding, with the columns ``reader``, ``image_id``, ``finding``, ``rating`` and, optionally,
            ``modality``.
        out: The folder to write; an older evaluation is replaced. By default that of the split in a run,
            ``NAME-evaluation`` beside the file of a table, and none for a data frame.
        thresholds: Only for a table: one number, numbers by finding, or the path of a run or of its
            ``thresholds.json``. By default they are chosen on the labelled validation rows, as `train` does; without
            these rows the threshold is 0.5.
        images: Only for a table: the folder of the images, named by their ids. They are audited as `prepare` does, and
            the folder of the evaluation has the ``audit.json``.
        columns: Only for a table: its columns, see `PredictionColumns`.

    Returns:
        The content of its ``summary.json``.

    Raises:
        UnknownNameError: The bridge is unknown.
        Rpy2Error: The bridge is rpy2, and rpy2 does not work on this machine.
        RError: R rejects the predictions: a patient is in two splits, or the split has no image.
        PathNotFoundError: `readers` is not a file.
        TableOptionError: `thresholds` or `columns` were passed with a run.
        ForeignDirectoryError: `out` exists and is not an evaluation.
        NeedsRError: R is missing, and `readers`, `prevalence` or the folds of a cross-validation need it.
        PlacaError: `run` is not a run, its model or predictions differ from ``run.json``, or R's package placa is
            missing; or a column of a table is missing or invalid (see `as_predictions`).

    Example:
        >>> placa.evaluate("vendor.csv", truth="label", estimate="score", patient_id="mrn", thresholds=0.3)
    """
    progress, out = show(progress), Path(out) if out else None
    require_known("bridge", bridge, EVALUATORS)
    ratings = None if readers is None else str(_require_ratings(Path(readers)))
    # A missing path without an ending is a run, whose error names the runs beside it.
    if isinstance(run, pd.DataFrame) or (Path(run).suffix and not Path(run).is_dir()) or Path(run).is_file():
        table = run if isinstance(run, pd.DataFrame) else Path(run)
        folder = Path(images) if images is not None else None
        if folder is not None and not folder.is_dir():
            raise PathNotFoundError(f"--images must be a folder of images; {folder} is none.", path=str(folder))
        return evaluate_table(table, split, bridge, progress, prevalence, ratings, out, thresholds, columns, folder)
    run = Path(run)
    passed = [
        name for name, value in {**columns, "thresholds": thresholds, "images": images}.items() if value is not None
    ]
    if passed:
        raise TableOptionError(
            f"{run} is a run, which has its own columns and thresholds: leave out {', '.join(passed)}.",
            options=passed,
            run=str(run),
        )
    facts = require_run(run)
    require_writable(run if out is None else out.parent)
    require_model(run, facts)
    predictions, metadata = read_predictions(run)
    if not require_predictions(run, facts, metadata):
        progress.warn(f"{run / 'predictions.parquet'} has no model fingerprint: it may come from another model")
    thresholds_of_run = read_thresholds(run)
    if not require_files(run, facts):
        progress.warn(f"{run / 'run.json'} has no digest or no fingerprints: its files may have changed")
    predictions.attrs["placa"] = metadata
    given = ToEvaluate(run, predictions, thresholds_of_run, split, prevalence, ratings)
    if out is not None:
        # The run stays as it is, for a program that owns its folder.
        with atomic_directory(out, overwrite=True, ours=("summary.json",)) as folder:
            compute_evaluation(given, folder, bridge, progress)
            for name in ("predictions.parquet", "thresholds.json"):
                shutil.copyfile(run / name, folder / name)
            seal_evaluation(folder)
        return read_record(out / "summary.json", Summary)
    folder = evaluation_folder(run, split)
    if uses_python(bridge):
        with atomic_directory(folder, overwrite=True, ours=("summary.json",)) as partial:
            compute_evaluation(given, partial, bridge, progress)
        record_evaluation(run, read_record(folder / "summary.json", Summary))
    else:
        # R replaces the folder and records the evaluation itself.
        compute_evaluation(given, folder, bridge, progress)
    if split == "test":
        add_external(run)
        # The model card includes the test results.
        write_model_card(run)
    return read_record(folder / "summary.json", Summary)


def evaluated_folder(run: Path, split: str, progress: Progress, bridge: str = "auto") -> Path:
    """Return the folder of the evaluation of a split, which is evaluated first if it has none.

    An evaluation that Python computed is replaced where R is installed.

    Args:
        run: The run directory.
        split: The split.
        progress: Display for messages.
        bridge: As for `evaluate`.
    """
    folder = evaluation_folder(run, split)
    named = translate(split)
    if not (folder / "summary.json").is_file():
        progress.say(translate("evaluating the {split} split first, which has no evaluation yet", split=named))
    else:
        summary = require_evaluation(run, require_run(run), folder)
        if summary.get("computed_in") != "python" or not find_r():
            return folder
        message = "evaluating the {split} split in R first, because Python computed its evaluation"
        progress.say(translate(message, split=named))
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
    return table_of_thresholds(read_record(run / "thresholds.json", Thresholds))


def headline(summary: Summary) -> list[str]:
    """Format one line per finding: AUROC with its confidence interval, number of images and patients."""
    lines = []
    for finding, one in summary["headline"].items():
        auroc = translate("AUROC not defined (one class is missing)")
        if one["auroc"] is not None:
            auroc = f"AUROC {number(one['auroc'], 3)}"
        if one["auroc_lower"] is not None and one["auroc_upper"] is not None:
            lower, upper = number(one["auroc_lower"], 3), number(one["auroc_upper"], 3)
            limits = translate("{lower} to {upper}", lower=lower, upper=upper)
            auroc += f" ({limits}, {translate(_interval_name(one, summary))})"
        known = one["n_patients"] is not None
        patients = translate("{n} patients", n=one["n_patients"]) if known else translate("unknown patients")
        lines.append(
            translate(
                "{finding}: {auroc} on {images} {split} images of {patients}, {positive} positive",
                finding=finding,
                auroc=auroc,
                images=one["n_images"],
                split=translate(summary["split"]),
                patients=patients,
                positive=one["n_positive"],
            )
        )
    if summary.get("computed_in") == "python":
        lines.append(
            translate("computed in Python: tables without figures, decision curves and subgroups, which need R")
        )
    return lines


def _interval_name(one: Headline, summary: Summary) -> str:
    if one["method"] == "delong":
        return "DeLong"
    if summary.get("patients_known") is False:
        return "not clustered: patients are unknown"
    return "clustered by group" if one["n_patients"] is None else "clustered by patient"
