"""Ribs, clavicles, scapulae, humeri and spine, and the airway, which is a tube of air."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placa.phantoms.anatomy import RIBS, Anatomy
from placa.phantoms.geometry import Field, Grid, Tubes, bezier, edge, smoothstep
from placa.phantoms.soft_tissue import cavity_shape, wall_front

# Linear attenuation per mm at about 70 keV (NIST: Hubbell and Seltzer 1995).
SOFT = 0.0190
CORTEX = 0.046
MARROW = 0.0235

_FRONT = np.array([2.3, 2.42, 2.46, 2.46, 2.44, 2.4, 2.32, 2.15, 2.02, 1.9, 1.25, 0.85])
"""Angle from the spine at which each rib becomes cartilage, in radians."""


def rib_tubes(body: Anatomy, samples: int) -> Tubes:
    """Return the twelve pairs of ribs, from the spine around the cage to the front."""
    width, top = cavity_shape(body)
    back = wall_front(body)[0]
    level = body.rib_level[:, None].astype(np.float64)
    drop = body.rib_drop[:, None].astype(np.float64)
    round_ = np.linspace(0, 1, samples)[None] * _FRONT[:, None]
    lateral = np.clip((top - level - drop / 2) / top, 0, 1)
    reach = width * np.sqrt(1 - lateral**2) + 3.5
    reach[10:] *= np.array([[0.97], [0.9]])
    x = 15 + (reach - 15) * np.sin(round_)
    y = level + drop * (1 - np.cos(round_)) / 2
    deep = body.depth * np.linspace(0.42, 1.3, RIBS)[:, None].clip(None, 0.95) / 2
    z = back + deep * (1 - np.cos(round_)) + 4
    points = np.stack([np.concatenate([-x, x]), np.tile(y, (2, 1)), np.tile(z, (2, 1))], axis=2)
    along = np.linspace(0, 1, samples)[None]
    high = body.rib_height * (0.82 + 0.3 * np.sin(np.pi * along) + 0.12 * along) * np.ones((RIBS, 1))
    high = high * np.sqrt(np.clip(1 - along**24, 0.05, 1))
    high[0] *= 0.95
    high[10:] *= 0.8
    # The anterior ends become cartilage, which is visible only if calcified.
    fade = 1 - 0.5 * np.clip((round_ - 1.3) / 0.9, 0, 1)
    fade[0] *= 0.7
    fade[10:] *= 0.7
    start = np.clip(along * 14, 0.3, 1)
    mineral = body.bone * fade * start
    return Tubes(
        points=points,
        high=np.tile(high, (2, 1)),
        thick=np.tile(0.56 * high, (2, 1)),
        inside=np.tile((MARROW - SOFT) * 0.8 * mineral, (2, 1)),
        cortex=np.tile((CORTEX - SOFT) * 0.78 * mineral, (2, 1)),
    )


def _bars(body: Anatomy, grid: Grid) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return control points (n, 4, 3) and (high, thick, inside, cortex) (n, 4) of the bones of one shoulder."""
    back, front = wall_front(body)
    reach, up = body.shoulder_width, body.shoulder_height
    pull = grid.pose.scapulae
    out = (1 - pull) * 30.0
    w = body.half_width
    head = (reach - 21.0, 30 - 0.6 * up, 95.0)
    tip = (0.73 * w + out, 128 - 6 * pull, back - 8)
    corner = (0.52 * w + 0.75 * out, 6 - 0.3 * up, back - 4)
    socket = (head[0] - 24, head[1] + 8, 80.0)
    spine_in = (0.56 * w + 0.8 * out, 34 - 0.5 * up, back - 8)
    acromion = (head[0] + 10, head[1] - 27, 90.0)
    joint = (head[0] - 4, head[1] - 28, 93.0)
    arm = 0.11 + 0.23 * grid.pose.arms
    down = (head[0] + 4 + arm * 290, head[1] + 300, 100.0)

    def line(a: tuple[float, ...], b: tuple[float, ...], bow: tuple[float, float] = (0, 0)) -> list[list[float]]:
        p, q = np.asarray(a), np.asarray(b)
        lift = np.array([bow[0], bow[1], 0.0])
        return [list(p), list(p + (q - p) / 3 + lift), list(p + 2 * (q - p) / 3 + lift), list(q)]

    clavicle = [
        [15.0, 34.0, front - 26],
        [62.0, 36 - 0.2 * up, front - 14],
        [0.58 * reach, -6 - 0.6 * up, 110.0],
        list(joint),
    ]
    bars = [
        clavicle,
        line(tip, socket, (-2, 6)),
        line(corner, tip, (-9, 0)),
        line(spine_in, acromion, (4, 6)),
        line(corner, socket, (4, -8)),
        line(acromion, joint, (8, 2)),
        line((socket[0] + 2, socket[1] - 16, 80.0), (socket[0] + 1, socket[1] + 17, 80.0), (3, 0)),
        line((socket[0] - 12, socket[1] - 14, 100.0), (socket[0] + 6, socket[1] - 14, 125.0), (-4, -9)),
        line((head[0] + 2, head[1] + 14, 95.0), down),
    ]
    marrow, rim = (MARROW - SOFT) * body.bone, (CORTEX - SOFT) * body.bone
    kinds = [
        (5.3, 5.0, marrow, 0.58 * rim),
        (3.6, 5.0, marrow, 0.42 * rim),
        (1.6, 3.2, marrow, 0.35 * rim),
        (4.2, 4.0, marrow, 0.24 * rim),
        (1.6, 2.6, marrow, 0.3 * rim),
        (7.0, 4.0, marrow, 0.22 * rim),
        (3.4, 9.0, marrow, 0.3 * rim),
        (5.0, 4.0, marrow, 0.25 * rim),
        (11.5, 11.0, 0.2 * marrow, 0.4 * rim),
    ]
    return np.array(bars), np.array(kinds)


