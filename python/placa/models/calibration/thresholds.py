"""Operating points: from which probability on an image is called positive."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The operating point that a class is told at where nobody names another.
DEFAULT_POINT = "youden"
#: Wanted sensitivity or specificity of the points named after them.
TARGET = 0.95


def choose_thresholds(probability: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]]) -> dict[str, float]:
    """Choose the operating points of one finding on validation images.

    An image is called positive when its probability is at least the threshold. Thresholds lie half-way between
    neighbouring probabilities.

    Args:
        probability: 0 to 1, shape ``(n,)``.
        truth: 0, 1, or NaN where unknown, shape ``(n,)``.

    Returns:
        ``youden``: the most of sensitivity + specificity - 1 (Youden 1950), ties to the higher sensitivity;
        ``sensitivity_95``: the highest threshold with a sensitivity of 0.95 at least; ``specificity_95``: the lowest
        with a specificity of 0.95 at least. All are 0.5 where one class is missing.
    """
    known = ~np.isnan(truth)
    p, y = probability[known].astype(float), truth[known] == 1
    if y.all() or not y.any():
        return {DEFAULT_POINT: 0.5, "sensitivity_95": 0.5, "specificity_95": 0.5}
    levels = np.unique(p)
    cuts = np.concatenate([[0.0], (levels[:-1] + levels[1:]) / 2, [1.0]])
    # Against rounding: half-way between two neighbouring floats is one of the two.
    cuts[1:-1] = np.where(cuts[1:-1] <= levels[:-1], levels[1:], cuts[1:-1])
    sensitivity = 1 - np.searchsorted(np.sort(p[y]), cuts, side="left") / y.sum()
    specificity = np.searchsorted(np.sort(p[~y]), cuts, side="left") / (~y).sum()
    youden = sensitivity + specificity - 1
    return {
        DEFAULT_POINT: float(cuts[np.flatnonzero(youden >= youden.max() - 1e-12)[0]]),
        "sensitivity_95": float(cuts[np.flatnonzero(sensitivity >= TARGET)[-1]]),
        "specificity_95": float(cuts[np.flatnonzero(specificity >= TARGET)[0]]),
    }
