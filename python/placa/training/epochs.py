"""Compute the validation AUROC and its standard error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mean_auroc(truth: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]]) -> float:
    """Compute the mean AUROC over the findings with both classes.

    Args:
        truth: 0, 1, or NaN where unknown, shape ``(n, findings)``.
        scores: Scores, same shape.

    Returns:
        The mean AUROC, 0 to 1; NaN if no finding has both classes.
    """
    from sklearn.metrics import roc_auc_score

    each = []
    for column in range(truth.shape[1]):
        known = ~np.isnan(truth[:, column])
        if len(np.unique(truth[known, column])) == 2:
            each.append(roc_auc_score(truth[known, column], scores[known, column]))
    return float(np.mean(each)) if each else float("nan")


def auroc_error(auroc: float, positives: int, negatives: int) -> float:
    """Compute the standard error of an AUROC (Hanley and McNeil 1982).

    Args:
        auroc: AUROC, 0 to 1.
        positives: Number of images with the finding.
        negatives: Number of images without the finding.
    """
    one, other = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    variance = auroc * (1 - auroc) + (positives - 1) * (one - auroc**2) + (negatives - 1) * (other - auroc**2)
    return float(np.sqrt(max(variance, 0.0) / (positives * negatives)))
