"""Time and memory of each stage as the data set grows tenfold: 500 and 5,000 images; with --full 1,000 to 100,000.

The images are synthetic, of 64 x 64 pixels, three a patient. Each stage runs in a process of its own, whose memory is
the most that it held, mapped files not counted; time is that of the work, without starting Python. With --full the
figures are drawn into growth.svg, by R.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pairs import FULL, alone, costs, work_directory
from PIL import Image

SIZE = 64
COUNTS = (1_000, 10_000, 100_000) if FULL else (500, 5_000)


def draw(directory: Path, count: int) -> None:
    """Write images, and the table that `placa prepare table` reads."""
    random = np.random.default_rng(0)
    (directory / "images").mkdir(parents=True)
    y, x = np.mgrid[:SIZE, :SIZE]
    table = pd.DataFrame({"path": [f"images/{i:06d}.png" for i in range(count)]})
    table["patient_id"] = [f"p{i // 3:06d}" for i in range(count)]
    table["finding"] = random.integers(0, 2, count)
    for file, finding in zip(table["path"], table["finding"], strict=True):
        coarse = Image.fromarray(random.integers(40, 180, (8, 8), dtype=np.uint8))
        radiograph = np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC)).astype(float)
        across, down = random.uniform(16, 48, 2)
        radiograph += finding * 60 * np.exp(-((x - across) ** 2 + (y - down) ** 2) / 60)
        Image.fromarray(radiograph.clip(0, 255).astype(np.uint8)).save(directory / file)
    table.to_csv(directory / "table.csv", index=False)


def _files(directory: Path) -> list[str]:
    return [str(path) for path in sorted((directory / "images").glob("*.png"))]


def decode(directory: Path) -> Callable[[], object]:
    """The pixel cache."""
    from placa.dataset.pixel_cache import build_cache

    files = _files(directory)
    return lambda: build_cache(files, directory / "cache.npy", SIZE)


def group(directory: Path) -> Callable[[], object]:
    """Groups found from file order and likeness, which a set needs only where patients are unknown."""
    from placa.dataset.groups.group_images import group_images

    files, pixels = _files(directory), np.load(directory / "cache.npy", mmap_mode="r")
    return lambda: group_images(files, pixels)


def prepare_all(directory: Path) -> Callable[[], object]:
    """All of ``placa prepare table``."""
    from placa.sources.table import read_table
    from placa.workflows.prepare import prepare

    def work() -> None:
        prepare(read_table(directory / "table.csv", "finding"), directory / "prepared", size=SIZE)

    return work


def audit(directory: Path) -> Callable[[], object]:
    """``placa audit``, which ``prepare`` has done too."""
    from placa.workflows.audit import audit_prepared

    return lambda: audit_prepared(directory / "prepared", progress=False)


def learn(directory: Path) -> Callable[[], object]:
    """One epoch, with validation and the predictions of all images."""
    from placa.training.options import TrainOptions
    from placa.workflows.train import train

    return lambda: train(directory / "prepared", directory / "run", TrainOptions(epochs=1))


def predict(directory: Path) -> Callable[[], object]:
    """``placa predict`` on prepared pixels."""
    from placa.inference.predict import Predictor
    from placa.inference.prepared import predict_prepared

    predictor = Predictor(directory / "run")
    return lambda: predict_prepared(predictor, directory / "prepared")


def evaluate(directory: Path) -> Callable[[], object]:
    """``placa evaluate``, in R: all tables and figures of the test split."""
    from placa.workflows.evaluate import evaluate

    return lambda: evaluate(directory / "run")


STAGES: dict[str, Callable[[Path], Callable[[], object]]] = {
    "decode": decode,
    "group by likeness": group,
    "prepare, all of it": prepare_all,
    "audit": audit,
    "train one epoch": learn,
    "predict": predict,
    "evaluate": evaluate,
}


def measure() -> pd.DataFrame:
    """Run every stage at every size, and print a row for each as it gets ten times as large."""
    measured: list[dict[str, Any]] = []
    with work_directory() as directory:
        for count in COUNTS:
            place = directory / str(count)
            draw(place, count)
            for stage in STAGES:
                taken, work, memory = map(float, alone("--stage", stage, str(place)).split()[-3:])
                before = [one for one in measured if one["stage"] == stage]
                measured.append({"stage": stage, "images": count, "seconds": taken, "work": work, "megabytes": memory})
                if before:
                    last = before[-1]
                    print(
                        f"| {stage}, {count:,} images of {SIZE}² | {_said(measured[-1])} "
                        f"| {_said(last)} (placa, {last['images']:,}) | {work / last['work']:.1f} times the work |",
                        flush=True,
                    )
    return pd.DataFrame(measured)


def _said(one: dict[str, Any]) -> str:
    return f"{one['seconds']:.1f} s ({one['work']:.1f} of all cores), {one['megabytes']:.0f} MB"


def main() -> None:
    """Print the rows, and draw them."""
    measured = measure()
    if FULL:
        here = Path(__file__).parent
        with work_directory() as directory:
            measured.to_csv(directory / "growth.csv", index=False)
            plot = ["Rscript", str(here / "growth-plot.R"), str(directory / "growth.csv"), str(here / "growth.svg")]
            subprocess.run(plot, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    if "--stage" in sys.argv:
        work = STAGES[sys.argv[2]](Path(sys.argv[3]))
        print(*costs(work))
    else:
        main()
