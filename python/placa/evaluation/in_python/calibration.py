"""Calibration: intercept, slope and Brier score with intervals, and bins, as in R/R/calibration-*.R."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from placa.evaluation.in_python.proportions import (
    MISSING,
    Estimate,
    Floats,
    kish,
    proportion,
    sizes_of,
    sums_by,
    wilson,
)


def brier(truth: Floats, probability: Floats, cluster: NDArray[np.int64], confidence: float) -> Estimate:
    """Estimate the Brier score."""
    squares = sums_by(cluster, (probability - truth) ** 2)
    return proportion(squares, sums_by(cluster, np.ones_like(truth)), confidence, most=np.inf)


def calibration_measures(
    truth: Floats, probability: Floats, cluster: NDArray[np.int64], confidence: float
) -> dict[str, Estimate]:
    """Estimate calibration intercept (with slope 1), slope, observed to expected positives, and the Brier score.

    Images with a probability of 0 or 1 are not in the intercept and the slope. The intervals are those of score tests,
    with the design effect of the clusters.
    """
    inside = (probability > 0) & (probability < 1)
    z, y = special.logit(probability[inside]), truth[inside]
    of_inside = np.unique(cluster[inside], return_inverse=True)[1]
    both = 0 < y.sum() < len(y)
    slope = _slope(y, z) if both else np.nan
    return {
        "intercept": (_intercept(y, z), *_intercept_limits(y, z, of_inside, confidence))
        if both
        else (np.nan, *MISSING),
        "slope": (slope, *(_slope_limits(y, z, of_inside, confidence) if both else MISSING)),
        "observed_expected": _ratio(truth, probability, cluster, confidence),
        "brier": brier(truth, probability, cluster, confidence),
    }


def calibration_bins(
    truth: Floats, probability: Floats, bins: int, confidence: float
) -> dict[str, NDArray[np.generic]]:
    """Return the columns of ``calibration.csv``: at most `bins` bins of equal counts with Wilson's intervals."""
    cut = np.ceil(stats.rankdata(probability) / len(probability) * bins - 1e-9)
    bin_of = np.unique(cut, return_inverse=True)[1]
    images = np.bincount(bin_of)
    positives = np.bincount(bin_of, truth)
    reach = stats.norm.ppf((1 + confidence) / 2)
    limits = [wilson(share, count, reach) for share, count in zip(positives / images, images, strict=True)]
    return {
        "bin": np.arange(1, len(images) + 1),
        "n_images": images,
        "n_positive": positives.astype(np.int64),
        "mean_probability": np.bincount(bin_of, probability) / images,
        "observed": positives / images,
        "observed_lower": np.array([lower for lower, _ in limits]),
        "observed_upper": np.array([upper for _, upper in limits]),
    }


def _intercept(truth: Floats, offset: Floats) -> float:
    """Return the constant to add to the logits so that as many positives are expected as observed."""
    intercept = -offset.mean()
    for _ in range(200):
        fitted = special.expit(offset + intercept)
        change = (truth - fitted).sum() / max((fitted * (1 - fitted)).sum(), 1e-12)
        intercept += np.clip(change, -2, 2)
        if abs(change) < 1e-12:
            break
    return float(intercept)


def _slope(truth: Floats, z: Floats) -> float:
    """Return the slope of a logistic regression on the logit; NaN if the classes are separated."""
    of = [z[truth == 1], z[truth == 0]]
    if len(np.unique(z)) < 2 or of[0].min() >= of[1].max() or of[0].max() <= of[1].min():
        return np.nan
    x = np.column_stack([np.ones_like(z), z])
    coefficients = np.zeros(2)
    for _ in range(50):
        fitted = special.expit(x @ coefficients)
        weighted = x * (fitted * (1 - fitted))[:, None]
        step = np.linalg.solve(x.T @ weighted, x.T @ (truth - fitted))
        # A full step from a poor start can move all probabilities to 0 or 1, so no logit changes by more than 4.
        step *= min(1.0, 4 / max(float(np.abs(x @ step).max()), 1e-300))
        coefficients += step
        if np.abs(step).sum() < 1e-12:
            break
    return float(coefficients[1])


def _design_effect(contributions: Floats, cluster: NDArray[np.int64]) -> float:
    independent = float((contributions**2).sum())
    most = len(cluster) / kish(sizes_of(cluster))
    squares = float((sums_by(cluster, contributions) ** 2).sum())
    return min(max(squares / independent, 1.0), most) if independent > 0 else most


def _slope_limits(truth: Floats, z: Floats, cluster: NDArray[np.int64], confidence: float) -> tuple[float, float]:
    spread = float(np.std(z, ddof=1))
    if not spread > 0:
        return MISSING

    def score(slope: float) -> float:
        fitted = special.expit(slope * z + _intercept(truth, slope * z))
        weight = fitted * (1 - fitted)
        centred = z - (weight * z).sum() / max(weight.sum(), 1e-300)
        contributions = (truth - fitted) * centred
        variance = (weight * centred**2).sum() * _design_effect(contributions, cluster)
        return float(contributions.sum() / np.sqrt(variance)) if variance > 0 else 0.0

    return _limits(score, -30 / spread, 30 / spread, confidence)


def _intercept_limits(truth: Floats, z: Floats, cluster: NDArray[np.int64], confidence: float) -> tuple[float, float]:
    def score(intercept: float) -> float:
        fitted = special.expit(z + intercept)
        variance = (fitted * (1 - fitted)).sum() * _design_effect(truth - fitted, cluster)
        return float((truth - fitted).sum() / np.sqrt(max(variance, 1e-300)))

    middle = float(np.median(z))
    return _limits(score, -40 - middle, 40 - middle, confidence)


def _limits(score: Callable[[float], float], least: float, most: float, confidence: float) -> tuple[float, float]:
    """Return where a decreasing score reaches the quantiles; infinite where it does not."""
    reach = float(stats.norm.ppf((1 + confidence) / 2))

    def bound(target: float) -> float:
        if score(most) > target:
            return np.inf
        if score(least) < target:
            return -np.inf
        return float(optimize.brentq(lambda value: score(value) - target, least, most, xtol=1e-9))

    return bound(reach), bound(-reach)


def _ratio(truth: Floats, probability: Floats, cluster: NDArray[np.int64], confidence: float) -> Estimate:
    """Return observed to expected positives, with the variance of the hypothesis."""
    observed, expected = float(truth.sum()), float(probability.sum())
    if expected == 0:
        return (np.nan, *MISSING)
    effect = _design_effect(truth - probability * observed / expected, cluster)
    reach = float(stats.norm.ppf((1 + confidence) / 2)) ** 2 * effect
    a = expected**2 + reach * float((probability**2).sum())
    b = observed * expected + reach * expected / 2
    spread = np.sqrt(max(b**2 - a * observed**2, 0))
    return observed / expected, float((b - spread) / a), float((b + spread) / a)
