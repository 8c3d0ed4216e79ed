"""Choose the recalibration of a finding for the networks of several folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from placa.models.calibration.choose import Choice, choose_recalibration
from placa.models.calibration.recalibration import Recalibration
from placa.models.calibration.shared import fit_shared
from placa.records.model import Cause

#: Smallest number of positive and of negative validation images for a fit to one fold alone.
ENOUGH_IMAGES = 20


@dataclass(frozen=True)
class FoldChoices:
    """The recalibrations of one finding for all folds.

    Attributes:
        choices: One per fold. Either all folds have their own fit, or all have the shared fit, or none is recalibrated,
            so that their probabilities have one scale.
        method: ``own``; ``shared`` for one slope of all folds; ``flat`` if this slope is not positive (every image then
            has nearly the same probability); or ``none``.
        reasons: For each fold the reason why it could not be recalibrated alone, or None.
        positives: Number of positive validation images of each fold.
        negatives: Number of negative validation images of each fold.
    """

    choices: list[Choice]
    method: Literal["own", "shared", "flat", "none"]
    reasons: list[Cause | None]
    positives: list[int]
    negatives: list[int]

    def failed(self) -> list[int]:
        """Return the indices of the folds in which a fit of their own is impossible."""
        return [fold for fold, reason in enumerate(self.reasons) if reason not in {None, "too_few"}]


def choose_for_folds(
    method: str,
    logits: Sequence[NDArray[np.floating[Any]]],
    truths: Sequence[NDArray[np.floating[Any]]],
    groups: Sequence[NDArray[Any]] | None = None,
) -> FoldChoices:
    """Choose and fit the recalibration of one finding for each fold on its validation images.

    If each fold has at least 20 positive and 20 negative images, each has a fit of its own. Otherwise all folds share
    one slope (see `placa.models.calibration.shared.fit_shared`). If this fit is impossible too, because all folds
    together lack a class or because a network gives all images the same score, no fold is recalibrated.

    Args:
        method: As for `choose_recalibration`.
        logits: For each fold the logits of its validation images, shape ``(n,)``.
        truths: For each fold 0, 1, or NaN where unknown, shape ``(n,)``.
        groups: For each fold the group of each image, shape ``(n,)``; by default each image is its own group.

    Raises:
        UnknownNameError: No method has that name.
    """
    owners = groups if groups is not None else [np.arange(len(truth)) for truth in truths]
    own = [choose_recalibration(method, *fold) for fold in zip(logits, truths, owners, strict=True)]
    positives = [int((truth == 1).sum()) for truth in truths]
    negatives = [int((truth == 0).sum()) for truth in truths]
    if method == "none":
        return FoldChoices(own, "none", [None] * len(own), positives, negatives)
    reasons = [_reason(*fold) for fold in zip(own, positives, negatives, strict=True)]
    if not any(reasons):
        return FoldChoices(own, "own", reasons, positives, negatives)
    shared = fit_shared(logits, truths)
    if shared is None:
        none = Choice(Recalibration(), "none", reason=_reason_of_all(positives, negatives))
        return FoldChoices([none] * len(own), "none", reasons, positives, negatives)
    if shared.rises:
        choices = [Choice(one, "shared") for one in shared.maps]
        return FoldChoices(choices, "shared", reasons, positives, negatives)
    choices = [Choice(one, "flat", reason="not_increasing") for one in shared.maps]
    return FoldChoices(choices, "flat", reasons, positives, negatives)


def _reason(own: Choice, positives: int, negatives: int) -> Cause | None:
    if not positives:
        return "no_positive"
    if not negatives:
        return "no_negative"
    if own.reason is not None:
        return "not_increasing"
    return "too_few" if min(positives, negatives) < ENOUGH_IMAGES else None


def _reason_of_all(positives: Sequence[int], negatives: Sequence[int]) -> Cause:
    if not any(positives):
        return "no_positive"
    return "equal_scores" if any(negatives) else "no_negative"
