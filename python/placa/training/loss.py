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


def exclusive_loss(
    truth: NDArray[np.float32], kind: str, smoothing: float, gamma: float = 0.0
) -> Callable[[Any, Any], Any]:
    """Create the class-weighted cross-entropy of findings that exclude each other, one of them or none.

    Args:
        truth: Training labels, 0, 1, or NaN where unknown, shape ``(n, findings)``.
        kind: As for `class_weights`, over the findings and "none of them".
        smoothing: Label smoothing, 0 to 1: labels move towards equal shares of all classes.
        gamma: Gamma of the focal loss, as for `weighted_loss`.

    Returns:
        A function of truth and logits, both ``(n, findings)``, to losses ``(n,)``. The logits are those of
        `placa.models.assembled.exclusive`. An image with an unknown label and no finding does not count.
    """
    ops = load_keras().ops
    known = truth[~np.isnan(truth).any(axis=1)]
    counts = np.append(known.sum(axis=0), (known.sum(axis=1) == 0).sum())
    classes = np.count_nonzero(counts)
    balanced = counts.sum() / (classes * np.maximum(counts, 1))
    weights = (np.ones_like(counts) if kind == "none" else balanced).astype(np.float32)

    def loss(truth: Any, logits: Any) -> Any:
        unknown = ops.isnan(truth)
        target = ops.where(unknown, 0.0, truth)
        total = ops.sum(target, axis=-1, keepdims=True)
        # Without a finding and with an unknown label, the class is unknown.
        counted = ops.where(ops.logical_and(ops.any(unknown, axis=-1), total[:, 0] < 0.5), 0.0, 1.0)
        shares = ops.concatenate([target, 1.0 - total], axis=-1)
        shares = shares * (1 - smoothing) + smoothing / shares.shape[-1]
        probability = ops.sigmoid(logits)
        none = ops.clip(1.0 - ops.sum(probability, axis=-1, keepdims=True), 1e-7, 1.0)
        # -softplus(-z) is log(sigmoid(z)), without underflow.
        log_probability = ops.concatenate([-ops.softplus(-logits), ops.log(none)], axis=-1)
        each = -shares * weights * log_probability
        if gamma:
            each = each * ops.maximum(1.0 - ops.exp(log_probability), 1e-6) ** gamma
        return counted * ops.sum(each, axis=-1)

    return loss


def mean_loss(
    truth: NDArray[np.floating[Any]], logits: NDArray[np.floating[Any]], weights: NDArray[np.float32]
) -> float:
    """Compute the mean class-weighted cross-entropy of all known labels, without smoothing."""
    known = ~np.isnan(truth)
    weight = np.where(truth > 0.5, weights[1], weights[0])
    each = weight * (np.logaddexp(0, logits) - np.nan_to_num(truth) * logits)
    return float(each[known].mean())
