"""Fit recalibrations to labelled images: Platt's, temperature, isotonic.

All are fitted to Platt's smoothed targets, (N1 + 1) / (N1 + 2) and 1 / (N0 + 2) instead of 1 and 0, so that perfect
separation of the validation images does not lead to probabilities of 0 and 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.models.calibration.recalibration import Recalibration
from placa.models.calibration.regression import fit_logistic

#: Slope of an isotonic map beyond its outermost knots: almost flat, as no validation data exist there, but not zero, so
#: that different scores keep different probabilities.
_SLOPE_BEYOND = 0.01


def fit_recalibration(logits: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]]) -> Recalibration:
    """Fit Platt's recalibration (Platt 1999): a line, by logistic regression.

    Args:
        logits: Logits of one finding, shape ``(n,)``.
        truth: 0, 1, or NaN where unknown, shape ``(n,)``.

    Returns:
        The recalibration; the identity if one class is missing, or if the best slope is not positive.
    """
    x, target = smoothed(logits, truth)
    return _fit_line(x, target, with_intercept=True)


def fit_temperature(logits: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]]) -> Recalibration:
    """Fit a temperature (Guo et al. 2017), a divisor of the logits.

    Args:
        logits: Logits of one finding, shape ``(n,)``.
        truth: 0, 1, or NaN where unknown, shape ``(n,)``.

    Returns:
        The recalibration, whose slope is 1 / temperature and whose intercept is 0; the identity as in
        `fit_recalibration`.
    """
    x, target = smoothed(logits, truth)
    return _fit_line(x, target, with_intercept=False)


def fit_isotonic(logits: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]]) -> Recalibration:
    """Fit an isotonic recalibration (Zadrozny and Elkan 2002), an increasing map, by pooling adjacent violators.

    Isotonic regression gives a step function, with one probability for all images on a step. The map passes through
    the centre of each step instead, as in centred isotonic regression (Oron and Flournoy 2017), and is linear between
    them on the logit scale, so that the order of the scores does not change.

    Args:
        logits: Logits of one finding, shape ``(n,)``.
        truth: 0, 1, or NaN where unknown, shape ``(n,)``.

    Returns:
        The recalibration; the identity if one class is missing, or if there is a single step.
    """
    from scipy.special import logit
    from sklearn.isotonic import IsotonicRegression

    x, target = smoothed(logits, truth)
    if not len(x):
        return Recalibration()
    level = IsotonicRegression().fit(x, target).predict(x)
    steps, step = np.unique(level, return_inverse=True)
    # Levels of one step may differ by rounding; steps of almost equal height are merged.
    step = np.concatenate([[0], np.cumsum(np.diff(steps) > 1e-9)])[step]
    count = np.bincount(step)
    middle = np.bincount(step, weights=x) / count
    height = np.bincount(step, weights=level) / count
    if len(count) < 2:
        return Recalibration()
    knots = tuple((float(a), float(b)) for a, b in zip(middle, logit(height), strict=True))
    return Recalibration(_SLOPE_BEYOND, knots=knots)


def smoothed(
    logits: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logits with a known label and their Platt targets; empty arrays if a class is missing."""
    known = ~np.isnan(truth)
    x, y = logits[known].astype(np.float64), truth[known] == 1
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        return np.empty(0), np.empty(0)
    return x, np.where(y, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def _fit_line(x: NDArray[np.float64], target: NDArray[np.float64], with_intercept: bool) -> Recalibration:
    if not len(x):
        return Recalibration()
    design = np.column_stack([x, np.ones(len(x))]) if with_intercept else x[:, None]
    slope, *intercept = (float(value) for value in fit_logistic(design, target))
    return Recalibration(slope, sum(intercept)) if slope > 0 else Recalibration()
