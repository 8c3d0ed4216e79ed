"""Thicknesses of soft tissue and air along the beam, in mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from placa.phantoms.anatomy import Anatomy
from placa.phantoms.geometry import Field, Grid, bump, edge, join, smoothstep
from placa.phantoms.radiograph import fine

SULCUS = 37.0
"""Distance of the costophrenic angle below the dome, in mm."""


@dataclass(frozen=True)
class Thorax:
    """Thicknesses in mm, each (size, size)."""

    body: Field
    """From skin to skin, including everything inside."""
    cavity: Field
    """Inside the rib cage, above the costophrenic angles and below them."""
    lung: Field
    """Lung along the beam."""
    fat: Field
    """Breasts and other fat outside the trunk; not included in `body`."""
    gas: Field
    """Air in trachea, stomach and bowel; included in `body`."""
    heart: Field
    from_wall: Field
    """Distance in the image from the outer wall of the cavity; negative outside it."""
    side: Field
    """-1 in the right lung, +1 in the left."""
    above_dome: Field
    """Distance in the image above the diaphragm; negative below it."""


def wall_front(body: Anatomy) -> tuple[float, float]:
    """Return the depth of the posterior wall of the cavity, and that of the body, in mm."""
    back = 24 + 0.6 * body.wall
    return back, back + body.depth + 14 + 0.6 * body.wall


def cavity_shape(body: Anatomy) -> tuple[float, float]:
    """Return the half-width of the rib cage and the height of its rounded top, in mm."""
    return body.half_width, 0.86 * body.lung_height


def _contour(body: Anatomy, grid: Grid) -> Field:
    x, y = grid.at(100.0)
    ax = np.abs(x)
    width, _ = cavity_shape(body)
    total = wall_front(body)[1]
    reach = body.shoulder_width
    # The upper contour follows neck, trapezius and shoulder.
    slope = np.clip((ax - body.neck) * np.float32(1 / (reach - body.neck)), 0, 1)
    top = -body.shoulder_height - 34 * (1 - slope) ** 2 + 10 * slope**4
    top -= 95 * np.exp(np.float32(-1 / 15) * np.clip(ax - np.float32(0.72 * body.neck), 0, None))
    from_top = y - top.astype(np.float32)
    hips = np.clip((y - 90) * np.float32(1 / 200), 0, 1)
    side: Field = (np.float32(width + body.wall + 3) + 6 * hips - ax).astype(np.float32)
    trunk = edge(side, 0.46 * width)
    # The inlet is less deep than the chest.
    trunk *= total * (0.66 + 0.34 * smoothstep((y + 45) * np.float32(1 / 120))) * edge(from_top, 60)
    # The arms are abducted by the angle of the pose.
    ratio = np.float32(0.11 + 0.23 * grid.pose.arms)
    axilla = smoothstep((150 - y) * np.float32(1 / 120))
    outside: Field = (ratio * np.clip(y, 0, None) + np.float32(reach + 30) - ax).astype(np.float32)
    shoulder = 150 * edge(from_top, 46) * edge(outside, 46) * axilla
    off = (ax - (reach - 14) - ratio * (y - 10)) * np.float32(1 / np.hypot(1, float(ratio)))
    arm = np.float32(2) * np.sqrt(np.clip(np.float32((37 + 0.35 * body.wall) ** 2) - off * off, 0, None))
    arm *= smoothstep((y + 12) * np.float32(1 / 40))
    neck = 122 * edge(np.float32(body.neck) - ax, body.neck) * smoothstep((40 - y) * np.float32(1 / 60))
    return join(join(join(trunk, shoulder, 16), arm.astype(np.float32), 8), neck.astype(np.float32), 14)


def _diaphragm(body: Anatomy, grid: Grid) -> Field:
    """Return the distance of each pixel below the diaphragm, in mm."""
    x, y = grid.at(120.0)
    width, _ = cavity_shape(body)
    ax = np.abs(x)
    middle = 0.5 * width
    outer = np.clip((ax - middle) * np.float32(1 / (width - middle)), 0, 1.2)
    inner = np.clip((middle - ax) * np.float32(1 / middle), 0, 1)
    lower_left = np.float32(body.left_dome) * smoothstep(x * np.float32(1 / 60) + np.float32(0.3))
    dome = body.lung_height * grid.pose.inspiration + lower_left
    sulcus = SULCUS * (0.75 + 0.25 * grid.pose.inspiration)
    below: Field = (y - dome - sulcus * outer * outer * np.sqrt(outer) - 10 * inner * inner).astype(np.float32)
    return below


def _heart(body: Anatomy, grid: Grid) -> Field:
    x, y = grid.at(138.0)
    base = body.lung_height * grid.pose.inspiration
    wide, tall = body.heart * grid.pose.spread, body.heart * (0.6 + 0.4 * grid.pose.inspiration)
    unit = body.half_width / 132
    left = 118 * bump(x, y, 21 * wide * unit, base - 15, 68 * wide * unit, 49 * tall, body.heart_tilt)
    right = 100 * bump(x, y, -9 * unit, base - 30, 38 * wide * unit, 50 * tall, 0.12)
    outflow = 100 * bump(x, y, 14 * unit, base - 60 * tall, 32 * unit * wide, 62 * tall, -0.34)
    return join(join(left, right, 30), outflow, 30)


def _mediastinum(body: Anatomy, grid: Grid) -> Field:
    x, y = grid.at(95.0)
    k = body.lung_height * (0.55 + 0.45 * grid.pose.inspiration) / 188
    unit = body.half_width / 132
    open_out = body.unfolded
    # Narrow at the thoracic inlet and behind the heart, wide at the great vessels.
    half = np.float32(body.mediastinum) * (0.66 + 0.4 * np.exp(-((y * np.float32(1 / 62) - 1.25) ** 2)))
    strip = np.float32(0.74 * body.depth) * edge((half + 5 - np.abs(x + 2)).astype(np.float32), 25)
    knob = 58 * bump(x, y, (16 + 8 * open_out) * unit, 60 * k, body.aorta + 3, body.aorta + 4)
    artery = 44 * bump(x, y, 22 * unit, 90 * k, 16 * unit, 20 * k)
    # The descending aorta is to the left of the spine, more lateral with age.
    run = (y - 60 * k) * np.float32(1 / 130)
    centre = (15 + 9 * open_out) * unit - 8 * run + 9 * open_out * np.sin(np.float32(2.6) * run)
    off = x - centre.astype(np.float32)
    tube = np.float32(2) * np.sqrt(np.clip(np.float32((body.aorta - 1.5) ** 2) - off * off, 0, None))
    tube *= smoothstep(run * 6 + 1)
    return join(join(strip, knob, 8), join(artery, tube.astype(np.float32) * np.float32(1.7), 6), 8)


def _hila(body: Anatomy, grid: Grid) -> Field:
    x, y = grid.at(100.0)
    k = body.lung_height * (0.55 + 0.45 * grid.pose.inspiration) / 188
    unit = body.half_width / 132
    right = bump(x, y, -33 * unit, 112 * k, 15 * unit, 27 * k, 0.25)
    left = bump(x, y, 36 * unit, 99 * k, 14 * unit, 22 * k, -0.3)
    return np.asarray(21 * body.markings * (right * right + left * left), dtype=np.float32)


def _breasts(body: Anatomy, grid: Grid) -> Field:
    if not body.breast:
        return np.zeros_like(grid.u)
    x, y = grid.at(wall_front(body)[1] + 10)
    r = body.breast
    centre = 0.66 * body.half_width + 0.1 * r
    level = body.lung_height * 0.74 + body.breast_drop
    # In supine patients they are flatter and more lateral.
    lying = grid.pose.view == "AP"
    centre += 10.0 * lying
    dx, dy = (np.abs(x) - centre) * np.float32(1 / (1.12 * r)), (y - level) * np.float32(1 / r)
    # A drop: flat above, full and sharply bounded below.
    dy = np.where(dy < 0, dy * np.float32(0.55), dy)
    q = np.clip(1 - dx * dx - dy * dy, 0, None)
    weight = np.float32(0.15) + np.float32(0.85) * smoothstep((dy + 0.9) * np.float32(0.7))
    return np.asarray((0.42 if lying else 0.62) * r * np.sqrt(q) * weight, dtype=np.float32)


def _gas(body: Anatomy, grid: Grid, rng: np.random.Generator) -> Field:
    """Return the gas of the stomach under the left dome, and of some bowel loops, in mm."""
    x, y = grid.at(120.0)
    base = body.lung_height * grid.pose.inspiration
    gas = np.zeros_like(x)
    if rng.random() < 0.75:
        cx, wide = rng.uniform(0.35, 0.6) * body.half_width, rng.uniform(14, 34)
        high = wide * rng.uniform(0.35, 0.75)
        cy = base + body.left_dome + 12 + high * rng.uniform(0.9, 1.5)
        blob = bump(x, y, cx, cy, wide, high, rng.normal(0, 0.25))
        if grid.pose.view == "PA" and rng.random() < 0.6:
            # In upright patients the stomach has an air-fluid level.
            blob *= smoothstep((cy + 0.35 * high - y) * np.float32(0.4))
        gas += np.float32(rng.uniform(18, 42)) * blob * np.sqrt(blob)
    for _ in range(rng.integers(0, 3)):
        cx, cy = rng.uniform(-0.7, 0.9) * body.half_width, base + rng.uniform(48, 110)
        wide = rng.uniform(7, 18)
        loop = bump(x, y, cx, cy, wide, wide * rng.uniform(0.5, 0.9), rng.uniform(-1, 1))
        gas += np.float32(rng.uniform(8, 22)) * loop * loop
    return gas


def draw_thorax(body: Anatomy, grid: Grid, rng: np.random.Generator) -> Thorax:
    """Compute the thicknesses of soft tissue and air, without bones and vessels."""
    width, top = cavity_shape(body)
    # Organs without sharp edges are drawn at half the resolution.
    half = Grid((grid.size + 1) // 2, grid.pose, grid.depth)
    x, y = grid.at(100.0)
    # The cage is half an ellipse on top of a straight-sided trunk; r is 1 on its wall.
    px = x * np.float32(1 / width)
    py = np.clip((top - y) * np.float32(1 / top), 0, None)
    r2 = px * px + py * py
    r = np.sqrt(r2)
    slope = np.sqrt((px / np.float32(width)) ** 2 + (py / np.float32(top)) ** 2) + np.float32(1e-6)
    from_wall = ((1 - r) * r / slope).astype(np.float32)
    apex = np.float32(0.55) + np.float32(0.45) * smoothstep((y + 5) * np.float32(1 / 110))
    cavity = np.float32(body.depth) * apex * np.sqrt(np.clip(1 - r2 * r2, 0, None))
    below = _diaphragm(body, grid)
    heart = _heart(body, grid)
    organs = join(heart, _mediastinum(body, grid), 8) + fine(_hila(body, half), grid.size)
    abdomen = edge(below, body.dome_sharpness)
    lung = np.clip(cavity * (1 - abdomen) - organs, 0, None)
    return Thorax(
        body=fine(_contour(body, half), grid.size),
        cavity=cavity.astype(np.float32),
        lung=lung.astype(np.float32),
        fat=fine(_breasts(body, half), grid.size).clip(0, None),
        gas=fine(_gas(body, half, rng), grid.size).clip(0, None),
        heart=heart,
        from_wall=from_wall,
        side=np.sign(x),
        above_dome=-below,
    )
