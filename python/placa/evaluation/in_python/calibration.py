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
    effective_trials,
    kish,
    sizes_of,
    student_quantile,
    sums_by,
    wilson,
)


def brier(truth: Floats, probability: Floats, cluster: NDArray[np.int64], confidence: float) -> Estimate:
    """Estimate the Brier score, see `mean_loss`."""
    return mean_loss(truth, probability, ((1 - probability) ** 2, probability**2), cluster, confidence)


def mean_loss(
    truth: Floats,
    probability: Floats,
    losses: tuple[Floats, Floats],
    cluster: NDArray[np.int64],
    confidence: float,
    scaled: bool = False,
) -> Estimate:
    """Estimate a mean loss of images with the interval of R/R/loss-intervals.R.

    The interval has the mean losses that a score test does not reject (Spiegelhalter 1986). Each slope of the log odds
    has one expected loss. The lower limit is corrected for skewness (Johnson 1978).

    Args:
        truth: Labels, 0 or 1.
        probability: Probabilities, 0 to 1.
        losses: The loss of each image if its label were 1, and if it were 0.
        cluster: The cluster of each image, from 0.
        confidence: Level of the interval.
        scaled: Return 1 minus the ratio of the loss to the Brier score of the prevalence.
    """
    own = np.where(truth == 1, *losses)
    # The label is certain where the other label has an infinite loss.
    present, absent = (np.where(np.isinf(loss), own, loss) for loss in losses)
    estimate, share = float(own.mean()), float(truth.mean())
    reference = share * (1 - share)

    def result(lower: float, upper: float) -> Estimate:
        if not scaled:
            return estimate, lower, upper
        return 1 - estimate / reference, 1 - upper / reference, 1 - lower / reference

    reach = student_quantile(confidence, kish(sizes_of(cluster)) - 1)
    if np.isnan(reach) or not np.isfinite(estimate) or (present == absent).all():
        return result(*MISSING)
    images = len(own) / _design_effect(own - estimate, cluster)
    with np.errstate(divide="ignore"):
        z = special.logit(probability)
    # The log odds of 0 and 1 are as large as the largest of the other images.
    largest = max(1.0, float(np.abs(z[np.isfinite(z)]).max(initial=0)))
    z = z.clip(-largest, largest)

    def of_slope(slope: float) -> tuple[float, float, float]:
        """Return the mean loss, its standard error and its skewness."""
        positive = special.expit(slope * z)
        loss = float((absent + positive * (present - absent)).mean())
        # Of a ratio to `reference`, which varies with the labels too.
        off = loss * (1 - 2 * share) / reference if scaled else 0.0
        errors = present - loss - (1 - positive.mean()) * off, absent - loss + positive.mean() * off
        squares = errors[0] ** 2, errors[1] ** 2
        variance = float((squares[1] + positive * (squares[0] - squares[1])).mean())
        cubes = squares[0] * errors[0], squares[1] * errors[1]
        third = float((cubes[1] + positive * (cubes[0] - cubes[1])).mean())
        return loss, np.sqrt(variance / images), third / np.sqrt(variance**3 * images)

    def limit(target: float, correction: float) -> float:
        def distance(slope: float) -> float:
            _, error, skewness = of_slope(slope)
            return (target + correction * skewness) * error

        def excess(slope: float) -> float:
            return estimate - of_slope(slope)[0] - distance(slope)

        least, most = np.array([-30, 30]) / np.sqrt((z**2).mean())
        # If every slope is nearer, the limit is beyond the mean loss of the last one.
        slope = least if excess(least) > 0 else most if excess(most) < 0 else optimize.brentq(excess, least, most)
        return estimate - distance(slope)

    normal = float(stats.norm.ppf((1 + confidence) / 2))
    # Where nearly all images have their largest loss, the correction would move the limit above the estimate.
    return result(min(max(limit(reach, (normal**2 - 1) / 6), 0.0), estimate), limit(-reach, 0))


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
    truth: Floats, probability: Floats, cluster: NDArray[np.int64], bins: int, confidence: float
) -> dict[str, NDArray[np.generic]]:
    """Return the columns of ``calibration.csv``: at most `bins` bins of equal counts, with intervals by cluster."""
    cut = np.ceil(stats.rankdata(probability) / len(probability) * bins - 1e-9)
    bin_of = np.unique(cut, return_inverse=True)[1]
    images = np.bincount(bin_of)
    positives = np.bincount(bin_of, truth)
    reach = stats.norm.ppf((1 + confidence) / 2)
    inside = [bin_of == place for place in range(len(images))]
    effective = np.array([_effective_images(truth[rows], cluster[rows], confidence, reach) for rows in inside])
    shares = zip(positives / images, effective, strict=True)
    # The variance within a single cluster is unknown.
    limits = [wilson(share, count, reach) if count else (0.0, 1.0) for share, count in shares]
    return {
        "bin": np.arange(1, len(images) + 1),
        "n_images": images,
        "n_positive": positives.astype(np.int64),
        "n_effective": effective,
        "mean_probability": np.bincount(bin_of, probability) / images,
        "observed": positives / images,
        "observed_lower": np.array([lower for lower, _ in limits]),
        "observed_upper": np.array([upper for _, upper in limits]),
    }