def _shoulders(body: Anatomy, grid: Grid) -> Field:
    bars, kinds = _bars(body, grid)
    both = np.concatenate([bars * [-1, 1, 1], bars])
    samples = int(np.clip(300 / grid.pixel, 60, 900))
    points = bezier(both, samples)
    kinds = np.concatenate([kinds, kinds])
    shape = np.ones((len(both), samples))
    # Clavicles are thick at both ends.
    along = np.abs(np.linspace(-1, 1, samples))
    shape[[0, len(bars)]] = (1 + 0.45 * along**3) * np.sqrt(1 - along**40 + 1e-3)
    thin = kinds[:, 0] < 9
    line = np.zeros_like(grid.u)
    for some in (thin, ~thin):
        part = kinds[some, :, None] * shape[some, None]
        across = int(np.clip(2.4 * kinds[some, 0].max() / grid.pixel, 5, 60))
        line += grid.lay(Tubes(points[some], part[:, 0], part[:, 1], part[:, 2], part[:, 3]), across)
    # Scapular blades and humeral heads are plates and spheres, not tubes.
    flat = np.zeros_like(grid.u)
    x, y = grid.at(40.0)
    ax = np.abs(x)
    corner, tip, socket = bars[2][0], bars[2][3], bars[1][3]
    inside = np.ones_like(flat)
    for a, b in ((corner, tip), (tip, socket), (socket, corner)):
        length = float(np.hypot(b[0] - a[0], b[1] - a[1]))
        d = ((b[1] - a[1]) * (ax - a[0]) - (b[0] - a[0]) * (y - a[1])) / np.float32(length)
        inside *= smoothstep(d.astype(np.float32) * np.float32(0.25) + np.float32(0.5))
    flat += np.float32(2.6 * (CORTEX - SOFT) * body.bone) * inside
    x, y = grid.at(95.0)
    ax = np.abs(x)
    head = bars[8][0] - np.array([6.0, 14.0, 0.0])
    r = np.sqrt((ax - np.float32(head[0])) ** 2 + (y - np.float32(head[1])) ** 2)
    ball = np.sqrt(np.clip(1 - (r / 23) ** 2, 0, None))
    core = np.sqrt(np.clip(1 - (r / 22.0) ** 2, 0, None))
    flat += np.float32(38 * body.bone) * (0.7 * (CORTEX - SOFT) * (ball - 0.957 * core) + 0.8 * (MARROW - SOFT) * core)
    return line + flat.astype(np.float32)


