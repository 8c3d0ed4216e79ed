"""Recalibrate the networks of several folds together: one slope, and an intercept for each fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.models.calibration.recalibration import Recalibration
from placa.models.calibration.regression import fit_logistic

#: Standard deviation of the normal prior of a fold's intercept around the common intercept. The prior has the weight of
#: four positive images of a rare finding.
INTERCEPT_SPREAD = 0.5


def fit_shared(
    logits: Sequence[NDArray[np.floating[Any]]], truths: Sequence[NDArray[np.floating[Any]]]
) -> list[Recalibration] | None:
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
        One recalibration per fold; None if all folds together lack a class, if a fold has no labelled image or only
        equal logits, or if the slope is not positive.
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
    if slope <= 0:
        return None
    return [
        Recalibration(slope / scale, common + of_fold - slope * centre / scale)
        for of_fold, centre, scale in zip(own, centres, scales, strict=True)
    ]