def _effective_images(truth: Floats, cluster: NDArray[np.int64], confidence: float, reach: float) -> float:
    """Return the number of images, one per patient, whose Wilson interval is as wide as that of these images."""
    own = np.unique(cluster, return_inverse=True)[1]
    _, trials, degrees = effective_trials(sums_by(own, truth), np.bincount(own).astype(np.float64))
    quantile = student_quantile(confidence, degrees)
    return 0.0 if np.isnan(quantile) else trials * (reach / quantile) ** 2


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

    return _limits(score, -30 / spread, 30 / spread, float(stats.norm.ppf((1 + confidence) / 2)))


def _intercept_limits(truth: Floats, z: Floats, cluster: NDArray[np.int64], confidence: float) -> tuple[float, float]:
    reach = student_quantile(confidence, kish(sizes_of(cluster)) - 1)
    if np.isnan(reach):
        return MISSING
    # Labels vary more around probabilities that are too extreme than the model expects.
    best = special.expit(z + _intercept(truth, z))
    dispersion = max(1.0, float(((truth - best) ** 2).sum() / (best * (1 - best)).sum()))

    def score(intercept: float) -> float:
        fitted = special.expit(z + intercept)
        variance = (fitted * (1 - fitted)).sum() * dispersion * _design_effect(truth - fitted, cluster)
        return float((truth - fitted).sum() / np.sqrt(max(variance, 1e-300)))

    middle = float(np.median(z))
    return _limits(score, -40 - middle, 40 - middle, reach)


def _limits(score: Callable[[float], float], least: float, most: float, reach: float) -> tuple[float, float]:
    """Return where a decreasing score is `reach` and -`reach`; infinite where it is not."""

    def bound(target: float) -> float:
        if score(most) > target:
            return np.inf
        if score(least) < target:
            return -np.inf
        return float(optimize.brentq(lambda value: score(value) - target, least, most, xtol=1e-9))

    return bound(reach), bound(-reach)


def _ratio(truth: Floats, probability: Floats, cluster: NDArray[np.int64], confidence: float) -> Estimate:
    """Return observed to expected positives with the wider of two intervals, as in R/R/calibration-intervals.R.

    The first has the variance of the hypothesis, the second that of the images on the logarithmic scale.
    """
    observed, expected = float(truth.sum()), float(probability.sum())
    reach = student_quantile(confidence, kish(sizes_of(cluster)) - 1)
    if expected == 0 or np.isnan(reach):
        return (observed / expected if expected else np.nan, *MISSING)
    ratio = observed / expected
    errors = truth - probability * ratio
    effect = _design_effect(errors, cluster)
    scale = float(stats.norm.ppf((1 + confidence) / 2)) ** 2 * effect
    a = expected**2 + scale * float((probability**2).sum())
    b = observed * expected + scale * expected / 2
    spread = np.sqrt(max(b**2 - a * observed**2, 0))
    factor = np.exp(reach * np.sqrt((errors**2).sum() * effect) / observed) if observed else 1.0
    return ratio, float(min((b - spread) / a, ratio / factor)), float(max((b + spread) / a, ratio * factor))
