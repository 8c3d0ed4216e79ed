"""The two findings: opacities in a lung, and pneumothorax."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placa.phantoms.geometry import Field, around, smoothstep
from placa.phantoms.radiograph import cloud
from placa.phantoms.soft_tissue import Thorax


@dataclass(frozen=True)
class Spot:
    """One opacity. Lengths in mm."""

    side: int
    place: tuple[float, float]
    """Relative position among the pixels of the lung: 0 to 1 across, 0 to 1 down."""
    radius: float
    stretch: float
    angle: float
    thickness: float
    """Water-equivalent thickness at the centre."""
    softness: float
    """0: a nodule with a sharp edge; 1: a consolidation with a gradual edge."""
    ragged: float
    seed: int


@dataclass(frozen=True)
class Gap:
    """One pneumothorax. Lengths in mm."""

    side: int
    apical: float
    """Width of the gap at the apex."""
    lateral: float
    """Extent along the lateral wall, from the apex."""
    wobble: float


@dataclass(frozen=True)
class Disease:
    """The findings of one image."""

    spots: tuple[Spot, ...] = ()
    gap: Gap | None = None


@dataclass(frozen=True)
class Box:
    """Bounding box of a finding in pixels of the image: left, top, width, height."""

    finding: str
    x: int
    y: int
    width: int
    height: int


def draw_spots(rng: np.random.Generator) -> tuple[Spot, ...]:
    """Sample one to three opacities: nodules, masses and consolidations of any conspicuity."""
    spots = []
    for _ in range(1 + int(rng.random() < 0.4) + int(rng.random() < 0.2)):
        solid = rng.random() < 0.38
        radius = float(np.clip(rng.lognormal(np.log(19 if solid else 36), 0.3), 8, 60))
        # A nodule is as thick as it is wide; the thickness of a consolidation is a part of the depth of the lung.
        thickness = radius * rng.uniform(1.3, 2.0) if solid else rng.lognormal(np.log(62), 0.5)
        spots.append(
            Spot(
                side=-1 if rng.random() < 0.55 else 1,
                place=(float(rng.random()), float(rng.beta(1.4, 1.1))),
                radius=radius,
                stretch=float(rng.uniform(1.0, 1.25 if solid else 1.9)),
                angle=float(rng.uniform(-1.5, 1.5)),
                thickness=float(np.clip(thickness, 10, 110)),
                softness=float(rng.uniform(0, 0.3) if solid else rng.uniform(0.35, 0.9)),
                ragged=float(rng.uniform(0.05, 0.2) if solid else rng.uniform(0.25, 0.6)),
                seed=int(rng.integers(2**31)),
            )
        )
    return tuple(spots)


def draw_gap(rng: np.random.Generator) -> Gap:
    """Sample a pneumothorax, from a small apical one to half a lung."""
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


def _place(spot: Spot, thorax: Thorax, air: Field) -> tuple[int, int]:
    """Return row and column of the centre of an opacity: in the lung of its side, away from wall and diaphragm."""
    step = max(len(air) // 128, 1)
    thin = slice(None, None, step)
    lung, side = thorax.lung[thin, thin], thorax.side[thin, thin] == spot.side
    inner = side & (lung > 0.45 * thorax.cavity[thin, thin]) & (lung > 45) & (air[thin, thin] < 0.5)
    inner &= (thorax.from_wall[thin, thin] > 4) & (thorax.above_dome[thin, thin] > 6)
    if not inner.any():
        inner = side & (lung >= lung[side].max())
    counts = np.cumsum(inner.sum(axis=1))
    row = int(np.searchsorted(counts, spot.place[1] * counts[-1], side="right").clip(0, len(counts) - 1))
    columns = np.flatnonzero(inner[row])
    return row * step, int(columns[int(spot.place[0] * len(columns))]) * step


def lay_spot(spot: Spot, thorax: Thorax, air: Field, x: Field, y: Field) -> tuple[Field, Box | None]:
    """Return the water-equivalent thickness of one opacity in mm, shape (size, size), and its box.

    `air` is the share of each lung path that is a pneumothorax.
    """
    row, column = _place(spot, thorax, air)
    cx, cy = float(x[row, column]), float(y[row, column])
    near = around(x, y, cx, cy, 2.6 * spot.radius * spot.stretch)
    lung = thorax.lung[near]
    dx, dy = x[near] - np.float32(cx), y[near] - np.float32(cy)
    c, s = np.float32(np.cos(spot.angle)), np.float32(np.sin(spot.angle))
    p = (c * dx + s * dy) * np.float32(1 / (spot.radius * spot.stretch))
    q = (c * dy - s * dx) * np.float32(1 / spot.radius)
    uneven = cloud(np.random.default_rng(spot.seed), len(x), [(16, 1.0), (40, 0.5)])[near]
    r2 = (p * p + q * q) * np.clip(1 + np.float32(spot.ragged) * uneven, 0.4, 2.5)
    ball = np.sqrt(np.clip(1 - r2, 0, None))
    fading = np.exp(np.float32(-1.6) * r2)
    soft = np.float32(spot.softness)
    shape = (1 - soft) * ball + soft * fading * (1 + np.float32(0.5 * spot.ragged) * uneven)
    # It replaces lung tissue, so it is not thicker than the lung and ends at its border.
    room = smoothstep(lung * np.float32(1 / 40)) * smoothstep(thorax.from_wall[near] * np.float32(1 / 8))
    room = room * (thorax.side[near] == spot.side) * (1 - air[near])
    added = np.zeros_like(x)
    added[near] = np.minimum(np.float32(spot.thickness) * np.clip(shape, 0, None) * room, np.float32(0.6) * lung)
    return added, _box("Opacity", added > 0.3 * added.max())


def lay_gap(gap: Gap, thorax: Thorax, x: Field, y: Field) -> tuple[Field, Field, Box | None]:
    """Return the share of free air in each lung path, the thickness of tangential pleura in mm, and the box."""
    down = np.clip(y * np.float32(1 / gap.lateral), 0, 1)
    taper = np.sqrt(1 - down)
    width = np.float32(gap.apical) * taper * (1 + np.float32(0.1) * np.sin(y * np.float32(1 / 17) + gap.wobble))
    depth = thorax.from_wall - width.astype(np.float32)
    reach = (thorax.side == gap.side) & (y < gap.lateral) & (thorax.lung > 5) & (thorax.from_wall > 0)
    air = smoothstep(np.float32(0.5) - depth * np.float32(0.5)) * reach
    # The pleura is thinner than 1 mm, but tangential to the beam over 1 cm.
    pleura = np.float32(15) * np.exp(-((depth * np.float32(1 / 0.9)) ** 2)) * reach
    pleura *= smoothstep(width * np.float32(0.2))
    return air.astype(np.float32), pleura.astype(np.float32), _box("Pneumothorax", air > 0.5)
