"""The body of one phantom patient, shared by all images of that patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RIBS = 12


@dataclass(frozen=True)
class Anatomy:
    """One body. Lengths in millimetres; x grows to the patient's left (image right), y downwards from the apex
    of the lungs, z forwards from the skin of the back."""

    sex: str
    age: float
    half_width: float
    """Half the inner width of the rib cage, at its widest."""
    lung_height: float
    """From the apex to the top of the right dome of the diaphragm, in full inspiration."""
    depth: float
    """Inner depth of the rib cage."""
    wall: float
    """Thickness of fat and muscle outside the ribs."""
    shoulder_width: float
    shoulder_height: float
    """Height of the shoulders above the apex."""
    neck: float
    heart: float
    """Size of the heart relative to the average one."""
    heart_tilt: float
    """Long axis of the heart below the horizontal, in radians."""
    aorta: float
    """Radius of the aortic arch."""
    unfolded: float
    """0 to 1: age-related unfolding of the aorta."""
    mediastinum: float
    left_dome: float
    """Height of the right dome of the diaphragm above the left one."""
    dome_sharpness: float
    bone: float
    """Mineral density of bone relative to that of a young adult."""
    rib_level: NDArray[np.float32]
    """y of each rib at the spine."""
    rib_drop: NDArray[np.float32]
    """Descent of each rib from its posterior to its anterior end."""
    rib_height: float
    curve: NDArray[np.float32]
    """Lateral curvature of the spine: amplitude, phase."""
    breast: float
    """Radius of the breasts; 0 for men."""
    breast_drop: float
    markings: float
    """Radius of the vessels of the lung relative to the average."""
    lung_density: float
    tree_seed: int
    """Seed of the vessels of the lungs; see `vessels.grow_tree`."""


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Sample a patient: first sex and age, then a body that depends on them."""
    sex = "F" if rng.random() < 0.46 else "M"
    age = float(np.clip(np.round(rng.normal(49, 17)), 18, 94))
    woman = sex == "F"
    old = float(np.clip((age - 40) / 45, 0, 1))
    stout = float(np.clip(rng.normal(0.35 + 0.15 * old, 0.36), 0, 1.5))
    half_width = (122 if woman else 135) * rng.normal(1, 0.045) + 6 * stout
    lung_height = (188 if woman else 205) * rng.normal(1, 0.06) - 12 * stout
    spacing = np.linspace(16.5, 24.5, RIBS - 1) * lung_height / 188 * rng.normal(1, 0.025, RIBS - 1)
    level = np.concatenate([[0.0], np.cumsum(spacing)]) + rng.normal(1, 3)
    drop = np.array([34, 58, 78, 92, 102, 108, 112, 112, 108, 98, 150, 150]) * rng.normal(1, 0.09)
    return Anatomy(
        sex=sex,
        age=age,
        half_width=float(half_width),
        lung_height=float(lung_height),
        depth=float((128 if woman else 146) * rng.normal(1, 0.06) + 14 * old),
        wall=float(17 + 22 * stout + rng.uniform(0, 6)),
        shoulder_width=float((172 if woman else 192) * rng.normal(1, 0.035) + 8 * stout),
        shoulder_height=float(rng.normal(28, 12)),
        neck=float((50 if woman else 58) * rng.normal(1, 0.05) + 6 * stout),
        heart=float(np.clip(rng.normal(0.98 + 0.1 * old, 0.075), 0.8, 1.35)),
        heart_tilt=float(np.clip(rng.normal(0.66 - 0.3 * stout, 0.12), 0.2, 1.0)),
        aorta=float(13.5 + 4.5 * old + rng.normal(0, 1.2)),
        unfolded=float(np.clip(old + rng.normal(0, 0.2), 0, 1)),
        mediastinum=float(rng.normal(21, 2.2) + 3 * stout),
        left_dome=float(rng.normal(13, 6)),
        dome_sharpness=float(rng.uniform(26, 44)),
        bone=float(np.clip((1.06 - 0.3 * old * (1.2 if woman else 0.8)) * rng.normal(1, 0.08), 0.55, 1.25)),
        rib_level=level.astype(np.float32),
        rib_drop=drop.astype(np.float32),
        rib_height=float((5.6 if woman else 6.5) * rng.normal(1, 0.07)),
        curve=np.array([abs(rng.normal(0, 2.2)), rng.uniform(0, 2 * np.pi)], dtype=np.float32),
        breast=float(np.clip(rng.normal(62, 12) + 12 * stout, 40, 92)) if woman else 0.0,
        breast_drop=float(rng.normal(0, 14) + 18 * old),
        markings=float(rng.lognormal(0.2, 0.18)),
        lung_density=float(np.clip(rng.normal(0.26, 0.03) - 0.03 * old, 0.17, 0.36)),
        tree_seed=int(rng.integers(2**31)),
    )
