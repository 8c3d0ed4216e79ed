"""One path from images to probabilities, for the command line, for training and for R."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.calibrate import DEFAULT_POINT, sigmoid
from placa.errors import PlacaError
from placa.executors import Executor
from placa.files import read_json
from placa.progress import SILENT, Progress
from placa.reading import Reading

#: Images that `answer` takes at a time.
BATCH = 64
#: Images that fill one call of a large network on a CPU: as fast an image as 64, and one image alone waits less.
_FEW = 8
#: Weights from which a network counts as large.
_LARGE = 1_000_000


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
    for part, said in said_by(model, batches):
        probability.append(np.asarray(said["probability"], dtype=np.float64)[:part])
        score.append(np.asarray(said["score"], dtype=np.float64)[:part])
    if not probability:
        none = np.empty((0, model.get_layer("probability").output.shape[-1]))
        return Answers(none, none)
    return Answers(np.concatenate(probability), np.concatenate(score))


def _pooled_answer(model: Any, batches: Iterable[NDArray[np.uint8]], squares: int) -> Answers:
    from placa.models.assembled import split_at_logits

    # From the logits themselves: a probability of 1 in 32 bits has none, and those close to it only roughly.
    network, recalibration = split_at_logits(model)
    each = [np.empty((0, network.output_shape[-1]))]
    each += [np.asarray(said)[:part] for part, said in said_by(network, batches)]
    logits = pool(np.concatenate(each).astype(np.float64), squares)
    recalibrated = np.empty((len(logits), recalibration.output_shape[-1]))
    for start in range(0, len(logits), BATCH):
        # Of one size too, and for the same reason.
        block = np.zeros((BATCH, logits.shape[1]), dtype=np.float32)
        block[: len(logits) - start] = logits[start : start + BATCH]
        recalibrated[start : start + BATCH] = recalibration.predict_on_batch(block)[: len(logits) - start]
    # An ensemble has the logits of its members side by side; its score is that of their mean.
    members = logits.shape[1] // recalibrated.shape[1]
    mean = logits.reshape(len(logits), members, recalibrated.shape[1]).mean(axis=1)
    return Answers(probability=sigmoid(recalibrated), score=sigmoid(mean))


def pool(logits: NDArray[np.float64], squares: int) -> NDArray[np.float64]:
    """Make one answer of the several squares of each file: the mean of their logits.

    That is the logarithmic opinion pool (Genest and Zidek 1986), the geometric mean of their odds.

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


def said_by(network: Any, batches: Iterable[NDArray[np.uint8]]) -> Iterator[tuple[int, Any]]:
    """What a network says, as arrays for one number of images each time, of which the first so many are meant.

    Another number would be compiled anew, and would give the same image other last bits.
    """
    size = _call_size(network)
    for pixels in batches:
        for start in range(0, len(pixels), size):
            part = pixels[start : start + size]
            full = np.asarray(part)[..., None]
            if len(part) < size:
                full = np.concatenate([full, np.zeros((size - len(part), *full.shape[1:]), dtype=np.uint8)])
            yield len(part), network.predict_on_batch(full)


def _call_size(network: Any) -> int:
    from placa.backend import accelerator

    return _FEW if network.count_params() > _LARGE and accelerator() is None else BATCH


def in_batches(pixels: NDArray[np.uint8], rows: NDArray[np.int64] | None = None) -> Iterator[NDArray[np.uint8]]:
    """Cut an array of pixels, or some rows of it, into the batches that `answer` takes.

    Of a memory map no more than a batch is held at a time.
    """
    for start in range(0, len(pixels if rows is None else rows), BATCH):
        part = slice(start, start + BATCH)
        yield pixels[part if rows is None else rows[part]]


class Predictor:
    """A run's model, loaded once, when it is first needed, for any number of images.

    Args:
        run: The run directory.

    Raises:
        PlacaError: It is not a whole run, or its model is damaged or not the one that run.json speaks of.
    """

    def __init__(self, run: Path) -> None:
        from placa.models.files import read_card
        from placa.runs import require_model, require_run

        self.run = run
        self.facts = require_run(run)
        require_model(run, self.facts)
        self.fingerprint: str = self.facts["model"]["fingerprint"]
        self.card = read_card(run / "model.keras")
        self.findings: list[str] = self.card["findings"]
        self.size: int = self.card["size"]
        self.reading = Reading.from_dict(self.card.get("reading"))
        self.thresholds = read_json(run / "thresholds.json")["findings"]

    @cached_property
    def model(self) -> Any:
        """The Keras model. Raises a `PlacaError` if it cannot be loaded."""
        from placa.models.files import load_model

        return load_model(self.run / "model.keras")[0]

    def predict(
        self, paths: Sequence[str], progress: Progress = SILENT, executor: Executor | None = None
    ) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
        """Predict images from their files.

        Args:
            paths: Image files, or CT volumes for a model of these.
            progress: Where to show the bar.
            executor: Where to do it; in this process by default, where files are read while the network computes.

        Returns:
            The table of predictions, one row a file and finding (see `placa.predictions`), with the column ``path`` and
            ``class`` (``positive`` or ``negative`` at the default operating point), and ``(path, reason)`` of each
            image that could not be read.

        Raises:
            PlacaError: The executor is a cluster, and something is wrong with it.
        """
        from placa.predictions import short_names, tidy

        with progress.bar("predicting", len(paths)) as advance:
            if executor is None or executor.shares_memory:
                from placa.predict_here import answer_files
            else:
                from placa.predict_elsewhere import answer_files
            said, reasons = answer_files(self, paths, executor, advance)
        kept = [path for path, reason in zip(paths, reasons, strict=True) if not reason]
        images = pd.DataFrame({"image_id": short_names(kept, self.reading), "path": kept})
        table = tidy(images, self.findings, said.probability, said.score)
        rejected = [(path, reason) for path, reason in zip(paths, reasons, strict=True) if reason]
        return self.finished(table, images["path"]), rejected

    def finished(self, table: pd.DataFrame, paths: pd.Series) -> pd.DataFrame:
        """Give a table of predictions the columns ``path``, of each image in order, and ``class``."""
        table["path"] = paths.repeat(len(self.findings)).to_numpy()
        table["class"] = self.classify(table)
        return table

    def classify(self, table: pd.DataFrame) -> pd.Series:
        """Say ``positive`` or ``negative`` of each row, at the finding's default operating point."""
        points = {name: one["points"][one.get("default", DEFAULT_POINT)] for name, one in self.thresholds.items()}
        above = table["probability"] >= table["finding"].map(points)
        return above.map({True: "positive", False: "negative"})


def predict_files(
    run: Path,
    places: Iterable[str | os.PathLike[str]],
    progress: Progress = SILENT,
    executor: Executor | None = None,
) -> tuple[pd.DataFrame, list[tuple[str, str]], Predictor]:
    """Predict any mix of files and folders with a run's model.

    Args:
        run: The run directory.
        places: Image files (or CT volumes, for a model of these) and folders of them.
        progress: Where to show what goes on.
        executor: Where to do it; in this process by default.

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
    table, rejected = predictor.predict(paths, progress, executor)
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
