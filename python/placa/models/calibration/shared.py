"""Recalibrate the networks of several folds together: one slope, and an intercept for each fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.models.calibration.recalibration import Recalibration
from placa.models.calibration.regression import fit_logistic

#: Standard deviation of the normal prior of a fold's intercept around the common intercept. The prior has the weight of
#: four positive images of a rare finding.
INTERCEPT_SPREAD = 0.5
#: Smallest slope per standard deviation: almost flat, but not zero, so that different scores keep different
#: probabilities.
_FLAT = 0.01


@dataclass(frozen=True)
class Shared:
    """Recalibrations of several folds with one slope.

    Attributes:
        maps: One recalibration per fold.
        rises: Whether the best slope is positive. If not, the slope is almost 0, and every image has nearly the
            proportion of positive validation images as its probability.
    """

    maps: list[Recalibration]
    rises: bool


def fit_shared(
    logits: Sequence[NDArray[np.floating[Any]]], truths: Sequence[NDArray[np.floating[Any]]]
) -> Shared | None:
    """Fit Platt's recalibration (Platt 1999) to the validation images of all folds together.

    The logits of each fold are centred and scaled by the mean and standard deviation of its validation images, which
    need no positive image, because the networks of the folds have different scales. A logistic regression of the
    pooled images on the standardised logits has one slope and a random intercept per fold (Gelman and Hill 2007,
    chapter 14), whose normal prior shrinks it towards the common intercept. The targets are Platt's smoothed ones, from
    the pooled counts.

    Args:
        logits: For each fold the logits of its validation images, shape ``(n,)``.
        truths: For each fold 0, 1, or NaN where unknown, shape ``(n,)``.

    Returns:
        The recalibrations; None if all folds together lack a class, or if a fold has no labelled image or only equal
        logits.
    """
    known = [~np.isnan(truth) for truth in truths]
    x = [np.asarray(logit, dtype=np.float64)[some] for logit, some in zip(logits, known, strict=True)]
    y = np.concatenate([truth[some] == 1 for truth, some in zip(truths, known, strict=True)])
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives or any(not len(one) or np.ptp(one) == 0 for one in x):
        return None
    centres, scales = [float(one.mean()) for one in x], [float(one.std()) for one in x]
    standardised = np.concatenate(
        [(one - centre) / scale for one, centre, scale in zip(x, centres, scales, strict=True)]
    )
    fold = np.repeat(np.arange(len(x)), [len(one) for one in x])
    design = np.column_stack([standardised, np.ones(len(y)), fold[:, None] == np.arange(len(x))])
    ridge = np.concatenate([[0.0, 0.0], np.full(len(x), INTERCEPT_SPREAD**-2)])
    target = np.where(y, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    slope, common, *own = (float(value) for value in fit_logistic(design, target, ridge))
    rises = slope > _FLAT
    if not rises:
        slope, (common, *own) = _FLAT, (float(value) for value in fit_logistic(design[:, 1:], target, ridge[1:]))
    maps = [
        Recalibration(slope / scale, common + of_fold - slope * centre / scale)
        for of_fold, centre, scale in zip(own, centres, scales, strict=True)
    ]
    return Shared(maps, rises)
