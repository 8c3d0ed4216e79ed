"""Draw one image of a body with a pose and findings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placa.phantoms.anatomy import Anatomy
from placa.phantoms.devices import draw_devices
from placa.phantoms.geometry import Field, Grid, Pose, Tubes, smoothstep
from placa.phantoms.lesions import Box, Disease, lay_gap, lay_spot
from placa.phantoms.radiograph import cloud, develop, expose, finish, window
from placa.phantoms.skeleton import SOFT, draw_skeleton
from placa.phantoms.soft_tissue import draw_thorax, wall_front
from placa.phantoms.vessels import grow_tree

FAT = 0.0172


@dataclass(frozen=True)
class Scene:
    """One image with its boxes and masks."""

    pixels: NDArray[np.uint8]
    boxes: tuple[Box, ...]
    lung: NDArray[np.bool_]
    """Mask of the lung fields."""
    heart: NDArray[np.bool_]
    thorax: NDArray[np.bool_]
    """Mask of the rib cage above the diaphragm."""


def _vessels(body: Anatomy, grid: Grid) -> Field:
    total = np.zeros_like(grid.u)
    hilum = 0.55 * body.lung_height
    stretch = grid.pose.inspiration
    for branches, radii in grow_tree(body.tree_seed, body.half_width, body.lung_height):
        points = branches.copy()
        # Inspiration stretches the lungs with their vessels.
        points[..., 1] = hilum * (0.55 + 0.45 * stretch) + (points[..., 1] - hilum) * stretch
        radius = radii * np.float32(body.markings)
        dense = np.full(radius.shape, SOFT * (1 - body.lung_density))
        # Enough lines per vessel that no pixel between them is empty.
        across = int(np.clip(1 + 2.6 * radius.mean() / grid.pixel, 2, 40))
        total += grid.lay(Tubes(points, radius, radius, dense, np.zeros_like(dense)), across)
    return total


def draw_scene(body: Anatomy, pose: Pose, disease: Disease, size: int, seed: list[int]) -> Scene:
    """Draw one image.

    Args:
        body: The patient.
        pose: How the image was taken.
        disease: The findings; `Disease()` gives the same image, including its noise, without findings.
        size: Width and height in pixels.
        seed: Key of the random streams of this image; findings do not change the other streams.
    """
    grid = Grid(size, pose, wall_front(body)[1])
    texture, film = np.random.default_rng([*seed, 11]), np.random.default_rng([*seed, 12])
    thorax = draw_thorax(body, grid, texture)
    bones = draw_skeleton(body, grid)
    devices = draw_devices(body, grid, texture)
    vessels = _vessels(body, grid)
    grain = cloud(texture, size, [(12, 0.05), (40, 0.045), (110, 0.045)])
    mottle = cloud(texture, size, [(9, 0.02), (28, 0.012)])
    share = thorax.lung / (thorax.cavity + 1)
    tissue = thorax.body - np.minimum(thorax.lung, thorax.body) - thorax.gas
    line = np.float32(SOFT) * np.clip(tissue, 0, None) * (1 + mottle) + np.float32(FAT) * thorax.fat + bones
    inflated = np.float32(SOFT * body.lung_density) * thorax.lung * (1 + grain) + vessels * smoothstep(share * 1.4)
    veil = 0.05 + 0.07 * float(film.random())
    ends = window(line + inflated, thorax.lung, veil)
    boxes: list[Box] = []
    x, y = grid.at(100.0)
    air = np.zeros_like(line)
    if disease.gap is not None:
        air, pleura, box = lay_gap(disease.gap, thorax, x, y)
        inflated = inflated * (1 - np.float32(0.9) * air) + np.float32(SOFT) * pleura
        boxes += [box] if box else []
    for spot in disease.spots:
        added, box = lay_spot(spot, thorax, air, x, y)
        inflated = inflated + np.float32(SOFT) * added
        boxes += [box] if box else []
    line = np.maximum(line + inflated + devices, 0)
    bed = pose.view == "AP"
    dose = float(np.exp(film.normal(np.log(110000 if bed else 120000), 0.45)))
    reading = expose(line.astype(np.float32), dose, veil, 0.1 * size / 256 + 0.02, film)
    pixels = finish(develop(reading, ends, film, bed), film)
    inside = (thorax.from_wall > 0) & (thorax.above_dome > 0)
    return Scene(pixels, tuple(boxes), inside & (thorax.lung > 0.3 * thorax.cavity), thorax.heart > 12, inside)
