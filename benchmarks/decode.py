"""The pixel cache from PNGs of 1024 x 1024 pixels, against three loops that people write; JPEG; and memory.

Memory is that of a process of its own that builds a cache from 1,000 files, and
from ten times as many (112,120 with --full): links to the same few, of 256 x 256 pixels.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from pairs import FULL, alone, costs, in_turns, large_radiographs, rate, row, work_directory
from PIL import Image

from placa.core.system import cores
from placa.dataset.pixel_cache import build_cache

FILES, SIZE = 162, 224


def by_placa(files: list[str], target: Path) -> None:
    """The cache, written to disk."""
    build_cache(files, target, SIZE)


def by_pillow(files: list[str]) -> np.ndarray:
    """What one writes who knows Pillow: one thread per core, as Pillow decodes without Python's lock."""
    out = np.empty((len(files), SIZE, SIZE), np.uint8)

    def decode(i: int) -> None:
        with Image.open(files[i]) as image:
            out[i] = image.convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR)

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(decode, range(len(files))))
    return out


def by_load_img(files: list[str]) -> np.ndarray:
    """The loop of the original notebook: Keras' `load_img`, which takes the nearest pixel."""
    from keras.utils import img_to_array, load_img

    size = (SIZE, SIZE)
    return np.array([img_to_array(load_img(file, color_mode="grayscale", target_size=size)) / 255 for file in files])


def by_dataset(folder: Path) -> Callable[[], None]:
    """Keras' `image_dataset_from_directory`, as it comes: one pass over the folder."""
    from keras.utils import image_dataset_from_directory

    def one_pass() -> None:
        # The listing is part of it, as it is of the others.
        data = image_dataset_from_directory(
            folder, labels=None, color_mode="grayscale", image_size=(SIZE, SIZE), batch_size=32, verbose=False
        )
        for _ in data:
            pass

    return one_pass


def memory(directory: Path) -> None:
    """Print the rows about memory."""
    peaks = {}
    for count in (1_000, 112_120 if FULL else 10_000):
        peaks[count] = float(alone("--memory", str(count), str(directory)))
    (few, least), (many, most) = peaks.items()
    print(
        f"| memory to decode {many:,} files, against {few:,} | {most:.0f} MB | {least:.0f} MB (placa, {few:,}) "
        f"| {most / least:.2f} |",
        flush=True,
    )


def measure_memory(count: int, directory: Path) -> None:
    """Build a cache of 64 x 64 squares from links, and print the most memory that was held."""
    folder = directory / f"links-{count}"
    folder.mkdir()
    originals = sorted((directory / "small").glob("*.png"))
    files = []
    for i in range(count):
        files.append(str(folder / f"{i:06d}.png"))
        os.symlink(originals[i % len(originals)], files[-1])
    print(costs(lambda: build_cache(files, directory / "cache.npy", 64))[2])
    shutil.rmtree(folder)


def main() -> None:
    """Print the rows."""
    with work_directory() as directory:
        files, what = large_radiographs(directory, FILES)
        folder, target = directory / "folder", directory / "cache.npy"
        folder.mkdir()
        for i, file in enumerate(files):
            os.symlink(file, folder / f"{i:04d}.png")
        times = in_turns(
            {
                "placa": lambda: by_placa(files, target),
                "pillow": lambda: by_pillow(files),
                "load_img": lambda: by_load_img(files),
                "dataset": by_dataset(folder),
            }
        )
        difference = np.abs(np.load(target).astype(int) - by_pillow(files)).max()
        title, speed = f"decode {what} 1024² PNGs to {SIZE}² on {cores()} cores", rate(FILES)
        other = f"Pillow in {cores()} threads"
        row(f"{title}; pixels differ by at most {difference}", times["placa"], times["pillow"], speed, other)
        row(title, times["placa"], times["dataset"], speed, "`image_dataset_from_directory`, all cores")
        row(title, times["placa"], times["load_img"], speed, "`load_img`, 1 core, not antialiased")

        jpegs = [str(directory / f"{i}.jpg") for i in range(48)]
        for file, jpeg in zip(files, jpegs, strict=False):
            Image.open(file).convert("L").save(jpeg, quality=92)
        times = in_turns({"placa": lambda: by_placa(jpegs, target), "pillow": lambda: by_pillow(jpegs)})
        apart = np.abs(np.load(target).astype(int) - by_pillow(jpegs))
        row(
            f"decode the same as JPEG; pixels differ by {apart.mean():.2f} on average",
            times["placa"],
            times["pillow"],
            rate(len(jpegs)),
            f"{other}, no draft mode",
        )

        (directory / "small").mkdir()
        for i, file in enumerate(files[:16]):
            Image.open(file).convert("L").resize((256, 256)).save(directory / "small" / f"{i}.png")
        memory(directory)


if __name__ == "__main__":
    if "--memory" in sys.argv:
        measure_memory(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
