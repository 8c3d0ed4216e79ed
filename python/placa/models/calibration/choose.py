"""Choose the recalibration of a finding on validation images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.errors import unknown_name
from placa.models.calibration.fits import fit_isotonic, fit_recalibration, fit_temperature
from placa.models.calibration.recalibration import Recalibration

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
        code: The same for the folds of a cross-validation, as a code of `placa.models.calibration.choose_folds`.
    """

    recalibration: Recalibration
    method: str
    losses: dict[str, float] = field(default_factory=dict)
    reason: str | None = None
    code: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Convert the choice for ``run.json``; ``chosen`` is False if the validation images do not allow a choice."""
        entry = {"method": self.method, **self.recalibration.as_dict(), "chosen": not (self.reason or self.code)}
        if self.losses:
            entry["log_loss"] = {method: round(loss, 6) for method, loss in self.losses.items()}
        causes = {"reason": self.reason, "code": self.code}
        return entry | {name: cause for name, cause in causes.items() if cause is not None}


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
    if method not in METHODS and method not in {"auto", "none"}:
        raise unknown_name("recalibration", method, ["auto", *METHODS, "none"])
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
        return Choice(fitted, "none", losses, "on validation the probability does not rise with the score")
    return Choice(fitted, method, losses)


def missing_class(truth: NDArray[np.floating[Any]]) -> str | None:
    """Describe which class the labels lack; None if both exist."""
    for value, kind in ((1, "with"), (0, "without")):
        if not (truth == value).any():
            return f"validation has no image {kind} the finding"
    return None


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
    table = pd.DataFrame({"group_id": owner, "finding": pd.array(y.astype(int), dtype="Int8")})
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
