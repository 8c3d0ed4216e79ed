"""How well a model recognises images that are no chest radiographs, by kind, against held-out radiographs.

    benchmarks/typicality.py [RUN PREPARED]

Without a run, one is trained on the images of `nih-256` in PLACA_DATA (some minutes). Every row has the AUROC of the
typicality against the test images of PREPARED, and the share of images that are flagged as outside.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import sklearn.datasets
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score

from placa.dataset.pixel_cache import decode
from placa.dataset.prepared import read_prepared
from placa.inference.loaded_run import LoadedRun
from placa.models.outputs import in_batches, predict_pixels
from placa.records.model import typicality_columns

DATA = Path(os.environ.get("PLACA_DATA", Path(__file__).parents[2] / "shared" / "data"))
Pixels = NDArray[np.uint8]


def read(paths: Iterable[Path], size: int) -> Pixels:
    """Read the readable ones of some files."""
    found = [levels[0] for levels, _ in decode([str(path) for path in paths], size) if levels is not None]
    return np.stack(found) if found else np.empty((0, size, size), dtype=np.uint8)


def photographs(folder: Path, crops: int = 20) -> list[Path]:
    """Return the two photographs of scikit-learn, and crops of them."""
    random, paths = np.random.default_rng(0), []
    for name in sklearn.datasets.load_sample_images().filenames:
        paths.append(Path(name))
        photograph = Image.open(name)
        for number in range(crops):
            side = int(random.integers(100, 400))
            left, top = (int(random.integers(0, edge - side)) for edge in photograph.size)
            paths.append(folder / f"{Path(name).stem}-{number}.png")
            photograph.crop((left, top, left + side, top + side)).save(paths[-1])
    return paths


def other_bodies() -> list[Path]:
    """Return the DICOM files of pydicom: CT, MR, ultrasound, dose, drawings."""
    folder = Path(pydicom.data.__file__).parent / "test_files"
    return sorted([*folder.glob("*.dcm"), *(path for path in folder.glob("dicomdirtests/**/*") if path.is_file())])


def noise(size: int, count: int = 40) -> dict[str, Pixels]:
    """Draw noise, and images of one grey level."""
    random = np.random.default_rng(0)
    shape = (count, size, size)
    smooth = np.stack([gaussian_filter(random.normal(size=shape[1:]), random.uniform(1, 6)) for _ in range(count)])
    low, spread = smooth.min(axis=(1, 2), keepdims=True), np.ptp(smooth, axis=(1, 2))[:, None, None]
    level = np.linspace(10, 245, count)[:, None, None]
    return {
        "noise, normal": np.clip(random.normal(128, 40, shape), 0, 255).astype(np.uint8),
        "noise, uniform": random.integers(0, 256, shape).astype(np.uint8),
        "noise, smooth": ((smooth - low) / spread * 255).astype(np.uint8),
        "blank": np.broadcast_to(level, shape).astype(np.uint8),
        "blank with faint noise": np.clip(random.normal(level, 2, shape), 0, 255).astype(np.uint8),
    }


def kinds(size: int, held_out: Pixels) -> dict[str, Pixels]:
    """Return images of every kind."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"photographs": read(photographs(Path(folder)), size)}
    found["other body parts (pydicom)"] = read(other_bodies(), size)
    found["CT slices"] = read(sorted((DATA / "ct").glob("*/*.png"))[::5], size)
    found["upside down"], found["inverted"] = held_out[:, ::-1], 255 - held_out
    found["turned by 90 degrees"] = np.rot90(held_out, axes=(1, 2))
    return found | noise(size)


def trained(folder: Path) -> tuple[Path, Path]:
    """Train a run on `nih-256`."""
    from placa.sources.nih import read_nih
    from placa.workflows.prepare import prepare
    from placa.workflows.train import train

    prepared, run = folder / "prepared", folder / "run"
    prepare(read_nih(DATA / "nih-256", "Pneumonia"), prepared, size=96)
    train(prepared, run)
    return run, prepared


def main(run: Path, prepared: Path) -> None:
    """Print the table of a run."""
    loaded, data = LoadedRun(run), read_prepared(prepared)

    def measure(pixels: Pixels) -> tuple[NDArray[Any], float]:
        distance = predict_pixels(loaded.engine, in_batches(np.ascontiguousarray(pixels))).distance
        assert distance is not None, "the model has no moments"
        return distance, float(np.mean(typicality_columns(distance, loaded.card)["outside"]))

    held_out = np.asarray(data.pixels[np.flatnonzero(data.manifest["split"] == "test")])
    own, flagged = measure(held_out)
    print("| images | number | AUROC | flagged |\n|---|---|---|---|")
    print(f"| test radiographs | {len(own)} | – | {100 * flagged:.1f} % |")
    for name, folder in (("other radiographs (nih-512)", "nih-512"), ("other radiographs (nih)", "nih")):
        other, share = measure(read(sorted((DATA / folder / "images").glob("*.png")), loaded.size))
        print(f"| {name} | {len(other)} | {auroc(own, other):.3f} | {100 * share:.1f} % |")
    for name, pixels in kinds(loaded.size, held_out).items():
        other, share = measure(pixels)
        print(f"| {name} | {len(other)} | {auroc(own, other):.3f} | {100 * share:.0f} % |")


def auroc(own: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the AUROC of the distance for images of another kind."""
    return float(roc_auc_score(np.repeat([0, 1], [len(own), len(other)]), np.concatenate([own, other])))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(*trained(Path(folder)))
