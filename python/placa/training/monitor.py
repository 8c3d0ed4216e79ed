"""What is watched on validation while a network learns, and which epoch's weights are kept."""

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
class Watched:
    """What one fit left behind: a row an epoch, and the weights of the one that is kept."""

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_auroc: float = -np.inf
    highest_auroc: float = -np.inf
    best_weights: list[NDArray[Any]] = field(default_factory=list)

    def add(self, row: dict[str, float], error: Callable[[float], float], weights: Callable[[], Any]) -> None:
        """Add an epoch, and keep its weights if it is as good as the best.

        The weights kept are those of the last epoch whose AUROC is within two standard errors of the highest, its 95%
        interval. A hundred validation images cannot tell such epochs apart: the very highest of sixty is a lucky one,
        more often than not of the time when the learning rate was high and the weights wavered, and it does worse on
        test. Within one standard error, such an epoch would now and then still come before the end of the schedule.

        Args:
            row: Of the history, with ``epoch`` (from 1) and ``validation_auroc``.
            error: The standard error of an AUROC.
            weights: What the weights are now; asked for only if they are kept.
        """
        self.history.append(row)
        auroc = row["validation_auroc"]
        self.highest_auroc = max(self.highest_auroc, auroc)
        if auroc >= self.highest_auroc - 2 * error(self.highest_auroc):
            self.best_epoch, self.best_auroc = len(self.history), auroc
            self.best_weights = weights()

    def stalled(self, since: int = 0) -> int:
        """How many epochs there were after the best one, those up to epoch `since` not counted."""
        return len(self.history) - max(self.best_epoch, since)

    def as_facts(self) -> dict[str, Any]:
        """All but the weights, for JSON."""
        return {name: getattr(self, name) for name in ("history", "best_epoch", "best_auroc", "highest_auroc")}


class Judge:
    """Judges logits by the truth of the validation images.

    Args:
        truth: 0, 1, or NaN where unknown, shape ``(n, findings)``.
        weights: The class weights of the loss.
    """

    def __init__(self, truth: NDArray[np.float32], weights: NDArray[np.float32]) -> None:
        self._truth, self._weights = truth, weights
        # The finding that is best known decides how fine AUROCs can be told apart.
        counts = np.stack([(truth == value).sum(axis=0) for value in (1, 0)])
        self._positives, self._negatives = counts[:, (counts > 0).all(axis=0)].max(axis=1, initial=1).tolist()

    def row(self, logits: NDArray[np.float64]) -> dict[str, float]:
        """Loss and mean AUROC of logits ``(n, findings)``."""
        return {
            "validation_loss": mean_loss(self._truth, logits, self._weights),
            "validation_auroc": mean_auroc(self._truth, sigmoid(logits)),
        }

    def error(self, auroc: float) -> float:
        """The standard error of an AUROC on these images."""
        return auroc_error(auroc, self._positives, self._negatives)
