"""Devices of bedside patients: electrodes and leads, tracheal tubes, central venous lines.

Devices do not depend on the findings. Chest drains are not drawn, because they would reveal a pneumothorax.
"""

from __future__ import annotations

import numpy as np

from placa.phantoms.anatomy import Anatomy
from placa.phantoms.geometry import Field, Grid, Tubes, bezier, bump
from placa.phantoms.soft_tissue import wall_front

METAL = 0.35
PLASTIC = 0.09
"""Attenuation per mm of thin wire and of tubing with its radiopaque stripe."""


def draw_devices(body: Anatomy, grid: Grid, rng: np.random.Generator) -> Field:
    """Return the attenuation of devices, shape (size, size); most bedside patients and few others have some."""
    total = np.zeros_like(grid.u)
    bed = grid.pose.view == "AP"
    front = wall_front(body)[1] + 4
    w, h = body.half_width, body.lung_height
    lines: list[list[list[float]]] = []
    kinds: list[tuple[float, float]] = []
    if rng.random() < (0.6 if bed else 0.05):
        x, y = grid.at(front)
        for _ in range(int(rng.integers(2, 5))):
            spot = np.array([rng.uniform(-1.05, 1.05) * w, rng.uniform(0.1, 1.15) * h])
            exit_ = np.array([rng.choice([-1.0, 1.0]) * rng.uniform(0.9, 1.7) * w, rng.uniform(0.4, 1.8) * h])
            knee = [spot + rng.normal(0, 38, 2), (spot + exit_) / 2 + rng.normal(0, 45, 2)]
            lines.append([[*p.tolist(), front] for p in (spot, *knee, exit_)])
            kinds.append((0.7, METAL))
            disc = bump(x, y, float(spot[0]), float(spot[1]), rng.uniform(3.5, 6), rng.uniform(3.5, 6))
            total += np.float32(rng.uniform(0.25, 0.9)) * np.sqrt(disc)
    if rng.random() < (0.22 if bed else 0.0):
        tip = 62 * h / 188
        lines.append([[-2.0, -120, 75], [1, -50, 75], [-3, 0, 80], [-4, tip, 88]])
        kinds.append((4.2, PLASTIC))
    if rng.random() < (0.3 if bed else 0.03):
        side = rng.choice([-1.0, 1.0])
        entry = [side * rng.uniform(30, 95), rng.uniform(-45, 20), 140.0]
        lines.append([entry, [side * 20, 10, 130], [-22, 30, 120], [-23, rng.uniform(85, 125) * h / 188, 118]])
        kinds.append((1.1, 2.2 * PLASTIC))
    if lines:
        points = bezier(np.array(lines), int(np.clip(500 / grid.pixel, 100, 1500)))
        radius, attenuation = np.array(kinds).T[:, :, None] * np.ones(points.shape[:2])
        total += grid.lay(Tubes(points, radius, radius, 0.4 * attenuation, 0.6 * attenuation), 5)
    return total
