"""Logistic regression by Newton's method, for recalibrations with few coefficients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placa.models.calibration.recalibration import sigmoid

#: Newton's method doubles the number of correct digits per step; separated classes need more steps.
_MOST_STEPS = 100
#: Largest change of a logit in one step: a full step from a poor start can move all probabilities to 0 or 1.
_REACH = 4.0


def fit_logistic(
    design: NDArray[np.float64],
    target: NDArray[np.float64],
    ridge: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Fit a logistic regression to targets between 0 and 1, up to rounding.

    Args:
        design: One row per image, shape ``(n, k)``.
        target: Targets, 0 to 1, shape ``(n,)``.
        ridge: Penalty of each coefficient, the inverse variance of its normal prior with mean 0, shape ``(k,)``; none
            by default.

    Returns:
        The coefficients, shape ``(k,)``.
    """
    penalty = np.zeros(design.shape[1]) if ridge is None else ridge
    coefficients = np.zeros(design.shape[1])
    loss = _loss(design, target, penalty, coefficients)
    for _ in range(_MOST_STEPS):
        fitted = sigmoid(design @ coefficients)
        gradient = design.T @ (target - fitted) - penalty * coefficients
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design + np.diag(penalty)
        # The least-squares solution exists for a constant column too.
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        step *= min(1.0, _REACH / max(float(np.abs(design @ step).max()), 1e-300))
        moved = _loss(design, target, penalty, coefficients + step)
        # Near the solution, the loss differs by rounding errors only.
        while moved > loss + 1e-12 * abs(loss) and np.abs(step).max() > 1e-12:
            step /= 2
            moved = _loss(design, target, penalty, coefficients + step)
        coefficients = coefficients + step
        loss = moved
        if np.abs(step).max() <= 1e-10 * max(1.0, float(np.abs(coefficients).max())):
            break
    return coefficients


def _loss(
    design: NDArray[np.float64],
    target: NDArray[np.float64],
    penalty: NDArray[np.float64],
    coefficients: NDArray[np.float64],
) -> float:
    z = design @ coefficients
    return float(np.sum(np.logaddexp(0.0, z) - target * z) + np.sum(penalty * coefficients**2) / 2)
