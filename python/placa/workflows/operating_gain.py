"""Estimate sensitivity and specificity before and after an update, on images that did not choose the thresholds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.models.calibration import choose_thresholds
from placa.records.model import OperatingPoints

_FOLDS = 5
_DRAWS = 1000


def operating_gain(updated: pd.DataFrame, old: Mapping[str, OperatingPoints], seed: int = 1) -> pd.DataFrame:
    """Compare the old thresholds on the old probabilities with new thresholds on the updated ones.

    The new thresholds for a patient are chosen on the images of the other patients (five folds).

    Args:
        updated: Local images with cross-fitted probabilities and those ``before``, one row per image and finding.
        old: The old thresholds by finding.
        seed: Seed of the folds and of the bootstrap of patients.

    Returns:
        One row per finding, operating point and metric: ``before``, ``after``, ``difference``, and its 95 % interval
        ``lower`` to ``upper`` (percentiles of a bootstrap of patients).
    """
    rows = []
    for finding, part in updated.groupby("finding", sort=False):
        part = part[part["truth"].notna()]
        truth = part["truth"].to_numpy(dtype=float)
        cluster = pd.factorize(part["patient_id"].fillna(part["group_id"]).fillna(part["image_id"]))[0]
        probability = part["probability"].to_numpy(dtype=float)
        crossed = _crossed(probability, truth, cluster, seed)
        for point, threshold in old[str(finding)]["points"].items():
            if point not in crossed:
                continue
            hits = part["before"].to_numpy(dtype=float) >= threshold, probability >= crossed[point]
            for metric, wanted in (("sensitivity", 1.0), ("specificity", 0.0)):
                right = [(hit == bool(wanted)) & (truth == wanted) for hit in hits]
                rows.append(
                    {"finding": finding, "operating_point": point, "metric": metric}
                    | _difference(right, truth == wanted, cluster, seed)
                )
    return pd.DataFrame(rows)


def _crossed(
    probability: NDArray[np.float64], truth: NDArray[np.float64], cluster: NDArray[np.int64], seed: int
) -> dict[str, NDArray[np.float64]]:
    """Return for each operating point the threshold of each image."""
    dealt = np.random.default_rng(seed).permutation(cluster.max() + 1) % _FOLDS
    fold = dealt[cluster]
    points: dict[str, NDArray[np.float64]] = {}
    for number in range(_FOLDS):
        for name, value in choose_thresholds(probability[fold != number], truth[fold != number]).items():
            points.setdefault(name, np.full(len(truth), 0.5))[fold == number] = value
    return points


def _difference(
    right: list[NDArray[np.bool_]], of_class: NDArray[np.bool_], cluster: NDArray[np.int64], seed: int
) -> dict[str, float]:
    count = int(cluster.max()) + 1
    sums = [np.bincount(cluster, weights=part, minlength=count) for part in (*right, of_class)]
    drawn = np.random.default_rng(seed).integers(0, count, (_DRAWS, count))
    before, after, total = (part[drawn].sum(axis=1) for part in sums)
    differences = ((after - before) / np.where(total > 0, total, np.nan))[total > 0]
    lower, upper = np.quantile(differences, [0.025, 0.975])
    values = [part.sum() / sums[2].sum() for part in sums[:2]]
    return {
        "before": values[0],
        "after": values[1],
        "difference": values[1] - values[0],
        "lower": float(lower),
        "upper": float(upper),
    }
