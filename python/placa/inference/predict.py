"""One path from images to probabilities, for the command line, for training and for R."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from placa.core.executors import Executor
from placa.core.progress import SILENT, Progress
from placa.images.by_rule import list_files, short_names
from placa.inference import dask, local
from placa.inference.errors import NoReadableImageError
from placa.inference.loaded_run import LoadedRun, load_once
from placa.records.predictions import tidy
from placa.records.reading import Reading
from placa.records.run import require_run


class Predictor(LoadedRun):
    """A run's model, loaded once, when it is first needed, for any number of images.

    Args:
        run: The run directory.

    Raises:
        PlacaError: It is not a whole run, or its model is damaged or not the one that run.json speaks of.
    """

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
        with progress.bar("predicting", len(paths)) as advance:
            if executor is None or executor.shares_memory:
                said, reasons = local.predict_paths(self, paths, executor, advance)
            else:
                said, reasons = dask.predict_paths(self, paths, executor, advance)
        kept = [path for path, reason in zip(paths, reasons, strict=True) if not reason]
        images = pd.DataFrame({"image_id": short_names(self.reading, kept), "path": kept})
        table = tidy(images, self.findings, said.probability, said.score)
        rejected = [(path, reason) for path, reason in zip(paths, reasons, strict=True) if reason]
        return self.add_path_and_class(table, images["path"]), rejected


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
    # From run.json, so that a place that is not there is told before a model is loaded.
    reading = Reading.from_dict(require_run(run)["data"].get("reading"))
    paths = [str(path) for path in list_files(reading, places)]
    predictor = Predictor(run)
    table, rejected = predictor.predict(paths, progress, executor)
    if not len(table):
        raise NoReadableImageError(
            f"None of the {len(paths)} images could be read; the first, {rejected[0][0]}: {rejected[0][1]}.",
            images=len(paths),
            path=rejected[0][0],
            reason=rejected[0][1],
        )
    return table, rejected, predictor


def loaded(run: Path) -> Predictor:
    """A run's predictor, loaded once as long as its model file stays the same: R asks once a batch.

    Raises:
        PlacaError: `run` is no run, or its model cannot be loaded.
    """
    return load_once(Predictor, run)
