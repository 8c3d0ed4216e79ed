"""Prediction: prepared pixels against the bare model, PNG files against the least loop that overlaps decoding with the
network, and the first answer, in Python and in R, against the import of TensorFlow.

The model is `small` at 224 pixels, trained here for one epoch on phantoms: what it says does not matter. With --first,
only the first answers are measured.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import contextlib
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from pairs import in_turns, large_radiographs, rate, row, work_directory
from PIL import Image

from placa.core.system import cores
from placa.inference.predict import Predictor
from placa.inference.prepared import predict_prepared
from placa.sources.phantom import read_phantoms
from placa.training.options import TrainOptions
from placa.workflows.prepare import prepare
from placa.workflows.train import train

SIZE, BATCH, FILES = 224, 64, 162


def overlapped(predictor: Predictor, files: list[str]) -> None:
    """Decode on threads and run the network at the same time, and nothing else."""

    def decoded(file: str) -> np.ndarray:
        with Image.open(file) as image:
            return np.asarray(image.convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR))

    def stack(start: int) -> np.ndarray:
        return np.stack([future.result() for future in coming[start : start + BATCH]])[..., None]

    with ThreadPoolExecutor(cores()) as pool:
        coming = [pool.submit(decoded, file) for file in files]
        for start in range(0, len(files), BATCH):
            predictor.model.predict_on_batch(stack(start))


def from_pixels(prepared: Path, predictor: Predictor) -> None:
    """The whole of ``placa predict`` without loading the model, against `model.predict`."""
    pixels = np.load(prepared / f"pixels-{SIZE}.npy")[..., None]
    times = in_turns(
        {
            "placa": lambda: predict_prepared(predictor, prepared),
            "bare": lambda: predictor.model.predict(pixels, batch_size=BATCH, verbose=0),
        }
    )
    title = f"predict {len(pixels):,} prepared images of {SIZE}²"
    row(title, times["placa"], times["bare"], rate(len(pixels)), "bare `model.predict`")


def from_files(directory: Path, predictor: Predictor) -> None:
    """1024 x 1024 PNGs."""
    files, what = large_radiographs(directory, FILES)
    times = in_turns({"placa": lambda: predictor.predict(files), "overlapped": lambda: overlapped(predictor, files)})
    other = "decoding and network overlapped"
    row(f"predict {FILES} of {what} 1024² PNGs", times["placa"], times["overlapped"], rate(FILES), other)


def first_answer(directory: Path) -> None:
    """The command line for one image, from start to end, with what one gets who says nothing of size or network."""
    prepared, run = directory / "prepared-usual", directory / "run-usual"
    prepare(partial(read_phantoms, images=60, seed=0), prepared)
    train(prepared, run, TrainOptions(epochs=1))
    image = next((prepared / "images").glob("*.png"))
    for size, model in ((Predictor(run).size, run), (SIZE, directory / "run")):
        predict = [sys.executable, "-m", "placa", "predict", str(model), str(image)]
        call = f"library(placa); predict(load_model({str(model)!r}), {str(image)!r})"
        answers = {"": predict, " in R": ["Rscript", "-e", call]}
        if shutil.which("Rscript") is None:
            del answers[" in R"]
        quiet = partial(subprocess.run, check=True, capture_output=True)
        works = {language: partial(quiet, command) for language, command in answers.items()}
        times = in_turns({**works, "import": partial(quiet, [sys.executable, "-c", "import tensorflow"])})
        bare = statistics.median(times["import"])
        for language, command in answers.items():
            ratios = [a / b for a, b in zip(times[language], times["import"], strict=True)]
            print(
                f"| the first answer{language}, one image from a cold start, `small` at {size}² "
                f"| {statistics.median(times[language]):.2f} s, at most {peak_memory(command)} MB "
                f"| {bare:.2f} s (`import tensorflow` alone) "
                f"| {statistics.median(ratios):.2f} of it ({min(ratios):.2f} to {max(ratios):.2f}) |",
                flush=True,
            )


def peak_memory(command: list[str]) -> int:
    """Return the largest memory of a command and the processes that it starts, in MB, looked at every 10 ms."""
    process, most = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), 0
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            most = max(most, sum(one.memory_info().rss for one in [process, *process.children(recursive=True)]))
        time.sleep(0.01)
    return most // 10**6


def main() -> None:
    """Print the rows."""
    with work_directory() as directory:
        prepared, run = directory / "prepared", directory / "run"
        prepare(partial(read_phantoms, images=400, seed=0), prepared, size=SIZE)
        train(prepared, run, TrainOptions(epochs=1))
        if "--first" not in sys.argv:
            predictor = Predictor(run)
            from_pixels(prepared, predictor)
            from_files(directory, predictor)
        first_answer(directory)


if __name__ == "__main__":
    main()
