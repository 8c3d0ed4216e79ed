"""The geometry of tube, patient and detector, and the two projections of a body.

Smooth organs are evaluated on the pixel grid at their own depth (`Grid.at`). Tubes (bones, vessels, lines) are added as
mass along their centre lines (`Grid.lay`), so their line integrals are correct for every direction, also for ribs
parallel to the beam.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

FOCUS = 122.0
"""y of the central ray, in mm below the apex."""
TURN_AXIS = 110.0
"""z of the vertical axis of rotation of the patient, in mm."""


@dataclass(frozen=True)
class Pose:
    """Acquisition parameters of one image. Angles in radians, lengths in millimetres."""

    view: str
    distance: float
    """Distance from the tube to the detector."""
    turn: float
    """Rotation about the vertical axis."""
    tilt: float
    """Rotation about the left-right axis; positive is lordotic."""
    roll: float
    """Rotation in the plane of the image."""
    shift_x: float
    shift_y: float
    field: float
    """Width of the detector."""
    inspiration: float
    """Height of the lungs relative to full inspiration."""
    scapulae: float
    """Position of the scapulae: 0 lateral to the lungs, as in a good PA; 1 over them."""
    arms: float
    """Abduction of the arms."""
    spread: float
    """Width of the heart relative to that of an upright patient."""


def draw_pose(rng: np.random.Generator, view: str, width: float) -> Pose:
    """Sample the pose of an upright (PA) or supine (AP) patient; `width` is that of the thorax in mm."""
    bed = view == "AP"
    field = width * rng.uniform(1.07, 1.33) * (1.06 if bed else 1.0)
    return Pose(
        view=view,
        distance=float(rng.uniform(1000, 1250) if bed else rng.uniform(1800, 1850)),
        turn=float(rng.normal(0, 0.085 if bed else 0.03)),
        tilt=float(rng.normal(0.06, 0.09) if bed else rng.normal(0, 0.035)),
        roll=float(rng.normal(0, 0.035 if bed else 0.014)),
        shift_x=float(rng.normal(0, 0.028 if bed else 0.016) * field),
        shift_y=float(rng.normal(-0.005, 0.03) * field),
        field=float(field),
        inspiration=float(np.clip(rng.normal(0.86, 0.07) if bed else rng.normal(0.98, 0.045), 0.66, 1.08)),
        scapulae=float(np.clip(rng.normal(0.85, 0.2) if bed else rng.normal(0.15, 0.17), 0, 1.15)),
        arms=float(np.clip(rng.normal(0.35, 0.25) if bed else rng.normal(0.75, 0.3), 0, 1.3)),
        spread=float(rng.normal(1.06, 0.03) if bed else rng.normal(1.0, 0.02)),
    )


class Grid:
    """The pixels of one image, and the geometry that maps the body onto them."""

    def __init__(self, size: int, pose: Pose, depth: float) -> None:
        self.size = size
        self.pose = pose
        self.depth = depth
        self.pixel = pose.field / size
        ticks = (np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)) * np.float32(self.pixel)
        c, s = np.float32(np.cos(pose.roll)), np.float32(np.sin(pose.roll))
        across, down = ticks[None, :] - np.float32(pose.shift_x), ticks[:, None] - np.float32(pose.shift_y)
        self.u: Field = c * across + s * down
        self.v: Field = c * down - s * across
        self._seen: dict[float, tuple[Field, Field]] = {}

    def magnification(self, z: NDArray[np.floating] | float) -> NDArray[np.floating] | float:
        """Return the magnification at depth z."""
        gap = (self.depth - z + 15) if self.pose.view == "PA" else (z + 40)
        return self.pose.distance / (self.pose.distance - gap)

    def at(self, z: float) -> tuple[Field, Field]:
        """Return x and y, in body millimetres, of every pixel in the plane at depth z; each (size, size)."""
        if z not in self._seen:
            scale = np.float32(1 / self.magnification(z))
            self._seen[z] = (
                self.u * scale - np.float32((z - TURN_AXIS) * np.sin(self.pose.turn)),
                self.v * scale + np.float32(FOCUS - (z - TURN_AXIS) * np.sin(-self.pose.tilt)),
            )
        return self._seen[z]

    def pixels_of(self, points: NDArray[np.floating]) -> tuple[Field, Field, Field]:
        """Return column, row and magnification of body points (…, 3)."""
        z = points[..., 2]
        m = np.asarray(self.magnification(z))
        u = m * (points[..., 0] + (z - TURN_AXIS) * np.sin(self.pose.turn))
        v = m * (points[..., 1] - FOCUS + (z - TURN_AXIS) * np.sin(-self.pose.tilt))
        c, s = np.cos(self.pose.roll), np.sin(self.pose.roll)
        middle = (self.size - 1) / 2
        column = (c * u - s * v + self.pose.shift_x) / self.pixel + middle
        row = (s * u + c * v + self.pose.shift_y) / self.pixel + middle
        return column.astype(np.float32), row.astype(np.float32), m.astype(np.float32)

    def deposit(self, column: Field, row: Field, mass: Field) -> Field:
        """Distribute each mass to its four nearest pixels; return (size, size)."""
        n = self.size
        left, top = np.floor(column).astype(np.int32), np.floor(row).astype(np.int32)
        keep = (left >= 0) & (top >= 0) & (left < n - 1) & (top < n - 1)
        left, top = left[keep], top[keep]
        fx, fy, mass = column[keep] - left, row[keep] - top, mass[keep]
        at = top * n + left
        right, left_mass = mass * fx, mass * (1 - fx)
        index = np.concatenate([at, at + 1, at + n, at + n + 1])
        share = np.concatenate([left_mass * (1 - fy), right * (1 - fy), left_mass * fy, right * fy])
        return np.bincount(index, share, n * n).reshape(n, n).astype(np.float32)

    def lay(self, tubes: Tubes, across: int) -> Field:
        """Return the dimensionless line integral of tubes (attenuation x path), shape (size, size).

        Each cross-section of a tube has `across` samples, weighted by the chord length of the cross-section.
        """
        column, row, m = self.pixels_of(tubes.points)
        high, thick = tubes.high.astype(np.float32), tubes.thick.astype(np.float32)
        # The direction in the image, from differences along each centre line.
        dc, dr = _along(column), _along(row)
        length = np.sqrt(dc * dc + dr * dr) + np.float32(1e-6)
        nx, ny = -dr / length, dc / length
        m *= np.float32(1 / self.pixel)
        half = np.sqrt((high * ny) ** 2 + (thick * nx) ** 2) * m
        step = np.sqrt((_along(tubes.points.astype(np.float32)) ** 2).sum(axis=2))
        mass = np.float32(np.pi) * high * thick * step * m * m
        offset, solid, shell = _chords(across)
        inside, cortex = (mass * tubes.inside).astype(np.float32), (mass * tubes.cortex).astype(np.float32)
        weight = inside[..., None] * solid + cortex[..., None] * shell
        column = column[..., None] + (half * nx)[..., None] * offset
        row = row[..., None] + (half * ny)[..., None] * offset
        return self.deposit(column.ravel(), row.ravel(), weight.ravel())


def _along(values: Field) -> Field:
    """Return central differences along axis 1."""
    out = np.empty_like(values)
    out[:, 1:-1] = (values[:, 2:] - values[:, :-2]) * np.float32(0.5)
    out[:, 0], out[:, -1] = values[:, 1] - values[:, 0], values[:, -1] - values[:, -2]
    return out


@lru_cache
def _chords(across: int) -> tuple[Field, Field, Field]:
    """Return offsets in (-1, 1), and the shares of the area of a disc and of a thin shell at each offset."""
    edges = np.linspace(-1, 1, across + 1)
    offset = (edges[1:] + edges[:-1]) / 2
    fine = np.linspace(-1, 1, 40 * across + 1)
    fine = (fine[1:] + fine[:-1]) / 2
    outer = np.sqrt(1 - fine**2).reshape(across, -1).sum(1)
    inner = 0.8 * np.sqrt(np.clip(1 - (fine / 0.8) ** 2, 0, None)).reshape(across, -1).sum(1)
    shell = outer - inner
    return (
        offset.astype(np.float32),
        (outer / outer.sum()).astype(np.float32),
        (shell / shell.sum()).astype(np.float32),
    )


@dataclass(frozen=True)
class Tubes:
    """n tubes, each with a centre line of k points. Lengths in millimetres, attenuations per millimetre.

    `inside` is the attenuation of the cross-section and `cortex` that of its rim; both are relative to the tissue that
    the tube displaces.
    """

    points: NDArray[np.floating]
    """(n, k, 3)"""
    high: NDArray[np.floating]
    """(n, k) half-axis of the cross-section in the image, for a horizontal tube."""
    thick: NDArray[np.floating]
    """(n, k) the other half-axis of the cross-section."""
    inside: NDArray[np.floating]
    cortex: NDArray[np.floating]


def bezier(controls: NDArray[np.floating], samples: int) -> NDArray[np.floating]:
    """Return points on cubic Bézier curves, from controls (n, 4, 3) to (n, samples, 3)."""
    t = np.linspace(0, 1, samples)
    basis = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    points: NDArray[np.floating] = np.einsum("sc,ncd->nsd", basis, controls)
    return points


def edge(distance: Field, radius: float) -> Field:
    """Return 0 outside, rising in a quarter circle to 1 at `radius` inside: the path through a rounded edge."""
    out = 1 - np.clip(distance * np.float32(1 / radius), 0, 1)
    return np.asarray(np.sqrt(1 - out * out), dtype=np.float32)


def join(a: Field, b: Field, blend: float) -> Field:
    """Return the maximum of two thicknesses, smoothed by `blend`."""
    d = a - b
    both: Field = (a + b + np.sqrt(d * d + np.float32(blend * blend)) - np.float32(blend)) * np.float32(0.5)
    return both


def around(x: Field, y: Field, cx: float, cy: float, reach: float) -> tuple[slice, slice]:
    """Return the rows and columns of all pixels within `reach` of a point; x and y are as from `Grid.at`."""
    # x and y are affine in the pixels, so the extremes along a line of pixels are at its ends.
    columns = np.flatnonzero((np.minimum(x[0], x[-1]) < cx + reach) & (np.maximum(x[0], x[-1]) > cx - reach))
    rows = np.flatnonzero((np.minimum(y[:, 0], y[:, -1]) < cy + reach) & (np.maximum(y[:, 0], y[:, -1]) > cy - reach))
    if not len(rows) or not len(columns):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def bump(x: Field, y: Field, cx: float, cy: float, ax: float, ay: float, angle: float = 0.0) -> Field:
    """Return the half chord, 0 to 1, through an ellipsoid with the given centre and half-axes."""
    out = np.zeros_like(x)
    near = around(x, y, cx, cy, max(ax, ay))
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    dx, dy = x[near] - np.float32(cx), y[near] - np.float32(cy)
    p, q = (c * dx + s * dy) * np.float32(1 / ax), (c * dy - s * dx) * np.float32(1 / ay)
    out[near] = np.sqrt(np.clip(1 - p * p - q * q, 0, None))
    return out


def smoothstep(x: Field) -> Field:
    """Return 0 below 0, 1 above 1, and a cubic transition between them."""
    t = np.clip(x, 0, 1)
    rest = 3 - 2 * t
    t *= t
    t *= rest
    return t
