"""From scores to probabilities, and from probabilities to thresholds: both from validation alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The operating point that a class is told at where nobody names another.
DEFAULT_POINT = "youden"
#: Wanted sensitivity or specificity of the points named after them.
TARGET = 0.95


@dataclass(frozen=True)
class Recalibration:
    """A logistic recalibration: probability = sigmoid(slope * logit + intercept) (Platt 1999)."""

    slope: float = 1.0
    intercept: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """The two numbers by name, for JSON."""
        return asdict(self)


def fit_recalibration(logits: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]]) -> Recalibration:
    """Fit Platt's recalibration on validation images.

    Args:
        logits: Of one finding, shape ``(n,)``.
        truth: 0, 1, or NaN where unknown, shape ``(n,)``. Platt's own smoothed targets stand in for 0 and 1, so that
            perfectly separated validation images do not make the probabilities 0 and 1.

    Returns:
        The recalibration; the identity where one class is missing, or where the best slope would turn the order of
        the scores round.
    """
    from scipy.optimize import minimize

    known = ~np.isnan(truth)
    x, y = logits[known].astype(float), truth[known] == 1
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        return Recalibration()
    target = np.where(y, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope, intercept = parameters
        z = slope * x + intercept
        residual = sigmoid(z) - target
        value = float(np.mean(np.logaddexp(0.0, z) - target * z))
        return value, np.array([np.mean(residual * x), np.mean(residual)])

    fitted = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS")
    slope, intercept = (float(value) for value in fitted.x)
    return Recalibration(slope, intercept) if slope > 0 else Recalibration()


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


def sigmoid(z: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The logistic function, without overflow."""
    from scipy.special import expit

    result: NDArray[np.float64] = expit(np.asarray(z, dtype=np.float64))
    return result
