"""Small synthetic CT volumes in the layout of STOIC: a thorax of ellipses, with or without an opacity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK

#: Voxels (slices from the feet up, rows from front to back, columns from the patient's right to left) and mm.
SHAPE = (12, 40, 40)
SPACING = (8.0, 8.0, 20.0)


def thorax(seed: int = 0, opacity: bool = False, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Return a thorax in Hounsfield units: body 40, lungs -850, heart 30 (left), spine 400 (posterior)."""
    random = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, count) for count in shape), indexing="ij")

    def inside(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
        return sum(((axis - c) / r) ** 2 for axis, c, r in zip((z, y, x), centre, radii, strict=True)) < 1

    levels = np.full(shape, -1000.0)
    levels[inside((0, 0, 0), (9, 0.7, 0.9))] = 40
    for side in (-1, 1):
        levels[inside((0, 0, 0.42 * side), (1.0, 0.5, 0.32))] = -850
    levels[inside((-0.4, -0.2, 0.2), (0.4, 0.3, 0.25))] = 30
    levels[inside((0, 0.55, 0), (9, 0.1, 0.12))] = 400
    if opacity:
        side = random.choice([-1, 1])
        centre = (random.uniform(-0.4, 0.4), random.uniform(0.0, 0.25), 0.45 * side)
        levels[inside(centre, (0.5, 0.25, 0.22)) & (levels < -800)] = -150
    return (levels + random.normal(0, 25, shape)).astype(np.int16)


def to_image(levels: np.ndarray, spacing: tuple[float, float, float] = SPACING) -> SimpleITK.Image:
    """Convert voxels to a SimpleITK image with the origin and direction of a STOIC scan."""
    image = SimpleITK.GetImageFromArray(levels)
    image.SetSpacing(spacing)
    image.SetOrigin((-157.7, -311.7, -438.4))
    return image


def write_volume(
    path: Path, levels: np.ndarray, age: str | None = "065Y", sex: str | None = "F", compress: bool = True
) -> Path:
    """Write a volume like those of STOIC: compressed with zlib, age and sex in the header."""
    image = to_image(levels)
    for name, value in (("PatientAge", age), ("PatientSex", sex)):
        if value is not None:
            image.SetMetaData(name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(image, str(path), compress)
    return path


def write_stoic(root: Path, patients: int, seed: int = 0) -> Path:
    """Write volumes, of which every second has an opacity, and the table, in the layout of STOIC."""
    lines = ["PatientID,probCOVID,probSevere"]
    for number in range(patients):
        covid = number % 2
        write_volume(
            root / "data" / "mha" / f"{100 + number}.mha",
            thorax(seed * 1000 + number, opacity=bool(covid)),
            age=f"0{(35, 45, 55, 65, 75, 85)[number % 6]}Y",
            sex="FM"[number % 3 % 2],
        )
        lines.append(f"{100 + number},{covid},{int(number % 4 == 3)}")
    (root / "metadata").mkdir(parents=True)
    (root / "metadata" / "reference.csv").write_text("\n".join(lines) + "\n")
    return root
