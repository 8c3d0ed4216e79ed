"""Choose the recalibration of a finding on validation images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from msgspec import convert
from numpy.typing import NDArray

from placa.core.errors import require_known
from placa.models.calibration.fits import fit_isotonic, fit_recalibration, fit_temperature
from placa.models.calibration.recalibration import Recalibration
from placa.records.model import Cause, RecalibrationFacts

#: The recalibrations by name, the simplest first.
METHODS: dict[str, Callable[[NDArray[np.floating[Any]], NDArray[np.floating[Any]]], Recalibration]] = {
    "temperature": fit_temperature,
    "platt": fit_recalibration,
    "isotonic": fit_isotonic,
}
#: Number of labelled images from which isotonic recalibration may be chosen. With fewer it overfits: below 200 to 1,000
#: images Platt's is better for every kind of classifier, and from 1,000 on isotonic is as good or better
#: (Niculescu-Mizil and Caruana 2005, section 5).
_ENOUGH_FOR_ISOTONIC = 1000
#: Number of folds of the cross-validation.
_PARTS = 5


@dataclass(frozen=True)
class Choice:
    """The recalibration of one finding.

    Attributes:
        recalibration: The map.
        method: ``temperature``, ``platt``, ``isotonic``, ``shared`` or ``flat`` (one slope of all folds), or ``none``
            (the identity).
        losses: Cross-validated log loss on validation by method, if methods were compared.
        reason: Why the map is the identity although another method was requested; otherwise None.
    """

    recalibration: Recalibration
    method: str
    losses: dict[str, float] = field(default_factory=dict)
    reason: Cause | None = None

    def as_record(self) -> RecalibrationFacts:
        """Convert the choice for ``run.json``; ``chosen`` is False if the validation images do not allow a choice."""
        entry: dict[str, Any] = {"method": self.method, "chosen": self.reason is None, "reason": self.reason}
        if self.losses:
            entry["log_loss"] = {method: round(loss, 6) for method, loss in self.losses.items()}
        return convert({**entry, **self.recalibration.as_dict()}, RecalibrationFacts)


def choose_recalibration(
    method: str,
    logits: NDArray[np.floating[Any]],
    truth: NDArray[np.floating[Any]],
    groups: NDArray[Any] | None = None,
) -> Choice:
    """Choose and fit the recalibration of one finding on validation images.

    Args:
        method: ``temperature``, ``platt``, ``isotonic``, ``none``, or ``auto``: the method with the lowest log loss in
            group-wise cross-validation; isotonic only with at least 1,000 labelled images (Niculescu-Mizil and
            Caruana 2005).
        logits: Shape ``(n,)``.
        truth: 0, 1, or NaN where unknown, shape ``(n,)``.
        groups: Group of each image, shape ``(n,)``; by default each image is its own group.

    Raises:
        UnknownNameError: No method has that name.
    """
    require_known("recalibration", method, ["auto", *METHODS, "none"])
    if method == "none":
        return Choice(Recalibration(), "none")
    missing = missing_class(truth)
    if missing is not None:
        return Choice(Recalibration(), "none", reason=missing)
    losses: dict[str, float] = {}
    if method == "auto":
        losses = cross_validated(logits, truth, groups)
        # Smaller differences than 1e-5 are rounding errors; the simpler method wins a tie.
        method = min(losses, key=lambda name: round(losses[name], 5)) if losses else "platt"
    fitted = METHODS[method](logits, truth)
    if fitted == Recalibration():
        return Choice(fitted, "none", losses, "not_increasing")
    return Choice(fitted, method, losses)


def missing_class(truth: NDArray[np.floating[Any]]) -> Literal["no_positive", "no_negative"] | None:
    """Return which class the labels lack; None if both exist."""
    if not (truth == 1).any():
        return "no_positive"
    return None if (truth == 0).any() else "no_negative"


def cross_validated(
    logits: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]], groups: NDArray[Any] | None = None
) -> dict[str, float]:
    """Compute the log loss of each recalibration by group-wise cross-validation.

    Args:
        logits: Shape ``(n,)``.
        truth: 0, 1, or NaN where unknown, shape ``(n,)``.
        groups: Group of each image, shape ``(n,)``; by default each image is its own group.

    Returns:
        Log loss by method, in nats per image; empty if too few groups have one of the classes.
    """
    from placa.dataset.splits import assign_splits

    known = ~np.isnan(truth)
    x, y = logits[known].astype(np.float64), truth[known]
    owner = np.arange(len(x)) if groups is None else np.asarray(groups)[known]
    table = pd.DataFrame({"group_id": owner, "finding": y})
    names = tuple(str(part) for part in range(_PARTS))
    part = assign_splits(table, ["finding"], fractions=(1.0,) * _PARTS, names=names).to_numpy()
    if any(len(np.unique(y[part != name])) < 2 for name in names):
        return {}
    eligible = [name for name in METHODS if name != "isotonic" or len(x) >= _ENOUGH_FOR_ISOTONIC]
    losses = {}
    for method in eligible:
        z = np.empty(len(x))
        for name in names:
            z[part == name] = METHODS[method](x[part != name], y[part != name]).apply(x[part == name])
        losses[method] = float(np.mean(np.logaddexp(0.0, z) - y * z))
    return losses
