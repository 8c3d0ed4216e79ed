"""Choose operating points: thresholds on the probability of a finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.models.calibration.choose import missing_class
from placa.records.model import OperatingPoints

#: The default operating point: few images with the finding are missed, at the cost of false positives.
DEFAULT_POINT = "sensitivity_95"
#: Target sensitivity of ``sensitivity_95`` and target specificity of ``specificity_95``.
TARGET = 0.95


def choose_thresholds(probability: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]]) -> dict[str, float]:
    """Choose the operating points of one finding on validation images.

    An image is positive if its probability is at least the threshold. Thresholds are midpoints between neighbouring
    probabilities.

    Args:
        probability: Probabilities, 0 to 1, shape ``(n,)``.
        truth: 0, 1, or NaN where unknown, shape ``(n,)``.

    Returns:
        ``sensitivity_95``: the highest threshold with a sensitivity ≥ 0.95; ``specificity_95``: the lowest threshold
        with a specificity ≥ 0.95; ``youden``: the threshold with the largest sensitivity + specificity - 1 (Youden
        1950), ties to the higher sensitivity. All are 0.5 if one class is missing.
    """
    known = ~np.isnan(truth)
    p, y = probability[known].astype(float), truth[known] == 1
    if y.all() or not y.any():
        return {DEFAULT_POINT: 0.5, "specificity_95": 0.5, "youden": 0.5}
    levels = np.unique(p)
    cuts = np.concatenate([[0.0], (levels[:-1] + levels[1:]) / 2, [1.0]])
    # The midpoint of two adjacent floats rounds to one of them.
    cuts[1:-1] = np.where(cuts[1:-1] <= levels[:-1], levels[1:], cuts[1:-1])
    sensitivity = 1 - np.searchsorted(np.sort(p[y]), cuts) / y.sum()
    specificity = np.searchsorted(np.sort(p[~y]), cuts) / (~y).sum()
    total = sensitivity + specificity
    return {
        DEFAULT_POINT: float(cuts[np.flatnonzero(sensitivity >= TARGET)[-1]]),
        "specificity_95": float(cuts[np.flatnonzero(specificity >= TARGET)[0]]),
        "youden": float(cuts[np.flatnonzero(total > total.max() - 1e-12)[0]]),
    }


def operating_points(
    findings: Sequence[str], probability: NDArray[np.float64], truth: NDArray[np.floating[Any]]
) -> dict[str, OperatingPoints]:
    """Choose the thresholds of each finding, for ``thresholds.json``.

    Args:
        findings: Names of the findings, in the order of the columns.
        probability: Probabilities of validation images, 0 to 1, shape ``(n, findings)``.
        truth: 0, 1, or NaN where unknown, same shape.

    Returns:
        By finding, ``default``, ``points`` (thresholds by name), and ``chosen``: False if the images lack a class, with
        the ``reason``; all thresholds are then 0.5.
    """
    points: dict[str, OperatingPoints] = {}
    for i, name in enumerate(findings):
        reason = missing_class(truth[:, i])
        points[name] = {
            "default": DEFAULT_POINT,
            "points": choose_thresholds(probability[:, i], truth[:, i]),
            "chosen": reason is None,
            "reason": reason,
        }
    return points
