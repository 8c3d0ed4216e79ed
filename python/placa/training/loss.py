"""Compute the loss: class-weighted cross-entropy of logits that ignores unknown labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import load_keras


def class_weights(truth: NDArray[np.float32], kind: str = "balanced") -> NDArray[np.float32]:
    """Compute the class weights of each finding.

    Args:
        truth: 0, 1, or NaN where unknown, shape ``(n, findings)``.
        kind: ``balanced``: both classes have equal total weight, ``n / (2 * n_class)``; ``none``: weight 1 per image.

    Returns:
        Shape ``(2, findings)``: weights of images without and with the finding.
    """
    if kind == "none":
        return np.ones((2, truth.shape[1]), dtype=np.float32)
    known = (~np.isnan(truth)).sum(axis=0)
    positive = np.nansum(truth, axis=0)
    counts = np.stack([known - positive, positive])
    weights: NDArray[np.float32] = (known / (2 * np.maximum(counts, 1))).astype(np.float32)
    return weights


def weighted_loss(weights: NDArray[np.float32], smoothing: float, gamma: float = 0.0) -> Callable[[Any, Any], Any]:
    """Create the class-weighted cross-entropy of logits, which ignores unknown labels.

    Args:
        weights: Class weights, from `class_weights`.
        smoothing: Label smoothing, 0 to 1: labels move from 0 and 1 towards one half.
        gamma: Gamma of the focal loss (Lin et al. 2017, ICCV, doi:10.1109/ICCV.2017.324): the loss of an image is
            multiplied by ``|truth - probability| ** gamma``; 0 is the cross-entropy.

    Returns:
        A function of truth and logits, both ``(n, findings)``, to losses ``(n,)``.
    """
    ops = load_keras().ops

    def loss(truth: Any, logits: Any) -> Any:
        known = ops.logical_not(ops.isnan(truth))
        target = ops.where(known, truth, 0.0)
        # Blended labels (mixup) have the weighted mean of both class weights.
        weight = (target * weights[1] + (1 - target) * weights[0]) * ops.cast(known, logits.dtype)
        target = target * (1 - smoothing) + 0.5 * smoothing
        # softplus(z) - target * z is the cross-entropy of sigmoid(z), without overflow.
        each = weight * (ops.softplus(logits) - target * logits)
        if gamma:
            # Bounded below, as the gradient of a power below 1 is infinite at zero.
            each = each * ops.maximum(ops.abs(target - ops.sigmoid(logits)), 1e-6) ** gamma
        return ops.sum(each, axis=-1) / ops.maximum(ops.sum(ops.cast(known, logits.dtype), axis=-1), 1.0)

    return loss


def mean_loss(
    truth: NDArray[np.floating[Any]], logits: NDArray[np.floating[Any]], weights: NDArray[np.float32]
) -> float:
    """Compute the mean class-weighted cross-entropy of all known labels, without smoothing."""
    known = ~np.isnan(truth)
    weight = np.where(truth > 0.5, weights[1], weights[0])
    each = weight * (np.logaddexp(0, logits) - np.nan_to_num(truth) * logits)
    return float(each[known].mean())
