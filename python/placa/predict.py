"""One path from images to probabilities, for the command line, for training and for R."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.calibrate import DEFAULT_POINT, sigmoid
from placa.errors import PlacaError
from placa.files import read_json
from placa.progress import SILENT, Progress
from placa.reading import Reading

_BATCH = 64


@dataclass
class Answers:
    """What a model says of images.

    Attributes:
        probability: After recalibration, 0 to 1, shape ``(n, findings)``.
        score: Before recalibration, same shape.
    """

    probability: NDArray[np.float64]
    score: NDArray[np.float64]


def answer(model: Any, batches: Iterable[NDArray[np.uint8]], squares: int = 1) -> Answers:
    """Run a model over batches of pixels.

    Every batch is filled up to one size, so that the same image gets the same probability to the bit whatever it
    came with.

    Args:
        model: From uint8 pixels ``(n, size, size, 1)`` to score and probability.
        batches: Grey levels ``(n, size, size)``, n at most 64.
        squares: How many squares in a row are one file, whose answer is pooled: the mean of their logits, then
            recalibrated (see `pool`).
    """
    if squares > 1:
        return _pooled_answer(model, batches, squares)
    probability, score = [], []
    for pixels in batches:
        said = model.predict_on_batch(_filled(pixels))
        probability.append(np.asarray(said["probability"], dtype=np.float64)[: len(pixels)])
        score.append(np.asarray(said["score"], dtype=np.float64)[: len(pixels)])
    if not probability:
        none = np.empty((0, model.get_layer("probability").output.shape[-1]))
        return Answers(none, none)
    return Answers(np.concatenate(probability), np.concatenate(score))


def _pooled_answer(model: Any, batches: Iterable[NDArray[np.uint8]], squares: int) -> Answers:
    from placa.backend import load_keras

    # From the logits themselves: a probability of 1 in 32 bits has none, and those close to it only roughly.
    recalibration = model.get_layer("recalibration")
    network = load_keras().Model(model.input, recalibration.input)
    slope, intercept = (weights.astype(np.float64) for weights in recalibration.get_weights())
    each = [np.empty((0, len(slope)))]
    each += [np.asarray(network.predict_on_batch(_filled(pixels)))[: len(pixels)] for pixels in batches]
    logits = pool(np.concatenate(each).astype(np.float64), squares)
    return Answers(probability=sigmoid(slope * logits + intercept), score=sigmoid(logits))


def pool(logits: NDArray[np.float64], squares: int) -> NDArray[np.float64]:
    """Make one answer of the several squares of each file: the mean of their logits.

    That is the logarithmic opinion pool (Genest and Zidek 1986), the geometric mean of their odds. Platt's
    recalibration is affine in the logit, so it may come before or after.

    Args:
        logits: The squares of each file in a row, shape ``(files * squares, findings)``.
        squares: How many squares a file has.

    Returns:
        Shape ``(files, findings)``.
    """
    if squares == 1:
        return logits
    # File by file, so that a file's mean is the same to the bit whatever it came with.
    blocks = logits.reshape(-1, squares, logits.shape[1])
    return np.array([block.mean(axis=0) for block in blocks]).reshape(-1, logits.shape[1])


def _filled(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    full = np.zeros((_BATCH, *pixels.shape[1:], 1), dtype=np.uint8)
    full[: len(pixels), ..., 0] = pixels
    return full


def in_batches(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Cut an array of pixels into the batches that `answer` takes."""
    for start in range(0, len(pixels), _BATCH):
        yield pixels[start : start + _BATCH]


