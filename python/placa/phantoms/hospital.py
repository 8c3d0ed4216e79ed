"""Made-up hospitals: how each one takes its images, and whom it sees.

The bodies are the same everywhere. A hospital has its own exposure, collimation, markers and prevalence. In `north`,
patients with a finding are mostly imaged with one unit, whose images have another exposure, a wider border and a marker
of its own: a shortcut, as where sick patients are imaged at the bedside. In `south` all images are from one other
unit, so that the shortcut does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from placa.core.errors import require_known


@dataclass(frozen=True)
class Unit:
    """An X-ray unit.

    Attributes:
        gamma: Exponent of its display curve.
        level: Grey levels added to its images.
        border: Width of its collimation, as a share of the side.
        marker: Side of the bright square that it prints in the upper left corner, as a share of the side.
    """

    gamma: float = 1.0
    level: float = 0.0
    border: float = 0.0
    marker: float = 0.0

    def finish(self, pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return an image as this unit shows it, with small random variation."""
        side = pixels.shape[0]
        gamma = self.gamma * np.exp(random.normal(0, 0.05))
        shown = 255 * (pixels.astype(np.float32) / 255) ** np.float32(gamma)
        shown += np.float32(self.level + random.normal(0, 4))
        done: NDArray[np.uint8] = np.clip(shown + 0.5, 0, 255).astype(np.uint8)
        width = round(self.border * random.uniform(0.7, 1.3) * side)
        if width:
            done[:width], done[-width:], done[:, :width], done[:, -width:] = 0, 0, 0, 0
        ink = round(self.marker * side)
        if ink:
            at = width + round(0.01 * side)
            done[at : at + ink, at : at + ink] = 235
        return done


@dataclass(frozen=True)
class Hospital:
    """A hospital.

    Attributes:
        prevalence: Prevalence of the findings that differ from the default set.
        units: Its two units.
        with_finding: Share of the images with a finding that are from the second unit.
        without: The same for images without.
    """

    prevalence: dict[str, float] = field(default_factory=dict)
    units: tuple[Unit, Unit] = (Unit(), Unit())
    with_finding: float = 0.0
    without: float = 0.0

    def unit(self, finding: bool, random: np.random.Generator) -> Unit:
        """Draw the unit of an image."""
        return self.units[int(random.random() < (self.with_finding if finding else self.without))]


_FIXED = Unit(gamma=0.95)
HOSPITALS = {
    "none": None,
    "north": Hospital(
        prevalence={"Opacity": 0.5},
        units=(_FIXED, Unit(gamma=1.35, level=14, border=0.05, marker=0.06)),
        with_finding=0.85,
        without=0.15,
    ),
    "south": Hospital(prevalence={"Opacity": 0.2}, units=(Unit(gamma=1.15, level=-6, border=0.02),) * 2),
}


def hospital_named(name: str) -> Hospital | None:
    """Return a hospital by name; None for the default set, which has no hospital.

    Raises:
        UnknownNameError: No hospital has that name.
    """
    require_known("hospital", name, HOSPITALS)
    return HOSPITALS[name]
