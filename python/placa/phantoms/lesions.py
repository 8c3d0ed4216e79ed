"""The two findings: opacities inside a lung, and air between lung and chest wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placa.phantoms.film import fine
from placa.phantoms.geometry import Field, smoothstep
from placa.phantoms.soft_tissue import Thorax


@dataclass(frozen=True)
class Spot:
    """One opacity. Lengths in mm."""

    side: int
    place: tuple[float, float]
    """Rank of its place among the pixels of that lung: 0 to 1 across, 0 to 1 down."""
    radius: float
    stretch: float
    angle: float
    thickness: float
    """Water-equivalent, at its centre."""
    softness: float
    """0: a nodule with an edge; 1: a consolidation that fades out."""
    ragged: float
    seed: int


@dataclass(frozen=True)
class Gap:
    """One pneumothorax. Lengths in mm."""

    side: int
    apical: float
    """Width of the gap at the apex."""
    lateral: float
    """How far down the lateral wall it reaches, from the apex."""
    wobble: float


@dataclass(frozen=True)
class Disease:
    """What one image shows."""

    spots: tuple[Spot, ...] = ()
    gap: Gap | None = None


@dataclass(frozen=True)
class Box:
    """Where a finding lies, in pixels of the image: left, top, width, height."""

    finding: str
    x: int
    y: int
    width: int
    height: int


def draw_spots(rng: np.random.Generator) -> tuple[Spot, ...]:
    """One opacity, sometimes two or three; nodules, masses and consolidations of any conspicuity."""
    spots = []
    for _ in range(1 + int(rng.random() < 0.28) + int(rng.random() < 0.1)):
        solid = rng.random() < 0.3
        radius = float(np.clip(rng.lognormal(np.log(15 if solid else 32), 0.3), 7, 55))
        # A nodule is as thick as it is wide; a consolidation fills what it fills of the lung's depth.
        thickness = radius * rng.uniform(1.2, 1.7) if solid else rng.lognormal(np.log(40), 0.45)
        spots.append(Spot(
            side=-1 if rng.random() < 0.55 else 1,
            place=(float(rng.random()), float(rng.beta(1.4, 1.1))),
            radius=radius,
            stretch=float(rng.uniform(1.0, 1.25 if solid else 1.9)),
            angle=float(rng.uniform(-1.5, 1.5)),
            thickness=float(np.clip(thickness, 9, 100)),
            softness=float(rng.uniform(0, 0.3) if solid else rng.uniform(0.5, 1)),
            ragged=float(rng.uniform(0.05, 0.2) if solid else rng.uniform(0.25, 0.6)),
            seed=int(rng.integers(2**31)),
        ))
    return tuple(spots)


def draw_gap(rng: np.random.Generator) -> Gap:
    """A pneumothorax from a sliver at the apex to half a lung."""
    apical = float(np.clip(rng.lognormal(np.log(20), 0.45), 8, 60))
    return Gap(
        side=-1 if rng.random() < 0.5 else 1,
        apical=apical,
        lateral=float(rng.uniform(60, 110) + 2.2 * apical),
        wobble=float(rng.uniform(0, 2 * np.pi)),
    )


def _box(finding: str, mask: NDArray[np.bool_]) -> Box | None:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    left, top = int(columns[0]), int(rows[0])
    return Box(finding, left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1)


def lay_spot(spot: Spot, thorax: Thorax, x: Field, y: Field) -> tuple[Field, Box | None]:
    """Water-equivalent thickness in mm that one opacity adds to the beam; (size, size)."""
    inner = (thorax.lung > 0.45 * thorax.cavity) & (thorax.side == spot.side) & (thorax.above_dome > 6)
    inner &= (thorax.from_wall > 4) & (thorax.lung > 45)
    rows = np.flatnonzero(inner.any(1))
    if not len(rows):
        return np.zeros_like(x), None
    counts = np.cumsum(inner.sum(1))
    row = int(np.searchsorted(counts, spot.place[1] * counts[-1]).clip(0, len(counts) - 1))
    columns = np.flatnonzero(inner[row])
    column = int(columns[int(spot.place[0] * (len(columns) - 1))])
    dx, dy = x - x[row, column], y - y[row, column]
    c, s = np.float32(np.cos(spot.angle)), np.float32(np.sin(spot.angle))
    p = (c * dx + s * dy) * np.float32(1 / (spot.radius * spot.stretch))
    q = (c * dy - s * dx) * np.float32(1 / spot.radius)
    rng = np.random.default_rng(spot.seed)
    uneven = fine(rng.standard_normal((16, 16), dtype=np.float32), len(x))
    uneven += np.float32(0.5) * fine(rng.standard_normal((40, 40), dtype=np.float32), len(x))
    r2 = (p * p + q * q) * (1 + np.float32(spot.ragged) * uneven)
    ball = np.sqrt(np.clip(1 - r2, 0, None))
    fading = np.exp(np.float32(-1.6) * np.clip(r2, 0, None))
    soft = np.float32(spot.softness)
    shape = (1 - soft) * ball + soft * fading * (1 + np.float32(0.5 * spot.ragged) * uneven)
    # It replaces lung, so it cannot be thicker than the lung there, and ends where the lung ends.
    room = smoothstep(thorax.lung * np.float32(1 / 40)) * smoothstep(thorax.from_wall * np.float32(1 / 8))
    room = room * (thorax.side == spot.side)
    added = np.minimum(np.float32(spot.thickness) * np.clip(shape, 0, None) * room, 0.7 * thorax.lung)
    return added.astype(np.float32), _box("Opacity", added > 0.3 * added.max())


def lay_gap(gap: Gap, thorax: Thorax, x: Field, y: Field) -> tuple[Field, Field, Box | None]:
    """Share of each lung path that has become free air, thickness of pleura in mm seen edge on, and where."""
    down = np.clip(y * np.float32(1 / gap.lateral), 0, 1)
    taper = np.sqrt(1 - down)
    width = np.float32(gap.apical) * taper * (1 + np.float32(0.1) * np.sin(y * np.float32(1 / 17) + gap.wobble))
    depth = thorax.from_wall - width.astype(np.float32)
    reach = (thorax.side == gap.side) & (y < gap.lateral) & (thorax.lung > 5) & (thorax.from_wall > 0)
    air = smoothstep(np.float32(0.5) - depth * np.float32(0.5)) * reach
    # Pleura of under a millimetre, tangent to the beam over a centimetre.
    pleura = np.float32(15) * np.exp(-((depth * np.float32(1 / 0.9)) ** 2)) * reach * smoothstep(width * np.float32(0.2))
    return air.astype(np.float32), pleura.astype(np.float32), _box("Pneumothorax", air > 0.5)