class Predictor:
    """A run's model, loaded once and ready for any number of images.

    Args:
        run: The run directory.

    Raises:
        PlacaError: It is not a whole run, or its model cannot be loaded.
    """

    def __init__(self, run: Path) -> None:
        from placa.models.files import load_model
        from placa.runs import require_run

        self.facts = require_run(run)
        self.model, self.card = load_model(run / "model.keras")
        self.findings: list[str] = self.card["findings"]
        self.size: int = self.card["size"]
        self.reading = Reading.from_dict(self.card.get("reading"))
        self.thresholds = read_json(run / "thresholds.json")["findings"]

    def predict(self, paths: Sequence[str], progress: Progress = SILENT) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
        """Predict images from their files.

        Args:
            paths: Image files, or CT volumes for a model of these.
            progress: Where to show the bar.

        Returns:
            The table of predictions, one row a file and finding (see `placa.predictions`), with the column ``path`` and
            ``class`` (``positive`` or ``negative`` at the default operating point), and ``(path, reason)`` of each
            image that could not be read.
        """
        from placa.cache import decode
        from placa.predictions import tidy

        kept: list[str] = []
        rejected: list[tuple[str, str]] = []

        def readable() -> Iterator[NDArray[np.uint8]]:
            files = decode(paths, self.size, reading=self.reading)
            with progress.bar("predicting", len(paths)) as advance:
                for path, (levels, reason) in zip(paths, files, strict=True):
                    if levels is None:
                        rejected.append((path, reason))
                    else:
                        kept.append(path)
                        yield from levels
                    advance()

        stream = readable()
        stacks = iter(lambda: list(islice(stream, _BATCH)), [])
        said = answer(self.model, (np.stack(stack) for stack in stacks), self.reading.squares)
        images = pd.DataFrame({"image_id": _short_names(kept, self.reading), "path": kept})
        table = tidy(images, self.findings, said.probability, said.score)
        table["path"] = images["path"].repeat(len(self.findings)).to_numpy()
        table["class"] = self.classify(table)
        return table, rejected

    def classify(self, table: pd.DataFrame) -> pd.Series:
        """Say ``positive`` or ``negative`` of each row, at the finding's default operating point."""
        points = {name: one["points"][one.get("default", DEFAULT_POINT)] for name, one in self.thresholds.items()}
        above = table["probability"] >= table["finding"].map(points)
        return above.map({True: "positive", False: "negative"})


def predict_files(
    run: Path, places: Iterable[str | os.PathLike[str]], progress: Progress = SILENT
) -> tuple[pd.DataFrame, list[tuple[str, str]], Predictor]:
    """Predict any mix of files and folders with a run's model.

    Args:
        run: The run directory.
        places: Image files (or CT volumes, for a model of these) and folders of them.
        progress: Where to show what goes on.

    Returns:
        The table and the rejected images, as `Predictor.predict` gives them, and the predictor.

    Raises:
        PlacaError: `run` is no run, a place does not exist, or not one image could be read.
    """
    from placa.runs import require_run

    # From run.json, so that a place that is not there is told before a model is loaded.
    reading = Reading.from_dict(require_run(run)["data"].get("reading"))
    paths = [str(path) for path in reading.find(places)]
    predictor = Predictor(run)
    table, rejected = predictor.predict(paths, progress)
    if not len(table):
        raise PlacaError(
            f"None of the {len(paths)} images could be read; the first, {rejected[0][0]}: {rejected[0][1]}."
        )
    return table, rejected, predictor


_LOADED: dict[tuple[str, int], Predictor] = {}


def loaded(run: Path) -> Predictor:
    """A run's predictor, loaded once as long as its model file stays the same: R asks once a batch.

    Raises:
        PlacaError: `run` is no run, or its model cannot be loaded.
    """
    from placa.runs import require_run

    require_run(run)
    key = (os.path.abspath(run), os.stat(run / "model.keras").st_mtime_ns)
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = Predictor(run)
    return _LOADED[key]


def find_as_list(run: str, places: list[str]) -> list[str]:
    """List the files that a run's model would read, for R: files as they are given, folders with what is in them.

    Raises:
        PlacaError: `run` is no run, a place does not exist, or there is no such file in all of them.
    """
    from placa.runs import require_run

    # From run.json: R lists files before the model is loaded.
    reading = Reading.from_dict(require_run(Path(run))["data"].get("reading"))
    return [str(path) for path in reading.find(places)]


def predict_as_lists(run: str, images: list[str]) -> dict[str, list[Any]]:
    """Predict for R: paths in, plain lists out.

    Args:
        run: The run directory.
        images: Image files and folders of them.

    Returns:
        ``image``, ``finding``, ``probability``, ``score`` and ``class``, one entry an image and finding, and
        ``rejected_image`` and ``rejected_reason`` of those that could not be read.

    Raises:
        PlacaError: `run` is no run, or an image does not exist.
    """
    predictor = loaded(Path(run))
    table, rejected = predictor.predict([str(path) for path in predictor.reading.find(images)])
    return {
        "image": table["path"].tolist(),
        "finding": table["finding"].tolist(),
        "probability": table["probability"].tolist(),
        "score": table["score"].tolist(),
        "class": table["class"].tolist(),
        "rejected_image": [path for path, _ in rejected],
        "rejected_reason": [reason for _, reason in rejected],
    }


def _short_names(paths: Sequence[str], reading: Reading) -> list[str]:
    """File names where they tell the images apart, which join with a table of labels; whole paths where they don't."""
    names = [reading.name(path) for path in paths]
    return names if len(set(names)) == len(names) else list(paths)
