"""Intervals that know that images of one patient are not independent, in NumPy, for many images at once."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A figure and the limits of its interval."""

    value: float
    lower: float
    upper: float


def quantile(level: float) -> float:
    """The normal deviate of a two-sided interval of this level (0 to 1): 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def together(count: int, level: float = 0.95) -> float:
    """The level that each of `count` intervals needs for all of them to hold together with `level` (Bonferroni)."""
    return 1 - (1 - level) / max(count, 1)


def auroc(
    truth: NDArray[np.bool_],
    score: Floats,
    groups: Integers,
    strata: Integers | None = None,
    level: float = 0.95,
    instability: float = 0.0,
) -> Estimate:
    """AUROC with an interval that is honest about groups.

    Only pairs within a stratum are compared, so scores of different cross-validation folds, which come from different
    models, need not share a scale (LeDell, Petersen and van der Laan 2015, here weighted by pairs). The variance is
    Obuchowski's (1997) for clustered data, which with single images is DeLong's (1988); the limits are set on the
    logit scale. Where every pair is told right, the variance says nothing, and the lower limit is that of
    Clopper and Pearson for k of k, k the smaller number of groups with either label.

    Args:
        truth: Shape ``(n,)``.
        score: Higher is more positive, shape ``(n,)``.
        groups: The group of each image, shape ``(n,)``, whole numbers from 0.
        strata: The fold of each image, shape ``(n,)``; one for all by default.
        level: Of the two-sided interval, 0 to 1.
        instability: What the variance does not see: that models were fitted, and would come out otherwise on other
            images. It is multiplied by 1 + `instability` where the AUROC is 0.5, fading to 1 as A (1 - A) does.

    Returns:
        AUROC, 0 to 1, and its limits.

    Raises:
        ValueError: No stratum has both a positive and a negative image.
    """
    influence = np.zeros(len(truth))
    pairs = told = 0.0
    for stratum in np.unique(strata) if strata is not None else (None,):
        rows = np.flatnonzero(strata == stratum) if stratum is not None else np.arange(len(truth))
        positive, negative = rows[truth[rows]], rows[~truth[rows]]
        if not len(positive) or not len(negative):
            continue
        above = _below(np.sort(score[negative]), score[positive])
        under = len(positive) - _below(np.sort(score[positive]), score[negative])
        influence[positive], influence[negative] = above, under
        told += float(above.sum())
        pairs += float(len(positive) * len(negative))
    if not pairs:
        raise ValueError("an AUROC needs a positive and a negative image in one stratum")
    value = told / pairs
    # Each image is set against what it would have been told right if it were like all others.
    for stratum in np.unique(strata) if strata is not None else (None,):
        rows = np.flatnonzero(strata == stratum) if stratum is not None else np.arange(len(truth))
        positives = int(truth[rows].sum())
        if 0 < positives < len(rows):
            influence[rows] -= value * np.where(truth[rows], len(rows) - positives, positives)
        else:
            influence[rows] = 0.0
    count = int(groups.max()) + 1
    of_positives = np.bincount(groups, np.where(truth, influence, 0.0), count)
    of_negatives = np.bincount(groups, np.where(truth, 0.0, influence), count)
    with_positive, with_negative = len(np.unique(groups[truth])), len(np.unique(groups[~truth]))
    either = len(np.unique(groups))
    variance = (
        _spread(with_positive) * float(of_positives @ of_positives)
        + _spread(with_negative) * float(of_negatives @ of_negatives)
        + 2 * _spread(either) * float(of_positives @ of_negatives)
    ) / pairs**2
    return _on_logits(
        value,
        max(variance * (1 + instability * 4 * value * (1 - value)), 0.0),
        min(with_positive, with_negative),
        level,
    )


def _below(ordered: Floats, values: Floats) -> Floats:
    """How many of `ordered` lie below each of `values`, ties as halves."""
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((left + right) / 2, dtype=float)


def _spread(groups: int) -> float:
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
    """A mean over images and its variance with whole groups as the unit.

    The mean is the ratio of two sums over groups, and its variance the linearised one of such a ratio (Cochran 1977,
    6.3; Rao and Scott 1992).

    Args:
        values: Shape ``(n,)``.
        groups: The group of each, shape ``(n,)``.

    Returns:
        The mean, and the variance of that mean; infinite where there is one group only.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    mean = float(values.mean())
    sums = np.bincount(codes, values - mean)
    count = len(sums)
    if count < 2:
        return mean, float("inf")
    return mean, count / (count - 1) * float(sums @ sums) / len(values) ** 2


def proportion(hits: NDArray[np.bool_], groups: Integers, level: float = 0.95) -> Estimate:
    """A share of images with Wilson's interval on the effective number of images.

    Images of one patient tell less than as many of strangers, so Wilson's (1927) formula gets n divided by the design
    effect, the clustered variance over the binomial one (Korn and Graubard 1998; never less than 1). Where all images
    agree, that cannot be estimated, and the number of groups is taken.

    Args:
        hits: Shape ``(n,)``, n of 1 at least.
        groups: The group of each, shape ``(n,)``.
        level: Of the two-sided interval, 0 to 1.
    """
    n = len(hits)
    mean, variance = clustered_mean(hits.astype(float), groups)
    count = len(np.unique(groups))
    binomial = mean * (1 - mean) / n
    effective = float(count) if binomial == 0 or not np.isfinite(variance) else n / max(variance / binomial, 1.0)
    return wilson(mean, effective, level)


def wilson(share: float, n: float, level: float = 0.95) -> Estimate:
    """A share with Wilson's (1927) interval.

    Args:
        share: 0 to 1.
        n: How many independent images it is of; an effective number need not be whole.
        level: Of the two-sided interval, 0 to 1.
    """
    z2 = quantile(level) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return Estimate(share, float(max(middle - reach, 0.0)), float(min(middle + reach, 1.0)))
