"""One path from images to probabilities, for the command line, for training and for R."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from placa.core.errors import PlacaError
from placa.core.executors import Executor
from placa.core.files import read_json
from placa.core.progress import SILENT, Progress
from placa.images.by_rule import list_files, short_names
from placa.models.calibration import DEFAULT_POINT
from placa.records.reading import Reading


class Predictor:
    """A run's model, loaded once, when it is first needed, for any number of images.

    Args:
        run: The run directory.

    Raises:
        PlacaError: It is not a whole run, or its model is damaged or not the one that run.json speaks of.
    """

    def __init__(self, run: Path) -> None:
        from placa.models.files import read_card
        from placa.records.run import require_model, require_run

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
            The table of predictions, one row a file and finding (see `placa.records.predictions`), with the column
            ``path`` and ``class`` (``positive`` or ``negative`` at the default operating point), and ``(path,
            reason)`` of each image that could not be read.

        Raises:
            PlacaError: The executor is a cluster, and something is wrong with it.
        """
        from placa.records.predictions import tidy

        with progress.bar("predicting", len(paths)) as advance:
            if executor is None or executor.shares_memory:
                from placa.inference.predict_here import answer_files
            else:
                from placa.inference.predict_elsewhere import answer_files
            said, reasons = answer_files(self, paths, executor, advance)
        kept = [path for path, reason in zip(paths, reasons, strict=True) if not reason]
        images = pd.DataFrame({"image_id": short_names(self.reading, kept), "path": kept})
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
    from placa.records.run import require_run

    # From run.json, so that a place that is not there is told before a model is loaded.
    reading = Reading.from_dict(require_run(run)["data"].get("reading"))
    paths = [str(path) for path in list_files(reading, places)]
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
    from placa.records.run import require_run

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
    from placa.records.run import require_run

    # From run.json: R lists files before the model is loaded.
    reading = Reading.from_dict(require_run(Path(run))["data"].get("reading"))
    return [str(path) for path in list_files(reading, places)]


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
    table, rejected = predictor.predict([str(path) for path in list_files(predictor.reading, images)])
    return {
        "image": table["path"].tolist(),
        "finding": table["finding"].tolist(),
        "probability": table["probability"].tolist(),
        "score": table["score"].tolist(),
        "class": table["class"].tolist(),
        "rejected_image": [path for path, _ in rejected],
        "rejected_reason": [reason for _, reason in rejected],
    }
