"""How good a network is on validation, and how far apart two figures must lie to mean anything."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mean_auroc(truth: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]]) -> float:
    """AUROC averaged over the findings that have both classes.

    Args:
        truth: 0, 1, or NaN where unknown, shape ``(n, findings)``.
        scores: Same shape.
    """
    from sklearn.metrics import roc_auc_score

    each = []
    for column in range(truth.shape[1]):
        known = ~np.isnan(truth[:, column])
        if len(np.unique(truth[known, column])) == 2:
            each.append(roc_auc_score(truth[known, column], scores[known, column]))
    return float(np.mean(each)) if each else float("nan")


def auroc_error(auroc: float, positives: int, negatives: int) -> float:
    """The standard error of an AUROC (Hanley and McNeil 1982).

    Args:
        auroc: 0 to 1.
        positives: Images with the finding.
        negatives: Images without it.
    """
    one, other = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    variance = auroc * (1 - auroc) + (positives - 1) * (one - auroc**2) + (negatives - 1) * (other - auroc**2)
    return float(np.sqrt(max(variance, 0.0) / (positives * negatives)))
