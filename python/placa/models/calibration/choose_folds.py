"""Choose the recalibration of a finding for the networks of several folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.models.calibration.choose import Choice, choose_recalibration
from placa.models.calibration.recalibration import Recalibration
from placa.models.calibration.shared import fit_shared

#: Smallest number of positive and of negative validation images for a fit to one fold alone.
ENOUGH_IMAGES = 20
#: Reasons why a fold has no recalibration of its own.
NO_POSITIVE, NO_NEGATIVE, TOO_FEW = "no_positive", "no_negative", "too_few"
NOT_RISING, EQUAL_SCORES = "not_rising", "equal_scores"


@dataclass(frozen=True)
class FoldChoices:
    """The recalibrations of one finding for all folds.

    Attributes:
        choices: One per fold. Either all folds have their own fit, or all have the shared fit, or none is recalibrated,
            so that their probabilities have one scale.
        method: ``own``; ``shared`` for one slope of all folds; ``flat`` if this slope is not positive (every image then
            has nearly the same probability); or ``none``.
        codes: For each fold the reason why it could not be recalibrated alone: ``no_positive``, ``no_negative``,
            ``not_rising`` (the probability does not rise with the score on validation), ``too_few``, or None.
        positives: Number of positive validation images of each fold.
        negatives: Number of negative validation images of each fold.
    """

    choices: list[Choice]
    method: str
    codes: list[str | None]
    positives: list[int]
    negatives: list[int]

    def failed(self) -> list[int]:
        """Return the indices of the folds in which a fit of their own is impossible."""
        return [fold for fold, code in enumerate(self.codes) if code not in {None, TOO_FEW}]


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
    codes = [_code(*fold) for fold in zip(own, positives, negatives, strict=True)]
    if not any(codes):
        return FoldChoices(own, "own", codes, positives, negatives)
    shared = fit_shared(logits, truths)
    if shared is None:
        none = Choice(Recalibration(), "none", code=_code_of_all(positives, negatives))
        return FoldChoices([none] * len(own), "none", codes, positives, negatives)
    name, cause = ("shared", None) if shared.rises else ("flat", NOT_RISING)
    return FoldChoices([Choice(one, name, code=cause) for one in shared.maps], name, codes, positives, negatives)


def _code(own: Choice, positives: int, negatives: int) -> str | None:
    if not positives:
        return NO_POSITIVE
    if not negatives:
        return NO_NEGATIVE
    if own.reason is not None:
        return NOT_RISING
    return TOO_FEW if min(positives, negatives) < ENOUGH_IMAGES else None


def _code_of_all(positives: Sequence[int], negatives: Sequence[int]) -> str:
    if not any(positives):
        return NO_POSITIVE
    return EQUAL_SCORES if any(negatives) else NO_NEGATIVE
