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

from placa.calibrate import DEFAULT_POINT
from placa.errors import PlacaError
from placa.files import read_json
from placa.images import find_images
from placa.progress import SILENT, Progress

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


def answer(model: Any, batches: Iterable[NDArray[np.uint8]]) -> Answers:
    """Run a model over batches of pixels.

    Every batch is filled up to one size, so that the same image gets the same probability to the bit whatever it
    came with.

    Args:
        model: From uint8 pixels ``(n, size, size, 1)`` to score and probability.
        batches: Grey levels ``(n, size, size)``, n at most 64.
    """
    probability, score = [], []
    for pixels in batches:
        full = np.zeros((_BATCH, *pixels.shape[1:], 1), dtype=np.uint8)
        full[: len(pixels), ..., 0] = pixels
        said = model.predict_on_batch(full)
        probability.append(np.asarray(said["probability"], dtype=np.float64)[: len(pixels)])
        score.append(np.asarray(said["score"], dtype=np.float64)[: len(pixels)])
    if not probability:
        none = np.empty((0, model.get_layer("probability").output.shape[-1]))
        return Answers(none, none)
    return Answers(np.concatenate(probability), np.concatenate(score))


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
        from placa.models import load_model
        from placa.runs import require_run

        self.facts = require_run(run)
        self.model, self.card = load_model(run / "model.keras")
        self.findings: list[str] = self.card["findings"]
        self.size: int = self.card["size"]
        self.thresholds = read_json(run / "thresholds.json")["findings"]

    def predict(self, paths: Sequence[str], progress: Progress = SILENT) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
        """Predict images from their files.

        Args:
            paths: Image files.
            progress: Where to show the bar.

        Returns:
            The table of predictions (see `placa.predictions`), with the column ``path`` and ``class`` (``positive`` or
            ``negative`` at the default operating point), and ``(path, reason)`` of each image that could not be read.
        """
        from placa.cache import decode
        from placa.predictions import tidy

        kept: list[str] = []
        rejected: list[tuple[str, str]] = []

        def readable() -> Iterator[NDArray[np.uint8]]:
            with progress.bar("predicting", len(paths)) as advance:
                for path, (levels, reason) in zip(paths, decode(paths, self.size), strict=True):
                    if levels is None:
                        rejected.append((path, reason))
                    else:
                        kept.append(path)
                        yield levels
                    advance()

        stream = readable()
        stacks = iter(lambda: list(islice(stream, _BATCH)), [])
        said = answer(self.model, (np.stack(stack) for stack in stacks))
        images = pd.DataFrame({"image_id": _short_names(kept), "path": kept})
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
        places: Image files and folders of them.
        progress: Where to show what goes on.

    Returns:
        The table and the rejected images, as `Predictor.predict` gives them, and the predictor.

    Raises:
        PlacaError: `run` is no run, a place does not exist, or not one image could be read.
    """
    from placa.runs import require_run

    require_run(run)
    paths = [str(path) for path in find_images(places)]
    predictor = Predictor(run)
    table, rejected = predictor.predict(paths, progress)
    if not len(table):
        raise PlacaError(
            f"None of the {len(paths)} images could be read; the first, {rejected[0][0]}: {rejected[0][1]}."
        )
    return table, rejected, predictor


_LOADED: dict[tuple[str, int], Predictor] = {}


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
    from placa.runs import require_run

    require_run(Path(run))
    # R calls this once a batch or once an image; the model is loaded once as long as its file stays the same.
    key = (os.path.abspath(run), os.stat(Path(run) / "model.keras").st_mtime_ns)
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = Predictor(Path(run))
    table, rejected = _LOADED[key].predict([str(path) for path in find_images(images)])
    return {
        "image": table["path"].tolist(),
        "finding": table["finding"].tolist(),
        "probability": table["probability"].tolist(),
        "score": table["score"].tolist(),
        "class": table["class"].tolist(),
        "rejected_image": [path for path, _ in rejected],
        "rejected_reason": [reason for _, reason in rejected],
    }


def _short_names(paths: Sequence[str]) -> list[str]:
    """File names where they tell the images apart, which join with a table of labels; whole paths where they don't."""
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(names) else list(paths)
