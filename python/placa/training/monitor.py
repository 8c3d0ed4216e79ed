"""Monitor validation results during training, and select the epoch to keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.models.calibration import sigmoid
from placa.training.epochs import auroc_error, mean_auroc
from placa.training.loss import mean_loss


@dataclass
class Monitor:
    """The training history, one row per epoch, and the weights of the selected epoch."""

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_auroc: float = -np.inf
    highest_auroc: float = -np.inf
    best_weights: list[NDArray[Any]] = field(default_factory=list)

    def add(self, row: dict[str, float], error: Callable[[float], float], weights: Callable[[], Any]) -> None:
        """Add an epoch, and keep its weights if its AUROC is not clearly below the highest.

        The weights are those of the last epoch whose AUROC is within two standard errors of the highest, its 95 %
        interval. A hundred validation images cannot distinguish such epochs: the highest AUROC of sixty epochs is
        mostly due to chance, often from an early epoch with a high learning rate, and its test AUROC is lower. With
        one standard error, an early epoch would still be selected at times.

        Args:
            row: Row of the history, with ``epoch`` (from 1) and ``validation_auroc``.
            error: Function from an AUROC to its standard error.
            weights: Function that returns the current weights; called only if they are kept.
        """
        self.history.append(row)
        auroc = row["validation_auroc"]
        self.highest_auroc = max(self.highest_auroc, auroc)
        if auroc >= self.highest_auroc - 2 * error(self.highest_auroc):
            self.best_epoch, self.best_auroc = len(self.history), auroc
            self.best_weights = weights()

    def stalled(self, since: int = 0) -> int:
        """Return the number of epochs after the best one, not counting epochs up to `since`."""
        return len(self.history) - max(self.best_epoch, since)

    def as_facts(self) -> dict[str, Any]:
        """Convert everything but the weights for JSON."""
        return {name: getattr(self, name) for name in ("history", "best_epoch", "best_auroc", "highest_auroc")}


class Validator:
    """Compute loss and AUROC on the validation images.

    Args:
        truth: 0, 1, or NaN where unknown, shape ``(n, findings)``.
        weights: The class weights of the loss.
    """

    def __init__(self, truth: NDArray[np.float32], weights: NDArray[np.float32]) -> None:
        self._truth, self._weights = truth, weights
        # The finding with the most labels determines the standard error of the AUROC.
        counts = np.stack([(truth == value).sum(axis=0) for value in (1, 0)])
        self._positives, self._negatives = counts[:, (counts > 0).all(axis=0)].max(axis=1, initial=1).tolist()

    def row(self, logits: NDArray[np.float64]) -> dict[str, float]:
        """Compute loss and mean AUROC of logits ``(n, findings)``."""
        return {
            "validation_loss": mean_loss(self._truth, logits, self._weights),
            "validation_auroc": mean_auroc(self._truth, sigmoid(logits)),
        }

    def error(self, auroc: float) -> float:
        """Compute the standard error of an AUROC on these images."""
        return auroc_error(auroc, self._positives, self._negatives)
