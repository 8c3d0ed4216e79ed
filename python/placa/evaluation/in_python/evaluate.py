"""Write the tables of an evaluation that Python computes; R computes the complete one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.metrics import average_precision_score

import placa
from placa.core.files import fingerprint
from placa.core.progress import Progress
from placa.evaluation.errors import NeedsRError
from placa.evaluation.evaluate_in_r import ToEvaluate
from placa.evaluation.in_python.auroc import auroc_columns
from placa.evaluation.in_python.calibration import brier, calibration_bins, calibration_measures
from placa.evaluation.in_python.proportions import Floats, proportion, sums_by
from placa.evaluation.in_python.rows import FindingRows, by_finding, select_rows
from placa.records.evaluation import SUMMARY_SCHEMA, Headline, Summary
from placa.records.files import write_record

_CONFIDENCE = 0.95
_BINS = 10
_PLACES = 101


def evaluate_in_python(given: ToEvaluate, out: Path, progress: Progress) -> None:
    """Compute discrimination, operating points, calibration and curves, and write them to an empty folder.

    Point estimates are those of R, and so are the limits, which have a closed form. There is no bootstrap: its columns
    are empty, and there are no figures, decision curves, subgroups and abstention.

    Args:
        given: The predictions.
        out: The folder to fill.
        progress: Shows warnings.

    Raises:
        NeedsRError: The predictions are of a cross-validation, or readers or a prevalence were passed.
        EmptySplitError, PatientInTwoSplitsError, DuplicateImageError: See `select_rows`.
    """
    for part, value in (("readers", given.readers), ("prevalence", given.prevalence)):
        if value is not None:
            raise NeedsRError(f"--{part} needs R, which was not used. Install R, or omit the option.", part=part)
    rows = select_rows(given.predictions, given.split, progress.warn)
    findings = list(by_finding(rows))
    tables = {
        "discrimination": [row for one in findings for row in _discrimination(one)],
        "operating_points": [row for one in findings for row in _operating_points(one, given.thresholds)],
        "calibration": [row for one in findings for row in _bins(one)],
        "calibration_measures": [row for one in findings for row in _measures(one)],
        "roc": [row for one in findings for row in _roc(one)],
        "pr_bands": [row for one in findings for row in _precision(one)],
    }
    for name, content in tables.items():
        table = pd.DataFrame(content)
        table.insert(1, "split", given.split)
        table.replace(np.inf, "Inf").to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    _write_summary(given, rows, tables["discrimination"], out)


def _discrimination(one: FindingRows) -> Iterator[dict[str, Any]]:
    positives = int(one.truth.sum())
    columns = auroc_columns(one.truth, one.probability, one.cluster, _CONFIDENCE)
    yield {
        "finding": one.finding,
        "n_images": len(one.truth),
        "n_patients": one.patients,
        "n_positive": positives,
        "prevalence": one.truth.mean(),
        **{name: columns.pop(name) for name in ("auroc", "auroc_lower", "auroc_upper")},
        "confidence": _CONFIDENCE,
        "method": "score",
        "n_clusters": len(np.unique(one.cluster)),
        **columns,
        "average_precision": average_precision_score(one.truth, one.probability) if positives else np.nan,
        "average_precision_lower": np.nan,
        "average_precision_upper": np.nan,
    }


def _operating_points(one: FindingRows, thresholds: pd.DataFrame) -> Iterator[dict[str, Any]]:
    positive = one.truth == 1
    of_brier = brier(one.truth, one.probability, one.cluster, _CONFIDENCE)
    for point in thresholds[thresholds["finding"] == one.finding].to_dict("records"):
        called = one.probability >= point["threshold"]
        cells = {"tp": called & positive, "fp": called & ~positive, "tn": ~called & ~positive, "fn": ~called & positive}
        n = {name: sums_by(one.cluster, where) for name, where in cells.items()}
        metrics = {
            "sensitivity": proportion(n["tp"], n["tp"] + n["fn"], _CONFIDENCE),
            "specificity": proportion(n["tn"], n["tn"] + n["fp"], _CONFIDENCE),
            "ppv": proportion(n["tp"], n["tp"] + n["fp"], _CONFIDENCE),
            "npv": proportion(n["tn"], n["tn"] + n["fn"], _CONFIDENCE),
            "brier": of_brier,
        }
        names = {"tp": "true_positive", "fp": "false_positive", "tn": "true_negative", "fn": "false_negative"}
        shares = {name: (*estimate, "score" if name == "brier" else "wilson") for name, estimate in metrics.items()}
        counts = {text: (n[name].sum(), np.nan, np.nan, None) for name, text in names.items()}
        for metric, (estimate, lower, upper, interval) in (shares | counts).items():
            yield {
                "finding": one.finding,
                **{name: point[name] for name in ("operating_point", "threshold")},
                "metric": metric,
                **{"estimate": estimate, "lower": lower, "upper": upper},
                "interval": None if np.isnan(lower) else interval,
                "confidence": _CONFIDENCE,
            }


def _bins(one: FindingRows) -> Iterator[dict[str, Any]]:
    columns = calibration_bins(one.truth, one.probability, one.cluster, _BINS, _CONFIDENCE)
    for values in zip(*columns.values(), strict=True):
        yield {"finding": one.finding, **dict(zip(columns, values, strict=True))}


def _measures(one: FindingRows) -> Iterator[dict[str, Any]]:
    measures = calibration_measures(one.truth, one.probability, one.cluster, _CONFIDENCE)
    for measure, estimate in measures.items():
        yield {
            "finding": one.finding,
            "stage": "after",
            "measure": measure,
            **dict(zip(("estimate", "lower", "upper"), estimate, strict=True)),
            "bins": None,
            "confidence": _CONFIDENCE,
        }


def _steps(one: FindingRows) -> tuple[Floats, Floats, Floats]:
    """Return each distinct probability in descending order, with the positives and negatives at or above it."""
    levels, place = np.unique(-one.probability, return_inverse=True)
    positives, images = (np.cumsum(sums_by(place, values)) for values in (one.truth, np.ones_like(one.truth)))
    return -levels, positives, images - positives


def _roc(one: FindingRows) -> Iterator[dict[str, Any]]:
    """Yield the corners of the ROC curve."""
    thresholds, above, below = _steps(one)
    if above[-1] == 0 or below[-1] == 0:
        return
    points = np.column_stack([np.r_[np.inf, thresholds], np.r_[0, above / above[-1]], np.r_[1, 1 - below / below[-1]]])
    if len(points) > 2:
        # A point between two points of equal sensitivity, or equal specificity, is not a corner.
        straight = (points[2:, 1:] == points[:-2, 1:]).any(axis=1)
        points = points[np.r_[True, ~straight, True]]
    for threshold, sensitivity, specificity in points:
        yield {
            "finding": one.finding,
            "threshold": threshold,
            "sensitivity": sensitivity,
            "specificity": specificity,
        }


def _precision(one: FindingRows) -> Iterator[dict[str, Any]]:
    """Yield the precision at the highest threshold that reaches each recall."""
    _, above, below = _steps(one)
    if above[-1] == 0 or below[-1] == 0:
        return
    recalls = np.linspace(0, 1, _PLACES)
    # The margin is for rounding; a recall of 0 is that of the first positive image.
    at = np.searchsorted(above, np.maximum(recalls * above[-1] - 1e-9, 0.5))
    for recall, place in zip(recalls, at, strict=True):
        precision = above[place] / (above[place] + below[place])
        yield {
            "finding": one.finding,
            "recall": recall,
            "precision": precision,
            **{"lower": np.nan, "upper": np.nan},
            "confidence": _CONFIDENCE,
        }


def _write_summary(given: ToEvaluate, rows: pd.DataFrame, found: list[dict[str, Any]], out: Path) -> None:
    metadata = given.predictions.attrs.get("placa") or {}
    of_split = given.predictions[given.predictions["split"].eq(given.split).fillna(False)]
    files = sorted(path.name for path in out.glob("*.csv"))
    source, subset = metadata.get("label_source"), metadata.get("label_subset")
    summary: Summary = {
        "schema_version": SUMMARY_SCHEMA,
        "computed_in": "python",
        "split": given.split,
        "engine": f"scikit-learn {sklearn.__version__}",
        "r_version": "",
        "placa_version": placa.__version__,
        "draws": 0,
        "seed": 0,
        "compared_with": sorted(set(given.predictions["split"].dropna()) - {given.split}),
        "labels": {
            "source": source if isinstance(source, str) else None,
            "subset": subset if isinstance(subset, list) else None,
            "n_images": int(of_split["image_id"].nunique()),
            "n_labelled": int(rows["image_id"].nunique()),
            "unlabelled_findings": sorted(set(of_split["finding"]) - set(rows["finding"])),
        },
        "patients_known": bool((given.predictions[["patient_id", "group_id"]].notna()).any(axis=None)),
        "headline": {str(row["finding"]): _headline(row) for row in found},
        "files": [*files, "summary.json"],
        "fingerprints": {name: fingerprint(out / name) for name in files},
    }
    # Other programs may write anything there.
    model = metadata.get("model_fingerprint")
    if isinstance(model, str) and re.fullmatch("sha256:[0-9a-f]{64}", model):
        summary["model_fingerprint"] = model
    write_record(out / "summary.json", summary, Summary)


def _headline(row: dict[str, Any]) -> Headline:
    def known(name: str) -> float | None:
        return None if np.isnan(row[name]) else float(row[name])

    return {
        "auroc": known("auroc"),
        "auroc_lower": known("auroc_lower"),
        "auroc_upper": known("auroc_upper"),
        "method": "score",
        "confidence": _CONFIDENCE,
        "n_images": row["n_images"],
        "n_patients": row["n_patients"],
        "n_positive": row["n_positive"],
    }
