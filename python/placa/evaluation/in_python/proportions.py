"""Wilson's interval of a proportion of clustered images, as in R/R/score-intervals.R."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats: TypeAlias = NDArray[np.floating[Any]]
#: An estimate and its limits; NaN where unknown.
Estimate: TypeAlias = tuple[float, float, float]
MISSING = (np.nan, np.nan)


def kish(sizes: NDArray[Any]) -> float:
    """Return Kish's (1965) effective number of clusters."""
    of = sizes.astype(np.float64)
    return float(of.sum() ** 2 / (of**2).sum())


def sizes_of(cluster: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of images of each cluster that has some."""
    counts = np.bincount(cluster)
    return counts[counts > 0]


def sums_by(cluster: NDArray[np.int64], values: NDArray[Any], n_clusters: int = 0) -> Floats:
    """Return the sum of the values of each cluster; clusters without a value have 0."""
    return np.asarray(np.bincount(cluster, values.astype(np.float64), minlength=n_clusters), dtype=np.float64)


def student_quantile(confidence: float, degrees: float) -> float:
    """Return the quantile of Student's t; NaN for a single cluster, which has no variance."""
    if np.isnan(degrees) or degrees < 1e-9:
        return np.nan
    return float(stats.t.ppf((1 + confidence) / 2, degrees))


def wilson(estimate: float, trials: float, reach: float) -> tuple[float, float]:
    """Return Wilson's (1927) limits, inside 0 to 1."""
    shrink = 1 + reach**2 / trials
    centre = (estimate + reach**2 / (2 * trials)) / shrink
    half = reach / shrink * np.sqrt(estimate * (1 - estimate) / trials + reach**2 / (4 * trials**2))
    lower = 0.0 if estimate == 0 else max(centre - half, 0.0)
    return lower, 1.0 if estimate == 1 else min(centre + half, 1.0)


def proportion(part: Floats, whole: Floats, confidence: float) -> Estimate:
    """Estimate a ratio of two sums over clusters, between 0 and 1, with its interval.

    The number of trials is the whole divided by the design effect of its clusters (Korn and Graubard 1998), and the
    quantile is that of Student's t; with one trial per cluster, this is Wilson's interval.

    Args:
        part: Sum of each cluster, shape ``(clusters,)``.
        whole: Trials of each cluster, same shape.
        confidence: Level of the interval.
    """
    estimate, trials, degrees = effective_trials(part, whole)
    reach = student_quantile(confidence, degrees)
    return (estimate, *(MISSING if trials == 0 or np.isnan(reach) else wilson(estimate, trials, reach)))


def effective_trials(part: Floats, whole: Floats) -> Estimate:
    """Return the ratio of two sums over clusters, its effective number of trials and its degrees of freedom."""
    total = float(whole.sum())
    if total == 0:
        return np.nan, 0.0, np.inf
    estimate = float(part.sum()) / total
    squares = float((((part - estimate * whole) / total) ** 2).sum())
    least = kish(whole)
    between = estimate * (1 - estimate) / squares if squares > 0 else np.nan
    trials = min(max(between, least), total) if np.isfinite(between) else least
    return estimate, trials, least - 1 if (whole > 1).any() else np.inf
