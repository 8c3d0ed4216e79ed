"""The vascular tree of the lungs: it branches from the hila and tapers to the periphery.

Radii follow Murray (1926): the cube of the radius of a parent is the sum of the cubes of its children.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

GENERATIONS = 6

Branches = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Centre lines (m, k, 3) in body coordinates and their radii (m, k), in mm."""


def _unit(v: NDArray[np.floating]) -> NDArray[np.floating]:
    norm: NDArray[np.floating] = v / (np.linalg.norm(v, axis=-1, keepdims=True) + 1e-9)
    return norm


@lru_cache(maxsize=2)
def grow_tree(seed: int, half_width: float, height: float) -> tuple[Branches, ...]:
    """Create the vessels of both lungs of one patient, one entry per generation, the trunks first."""
    rng = np.random.default_rng(seed)
    trunks = 11
    angle = np.concatenate([np.linspace(-1.4, 1.75, trunks)] * 2) + rng.normal(0, 0.12, 2 * trunks)
    side = np.repeat([-1.0, 1.0], trunks)
    start = np.stack([np.where(side < 0, -0.22, 0.26) * half_width, np.where(side < 0, 0.57, 0.52) * height], axis=1)
    start = np.column_stack([start, np.full(2 * trunks, 95.0)]) + rng.normal(0, 1, (2 * trunks, 3)) * [4, 9, 8]
    way = _unit(np.column_stack([side * np.cos(angle), np.sin(angle), rng.normal(0, 0.4, 2 * trunks)]))
    length = 0.2 * half_width * rng.uniform(0.8, 1.35, 2 * trunks)
    radius = rng.uniform(2.6, 4.2, 2 * trunks)
    generations = []
    for generation in range(GENERATIONS):
        samples = (40, 32, 24, 17, 12, 9)[generation]
        bend = rng.normal(0, 0.15, start.shape)
        t = np.linspace(0, 1, samples)[None, :, None]
        line = start[:, None] + length[:, None, None] * (way[:, None] * t + bend[:, None] * t * (1 - t) * 2)
        taper = np.linspace(1, 0.82, samples)
        generations.append((line.astype(np.float32), (radius[:, None] * taper).astype(np.float32)))
        # Each parent has two unequal children on opposite sides of its direction.
        share = rng.uniform(0.25, 0.75, len(start))
        aside = _unit(np.cross(way, rng.normal([0, 0, 2.0], 1, way.shape)))
        turn = rng.uniform(0.3, 0.9, (len(start), 1))
        ways = [way + aside * turn * (1 - share[:, None]) * 1.5, way - aside * turn * share[:, None] * 1.5]
        start = np.concatenate([line[:, -1], line[:, -1]])
        side = np.concatenate([side, side])
        radius = np.concatenate([radius * share ** (1 / 3), radius * (1 - share) ** (1 / 3)]) * 0.92
        length = np.concatenate([length, length]) * 0.82 * rng.uniform(0.65, 1.3, len(start))
        outwards = np.column_stack([0.13 * side, np.full(len(side), 0.03), np.zeros(len(side))])
        way = _unit(np.concatenate(ways) + outwards)
    return tuple(generations)
