"""Confidence intervals for clustered data: images of one patient are not independent."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """An estimate and the limits of its interval."""

    value: float
    lower: float
    upper: float


def quantile(level: float) -> float:
    """Return the normal quantile of a two-sided interval of this level (0 to 1): 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def bonferroni_level(count: int, level: float = 0.95) -> float:
    """Return the level of each of `count` intervals with simultaneous level `level` (Bonferroni)."""
    return 1 - (1 - level) / max(count, 1)


def auroc(
    truth: NDArray[np.bool_],
    score: Floats,
    groups: Integers,
    strata: Integers | None = None,
    level: float = 0.95,
    instability: float = 0.0,
) -> Estimate:
    """Estimate the AUROC with an interval for clustered data.

    Only pairs within a stratum are compared, so scores of different cross-validation folds, which are of different
    models, may have different scales (LeDell, Petersen and van der Laan 2015, here weighted by pairs). The variance is
    that of Obuchowski (1997) for clustered data, which for single images is that of DeLong (1988); the limits are on
    the logit scale. If every pair is ranked correctly, the variance is 0, and the lower limit is that of Clopper and
    Pearson for k of k, where k is the smaller number of groups with either label.

    Args:
        truth: Shape ``(n,)``.
        score: Higher is more positive, shape ``(n,)``.
        groups: The group of each image, shape ``(n,)``, integers from 0.
        strata: The fold of each image, shape ``(n,)``; one for all images by default.
        level: Level of the two-sided interval, 0 to 1.
        instability: Correction for the variability of fitted models, which the variance does not include. The variance
            is multiplied by 1 + `instability` at an AUROC of 0.5; the factor decreases to 1 in proportion to A (1 - A).

    Returns:
        The AUROC, 0 to 1, and its limits.

    Raises:
        ValueError: No stratum has both a positive and a negative image.
    """
    # For each image, the number of its pairs within the stratum, and the number of correctly ranked pairs.
    of_image, correct = np.zeros(len(truth)), np.zeros(len(truth))
    strata = np.zeros(len(truth), dtype=np.int64) if strata is None else strata
    for stratum in np.unique(strata):
        positive, negative = np.flatnonzero((strata == stratum) & truth), np.flatnonzero((strata == stratum) & ~truth)
        of_image[positive], of_image[negative] = len(negative), len(positive)
        correct[positive] = _below(np.sort(score[negative]), score[positive])
        correct[negative] = len(positive) - _below(np.sort(score[positive]), score[negative])
    pairs = float(of_image[truth].sum())
    if not pairs:
        raise ValueError("an AUROC needs a positive and a negative image in one stratum")
    value = float(correct[truth].sum()) / pairs
    # The influence of an image is the difference between its correct pairs and the expected number.
    influence = correct - value * of_image
    count = int(groups.max()) + 1
    of_positives = np.bincount(groups, np.where(truth, influence, 0.0), count)
    of_negatives = np.bincount(groups, np.where(truth, 0.0, influence), count)
    with_positive, with_negative = len(np.unique(groups[truth])), len(np.unique(groups[~truth]))
    either = len(np.unique(groups))
    variance = (
        _correction(with_positive) * float(of_positives @ of_positives)
        + _correction(with_negative) * float(of_negatives @ of_negatives)
        + 2 * _correction(either) * float(of_positives @ of_negatives)
    ) / pairs**2
    return _on_logits(
        value,
        max(variance * (1 + instability * 4 * value * (1 - value)), 0.0),
        min(with_positive, with_negative),
        level,
    )


def _below(ordered: Floats, values: Floats) -> Floats:
    """Return how many of `ordered` are below each of `values`; ties count as halves."""
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((left + right) / 2, dtype=float)


def _correction(groups: int) -> float:
    return groups / (groups - 1) if groups > 1 else 1.0


def _on_logits(value: float, variance: float, groups: int, level: float) -> Estimate:
    if value <= 0.0 or value >= 1.0 or variance <= 0.0:
        edge = ((1 - level) / 2) ** (1 / groups)
        return Estimate(value, min(value, edge), max(value, 1 - edge))
    logit = np.log(value / (1 - value))
    reach = quantile(level) * np.sqrt(variance) / (value * (1 - value))
    lower, upper = 1 / (1 + np.exp(-(logit + np.array([-reach, reach]))))
    return Estimate(value, float(lower), float(upper))


def clustered_mean(values: Floats, groups: Integers) -> tuple[float, float]:
    """Return a mean over images and its variance with groups as the unit.

    The mean is a ratio of two sums over groups; its variance is linearised (Cochran 1977, section 6.3; Rao and Scott
    1992).

    Args:
        values: Shape ``(n,)``.
        groups: The group of each image, shape ``(n,)``.

    Returns:
        The mean and its variance, which is infinite for a single group.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    mean = float(values.mean())
    sums = np.bincount(codes, values - mean)
    count = len(sums)
    if count < 2:
        return mean, float("inf")
    return mean, count / (count - 1) * float(sums @ sums) / len(values) ** 2


def proportion(hits: NDArray[np.bool_], groups: Integers, level: float = 0.95) -> Estimate:
    """Estimate a proportion of images with Wilson's interval for the effective sample size.

    Images of one patient have less information than images of different patients, so Wilson's (1927) formula uses n
    divided by the design effect: the clustered variance over the binomial variance, at least 1 (Korn and Graubard
    1998). If all images agree, the design effect cannot be estimated, and the number of groups is used.

    Args:
        hits: Shape ``(n,)``, n ≥ 1.
        groups: The group of each image, shape ``(n,)``.
        level: Level of the two-sided interval, 0 to 1.
    """
    n = len(hits)
    mean, variance = clustered_mean(hits.astype(float), groups)
    count = len(np.unique(groups))
    binomial = mean * (1 - mean) / n
    # Without the factor count / (count - 1), so that n is the effective size of independent images.
    design = variance * (count - 1) / count / binomial if binomial > 0 and np.isfinite(variance) else 0.0
    effective = n / max(design, 1.0) if design > 0 else float(count)
    return wilson(mean, effective, level)


def wilson(share: float, n: float, level: float = 0.95) -> Estimate:
    """Return a proportion with Wilson's (1927) interval.

    Args:
        share: The proportion, 0 to 1.
        n: Number of independent images; an effective sample size may be fractional.
        level: Level of the two-sided interval, 0 to 1.
    """
    z2 = quantile(level) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return Estimate(share, float(max(middle - reach, 0.0)), float(min(middle + reach, 1.0)))
