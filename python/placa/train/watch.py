"""What is watched on validation while a network learns, and which epoch's weights are kept."""

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
from placa.train.judge import auroc_error, mean_auroc
from placa.train.loss import mean_loss


@dataclass
class Watched:
    """What one fit left behind: a row an epoch, and the weights of the one that is kept."""

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_auroc: float = -np.inf
    highest_auroc: float = -np.inf
    best_weights: list[NDArray[Any]] = field(default_factory=list)


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
