"""Prediction of image files, for the command line, for Python and for R."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from placa.core.executors import Executor
from placa.core.progress import SILENT, Progress
from placa.core.system import changed_decoders
from placa.images.by_rule import list_files, short_names
from placa.images.errors import NoReadableImageError
from placa.inference import dask, local
from placa.inference.loaded_run import LoadedRun, load_once
from placa.records.predictions import tidy
from placa.records.reading import Reading
from placa.records.run import require_run


class Predictor(LoadedRun):
    """Predict images with a run's model, which is loaded once, at first use.

    Args:
        run: The run directory.

    Raises:
        PlacaError: `run` is not a complete run, or its model is damaged or is not the one that ``run.json`` names.
    """

    def predict(
        self, paths: Sequence[str], progress: Progress = SILENT, executor: Executor | None = None
    ) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
        """Predict images from their files.

        Args:
            paths: Image files, or CT volumes if the model reads volumes.
            progress: Shows the progress bar.
            executor: Where the work is done; by default in this process, which reads files while the network computes.

        Returns:
            The table of predictions, one row per file and finding (see `placa.records.predictions`), with the columns
            ``path`` and ``class`` (``positive`` or ``negative`` at the default operating point), and ``(path,
            reason)`` of each image that could not be read.

        Raises:
            PlacaError: The executor is a cluster, and it failed or its workers have other files.
        """
        with progress.bar("predicting", len(paths)) as advance:
            if executor is None or executor.shares_memory:
                outputs, reasons = local.predict_paths(self, paths, executor, advance)
            else:
                outputs, reasons = dask.predict_paths(self, paths, executor, advance)
        readable = [path for path, reason in zip(paths, reasons, strict=True) if not reason]
        images = pd.DataFrame({"image_id": short_names(self.reading, readable), "path": readable})
        table = tidy(images, self.findings, outputs.probability, outputs.score)
        rejected = [(path, reason) for path, reason in zip(paths, reasons, strict=True) if reason]
        return self.add_path_and_class(table, images["path"]), rejected


def predict_files(
    run: str | Path,
    places: Iterable[str | os.PathLike[str]],
    progress: Progress = SILENT,
    executor: Executor | None = None,
) -> tuple[pd.DataFrame, list[tuple[str, str]], Predictor]:
    """Predict files and folders with a run's model.

    Args:
        run: The run directory.
        places: Image files (or CT volumes, if the model reads volumes) and folders of them, in any combination.
        progress: Shows the progress bar.
        executor: Where the work is done; in this process by default.

    Returns:
        The table and the rejected images, as from `Predictor.predict`, with the files in folders that are skipped; and
        the predictor.

    Raises:
        NoReadableImageError: None of the images can be read.
        PlacaError: `run` is not a run, or a place does not exist.
    """
    run = Path(run)
    # The reading rule comes from run.json, so that a missing place is reported before the model is loaded.
    data = require_run(run)["data"]
    reading = Reading.from_record(data.get("reading"))
    changed = changed_decoders(data.get("decoders", {}))
    if changed:
        progress.warn(
            f"the run's images were read with other decoders ({changed}): pixels and probabilities may differ slightly"
        )
    listing = list_files(reading, places)
    paths = [str(path) for path in listing]
    predictor = Predictor(run)
    table, rejected = predictor.predict(paths, progress, executor)
    if not len(table):
        raise no_readable_image(len(paths), *rejected[0])
    return table, rejected + listing.reasons, predictor


def no_readable_image(images: int, path: str, reason: str) -> NoReadableImageError:
    """Make the error for images none of which can be read.

    Args:
        images: How many images there are.
        path: The first of them.
        reason: Why the first one is rejected.
    """
    message = f"None of the {images:,} images can be read. The first is {path}: {reason}."
    return NoReadableImageError(message, images=images, path=path, reason=reason)


def load_predictor(run: str | Path) -> Predictor:
    """Return a run's predictor, loaded once while its model file is unchanged. R calls this once per batch.

    Raises:
        PlacaError: `run` is not a run, or its model cannot be loaded.
    """
    return load_once(Predictor, run)
