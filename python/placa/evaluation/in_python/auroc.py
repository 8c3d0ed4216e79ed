"""AUROC with intervals for clustered images, as in R/R/auroc-interval.R and R/R/obuchowski.R."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from placa.evaluation.in_python.proportions import MISSING, Floats, kish, sizes_of, student_quantile, sums_by


def auroc_columns(
    truth: Floats, probability: Floats, cluster: NDArray[np.int64], confidence: float
) -> dict[str, float]:
    """Estimate AUROC with the score interval, and with those of DeLong and Obuchowski.

    Args:
        truth: 0 or 1, shape ``(images,)``.
        probability: 0 to 1, same shape.
        cluster: Number of the cluster of each image, from 0.
        confidence: Level of the intervals.

    Returns:
        The columns of ``discrimination.csv``, those of the bootstrap without values. All are NaN if one class is
        missing.
    """
    names = ("delong", "clustered", "obuchowski")
    empty = {f"{name}_{part}": np.nan for name in names for part in ("std_error", "lower", "upper")}
    columns = {"auroc": np.nan, "auroc_lower": np.nan, "auroc_upper": np.nan, "design_effect": np.nan, **empty}
    positive = truth == 1
    if positive.all() or not positive.any():
        return columns
    values = placement_values(positive, probability)
    auroc = float(values[positive].mean())
    independent = _variance(positive, values, auroc, np.arange(len(truth)))
    clustered = _variance(positive, values, auroc, cluster)
    lower, upper = _score_limits(positive, values, auroc, cluster, clustered, confidence)
    columns.update(auroc=auroc, auroc_lower=lower, auroc_upper=upper)
    columns["design_effect"] = clustered / independent if independent > 0 else np.nan
    for name, variance in (("delong", independent), ("obuchowski", clustered)):
        columns[f"{name}_std_error"] = np.sqrt(variance)
        reach = stats.norm.ppf((1 + confidence) / 2) * np.sqrt(variance)
        if reach > 0:
            columns[f"{name}_lower"], columns[f"{name}_upper"] = max(auroc - reach, 0), min(auroc + reach, 1)
    return columns


def placement_values(positive: NDArray[np.bool_], probability: Floats) -> Floats:
    """Return, for a positive, the share of negatives below it, and for a negative that of positives above it.

    Ties count half (Sun and Xu 2014).
    """
    overall = stats.rankdata(probability)
    values = np.empty(len(probability))
    values[positive] = (overall[positive] - stats.rankdata(probability[positive])) / (~positive).sum()
    values[~positive] = 1 - (overall[~positive] - stats.rankdata(probability[~positive])) / positive.sum()
    return values


def _sums(values: Floats, rows: NDArray[np.bool_], cluster: NDArray[np.int64]) -> Floats:
    return sums_by(cluster[rows], values[rows], int(cluster.max()) + 1)


def _variance(positive: NDArray[np.bool_], values: Floats, auroc: float, cluster: NDArray[np.int64]) -> float:
    """Return Obuchowski's (1997) variance; with one image per cluster it is DeLong's."""
    of_class = [(rows, _sums(values - auroc, rows, cluster)) for rows in (positive, ~positive)]
    clusters = [len(np.unique(cluster[rows])) for rows, _ in of_class]
    if min(clusters) < 2:
        return np.nan
    m, n = float(positive.sum()), float((~positive).sum())
    (_, of_positives), (_, of_negatives) = of_class
    every = len(np.unique(cluster))
    total = clusters[0] / (clusters[0] - 1) * (of_positives**2).sum() / m**2
    total += clusters[1] / (clusters[1] - 1) * (of_negatives**2).sum() / n**2
    return float(total + every / (every - 1) * 2 * (of_positives @ of_negatives) / (m * n))


def _score_limits(
    positive: NDArray[np.bool_],
    values: Floats,
    auroc: float,
    cluster: NDArray[np.int64],
    variance: float,
    confidence: float,
) -> tuple[float, float]:
    """Return the score interval (Newcombe 2006, method 5) with the variance of clustered images."""
    if np.isnan(variance) or (variance == 0 and 0 < auroc < 1):
        return MISSING
    m, n = float(positive.sum()), float((~positive).sum())
    parts = [_sums(values - auroc, rows, cluster) / count for rows, count in ((positive, m), (~positive, n))]
    units = np.array([kish(sizes_of(cluster[rows])) for rows in (positive, ~positive)])
    squares = np.array([(part**2).sum() for part in parts])
    below = (squares**2 / (units - 1)).sum()
    degrees = squares.sum() ** 2 / below if below > 0 else units.min() - 1
    reach = student_quantile(confidence, float(degrees))
    if np.isnan(reach):
        return MISSING
    most = max(m / units[0], n / units[1])
    expected = _hanley_variance(auroc, m, n)
    # The ratio is unknown at 0 and 1, and uncertain next to them. The fewer clusters it comes from, the closer it is to
    # the largest design effect.
    factor = min(max(variance / expected, 0.6), 1.5 * most) if expected > 0 else most
    if most > max(factor, 1):
        influence = parts[0] + parts[1]
        factor *= (most / max(factor, 1)) ** ((influence**4).sum() / (influence**2).sum() ** 2)

    def outside(true: float) -> bool:
        return bool((true - auroc) ** 2 > reach**2 * factor * _hanley_variance(true, m, n))

    return _edge(outside, auroc, 0.0), _edge(outside, auroc, 1.0)


def _hanley_variance(auroc: float, positives: float, negatives: float) -> float:
    others = (positives + negatives) / 2 - 1
    spread = 1 + others * (1 - auroc) / (2 - auroc) + others * auroc / (1 + auroc)
    return auroc * (1 - auroc) * spread / (positives * negatives)


def _edge(outside: Callable[[float], bool], inside: float, edge: float) -> float:
    """Return the limit between a value inside and the edge of the scale, by bisection."""
    if inside == edge or not outside(edge + (inside - edge) * 1e-12):
        return edge
    beyond = edge
    for _ in range(40):
        middle = (inside + beyond) / 2
        if outside(middle):
            beyond = middle
        else:
            inside = middle
    return inside