def _spine(body: Anatomy, grid: Grid) -> Field:
    """Return the attenuation of vertebral bodies, discs, pedicles and processes in the columns of the spine."""
    z = 24 + 0.6 * body.wall + 14
    x, y = grid.at(z)
    inside = np.abs(x).min(axis=0) < 46
    x, y = x[:, inside], y[:, inside]
    x = x - body.curve[0] * np.sin(y * np.float32(1 / 70) + body.curve[1])
    # Vertebra number along the spine: 1 at the first rib, lower in the neck, higher in the lumbar spine.
    levels = body.rib_level.astype(np.float64)
    knots = np.concatenate([levels[0] - 15.5 * np.arange(9, 0, -1), levels, levels[-1] + 29.0 * np.arange(1, 9)])
    number = np.arange(len(knots), dtype=np.float64) - 8
    place = np.interp(y.ravel(), knots, number).reshape(y.shape).astype(np.float32)
    phase = place - np.floor(place)
    half = np.float32(12.5) + np.float32(0.62) * np.clip(place + 4, 0, 18)
    side = np.abs(x) / half
    waist = 1 - np.float32(0.1) * np.sin(np.pi * phase)
    width = edge((waist - side) * half, 7)
    plates = np.exp(-(((phase - 0.12) * 22) ** 2)) + np.exp(-(((phase - 0.93) * 22) ** 2))
    solid = smoothstep((phase - 0.07) * 14) * smoothstep((0.98 - phase) * 14)
    line = width * (solid * np.float32(30 * (MARROW - SOFT)) + plates * np.float32(4.2 * (CORTEX - SOFT)))
    rim = np.exp(-((((waist - side) * half - 1.5) / 1.8) ** 2)) * solid
    line += np.float32(5 * (CORTEX - SOFT)) * rim
    ring = np.sqrt(((side - 0.62) * half / 4.3) ** 2 + ((phase - 0.36) * 22 / 5.4) ** 2)
    line += np.float32(4.5 * (CORTEX - SOFT)) * np.exp(-(((ring - 1) * 3.2) ** 2))
    spike = np.sqrt((x / 2.6) ** 2 + ((phase - 0.72) * 22 / 7.0) ** 2)
    line += np.float32(6 * (CORTEX - SOFT)) * smoothstep((1.35 - spike) * 1.6)
    wing = smoothstep((side - 0.8) * 4) * smoothstep((1.75 - side) * 4)
    line += np.float32(6 * (CORTEX - SOFT)) * wing * np.exp(-(((phase - 0.3) * 22 / 4.2) ** 2))
    out = np.zeros_like(grid.u)
    out[:, inside] = line * np.float32(0.72 * body.bone)
    return out


def airway(body: Anatomy, grid: Grid) -> Tubes:
    """Return the tubes of trachea, main bronchi and lower lobe bronchi."""
    k = body.lung_height * (0.55 + 0.45 * grid.pose.inspiration) / 188
    fork = [-1.0, 84 * k, 92.0]
    controls = np.array(
        [
            [[0.0, -110, 70], [1.0, -40, 75], [-5 - 3 * body.unfolded, 50 * k, 85], fork],
            [fork, [-8, 92 * k, 92], [-20, 100 * k, 95], [-34, 118 * k, 95]],
            [fork, [8, 93 * k, 92], [24, 100 * k, 95], [42, 108 * k, 98]],
            [[-30.0, 112 * k, 95], [-36, 122 * k, 95], [-40, 132 * k, 93], [-44, 146 * k, 90]],
        ]
    )
    samples = int(np.clip(190 / grid.pixel, 40, 500))
    wide = np.array([[7.4], [6.2], [5.4], [3.4]]) * (0.9 if body.sex == "F" else 1.0)
    high = wide * np.ones(samples)
    fade = np.ones((4, samples))
    fade[1:] = np.linspace(1, 0.35, samples)
    air = -0.85 * SOFT * fade
    return Tubes(bezier(controls, samples), high, high, air, np.zeros_like(air))


def draw_skeleton(body: Anatomy, grid: Grid) -> Field:
    """Return the attenuation of bones and airway relative to soft tissue, shape (size, size)."""
    ribs = rib_tubes(body, int(np.clip(250 / grid.pixel, 60, 900)))
    across = int(np.clip(13 / grid.pixel, 5, 25))
    return grid.lay(ribs, across) + _shoulders(body, grid) + _spine(body, grid) + grid.lay(airway(body, grid), across)
