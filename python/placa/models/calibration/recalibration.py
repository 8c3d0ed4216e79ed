"""Define a recalibration, an increasing map from the logit of a network to the logit of a probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Recalibration:
    """An increasing map of logits: probability = sigmoid(map(logit)).

    Attributes:
        slope: Slope of the line; for a map with knots, the slope beyond the outermost knots.
        intercept: Intercept of the line; not used with knots.
        knots: ``(logit, recalibrated logit)``, both increasing, with linear interpolation; empty for a line.
    """

    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()

    def apply(self, logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Recalibrate logits of any shape."""
        z = np.asarray(logits, dtype=np.float64)
        if not self.knots:
            return self.slope * z + self.intercept
        x, y = np.array(self.knots).T
        beyond = np.minimum(z - x[0], 0.0) + np.maximum(z - x[-1], 0.0)
        recalibrated: NDArray[np.float64] = np.interp(z, x, y) + self.slope * beyond
        return recalibrated

    def as_ramps(self) -> tuple[float, float, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Express the map as a line plus ramps, for layers of a network.

        Returns:
            ``slope`` and ``intercept`` of the line, and ``start``, ``width`` and ``rise`` of the ramps. The map is
            ``slope * z + intercept + sum(rise * clip((z - start) / width, 0, 1))``.
        """
        if not self.knots:
            none = np.empty(0)
            return self.slope, self.intercept, none, none, none
        x, y = np.array(self.knots).T
        width = np.diff(x)
        return self.slope, float(y[0] - self.slope * x[0]), x[:-1], width, np.diff(y) - self.slope * width

    def as_dict(self) -> dict[str, Any]:
        """Convert the map for JSON: ``slope`` and ``intercept`` of a line, or ``knots`` and ``slope_beyond`` them."""
        if not self.knots:
            return {"slope": self.slope, "intercept": self.intercept}
        return {"knots": [list(knot) for knot in self.knots], "slope_beyond": self.slope}


#: Probabilities are moved this far from 0 and 1, so that their logits are finite.
_MARGIN = 1e-7


def logit(probability: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the logits of probabilities, from -16.1 to 16.1."""
    clipped = np.clip(np.asarray(probability, dtype=np.float64), _MARGIN, 1 - _MARGIN)
    logits: NDArray[np.float64] = np.log(clipped) - np.log1p(-clipped)
    return logits


def sigmoid(z: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Compute the logistic function without overflow."""
    from scipy.special import expit

    result: NDArray[np.float64] = expit(np.asarray(z, dtype=np.float64))
    return result
