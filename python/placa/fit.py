"""The epochs: loss, schedule, and what is watched on validation while a network learns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.backend import load_keras
from placa.calibrate import sigmoid
from placa.errors import PlacaError


@dataclass
class Watched:
    """What one fit left behind: a row an epoch, and the weights of the one that is kept."""

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_auroc: float = -np.inf
    highest_auroc: float = -np.inf
    best_weights: list[NDArray[Any]] = field(default_factory=list)


def class_weights(truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights that make both classes of each finding count the same.

    Args:
        truth: 0, 1, or NaN where unknown, shape ``(n, findings)``.

    Returns:
        ``n / (2 * n_class)``, shape ``(2, findings)``: for the images without the finding, and with it.
    """
    known = (~np.isnan(truth)).sum(axis=0)
    positive = np.nansum(truth, axis=0)
    counts = np.stack([known - positive, positive])
    weights: NDArray[np.float32] = (known / (2 * np.maximum(counts, 1))).astype(np.float32)
    return weights


def weighted_loss(weights: NDArray[np.float32], smoothing: float) -> Callable[[Any, Any], Any]:
    """Make the cross-entropy of logits, weighted by class, in which unknown labels count nothing.

    Args:
        weights: From `class_weights`.
        smoothing: How far truth is drawn from 0 and 1 towards one half, 0 to 1.
    """
    ops = load_keras().ops

    def loss(truth: Any, logits: Any) -> Any:
        known = ops.logical_not(ops.isnan(truth))
        target = ops.where(known, truth, 0.0)
        weight = ops.where(target > 0.5, weights[1], weights[0]) * ops.cast(known, logits.dtype)
        target = target * (1 - smoothing) + 0.5 * smoothing
        # softplus(z) - target * z is the cross-entropy of sigmoid(z), without overflow.
        each = weight * (ops.softplus(logits) - target * logits)
        return ops.sum(each, axis=-1) / ops.maximum(ops.sum(ops.cast(known, logits.dtype), axis=-1), 1.0)

    return loss


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


def mean_loss(
    truth: NDArray[np.floating[Any]], logits: NDArray[np.floating[Any]], weights: NDArray[np.float32]
) -> float:
    """The weighted cross-entropy over all known labels, without smoothing."""
    known = ~np.isnan(truth)
    weight = np.where(truth > 0.5, weights[1], weights[0])
    each = weight * (np.logaddexp(0, logits) - np.nan_to_num(truth) * logits)
    return float(each[known].mean())


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


def watcher(
    watched: Watched,
    logits_now: Callable[[], NDArray[np.float64]],
    truth: NDArray[np.float32],
    weights: NDArray[np.float32],
    patience: int,
    advance: Callable[..., None],
) -> Any:
    """Make the Keras callback that judges each epoch on validation, and stops when it gets worse.

    The weights kept are those of the last epoch whose AUROC is within one standard error of the highest. A hundred
    validation images cannot tell such epochs apart: the very highest of sixty is a lucky one, more often than not of
    the time when the learning rate was high and the weights wavered, and it does worse on test.

    Args:
        watched: Where history and best weights are kept.
        logits_now: Computes the network's logits of the validation images, ``(n, findings)``.
        truth: The truth of those, same shape.
        weights: The class weights of the loss.
        patience: Epochs in a row below that after which training stops.
        advance: Moves the progress bar.
    """
    keras = load_keras()
    # The finding that is best known decides how fine AUROCs can be told apart.
    positives, negatives = (int(max((truth == value).sum(axis=0))) for value in (1, 0))

    class Watcher(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            self._started = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            loss = float((logs or {})["loss"])
            if not np.isfinite(loss):
                raise PlacaError(
                    f"The loss became {loss} in epoch {epoch + 1}, so training stopped: try a lower --learning-rate."
                )
            logits = logits_now()
            auroc = mean_auroc(truth, sigmoid(logits))
            watched.history.append(
                {
                    "epoch": epoch + 1,
                    "loss": loss,
                    "validation_loss": mean_loss(truth, logits, weights),
                    "validation_auroc": auroc,
                    "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
                    "seconds": round(time.perf_counter() - self._started, 3),
                }
            )
            watched.highest_auroc = max(watched.highest_auroc, auroc)
            within = watched.highest_auroc - auroc_error(watched.highest_auroc, positives, negatives)
            if auroc >= within:
                watched.best_epoch, watched.best_auroc = epoch + 1, auroc
                watched.best_weights = self.model.get_weights()
            advance(1, remark=f"AUROC {auroc:.3f}, highest {watched.highest_auroc:.3f}")
            if epoch + 1 - watched.best_epoch >= patience:
                self.model.stop_training = True

    return Watcher()
