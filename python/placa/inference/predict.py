"""Prediction of image files, for the command line, for Python and for R."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placa.core.executors import Executor
from placa.core.progress import SILENT, Progress
from placa.core.system import changed_decoders
from placa.images.by_rule import list_files, short_names
from placa.images.errors import NoReadableImageError
from placa.inference.embedded import require_pixels
from placa.inference.loaded_run import LoadedRun, load_once
from placa.models.onnx_file import WITHOUT_ONNX
from placa.models.outputs import ModelOutputs
from placa.records.model import typicality_columns

if TYPE_CHECKING:
    import pandas as pd

#: Why Keras predicts although the run may have ``model.onnx`` (see `LoadedRun.without_onnx`).
_REASONS = {name: f"the run has no model.onnx, because {reason}" for name, reason in WITHOUT_ONNX.items()} | {
    "before": "an earlier version of placa wrote the run, without model.onnx",
    "missing": "the file model.onnx of the run is missing",
    "runtime": "onnxruntime is not installed (pip install onnxruntime)",
}


@dataclass(frozen=True)
class FilePredictions:
    """Predictions of image files.

    Attributes:
        predictor: The run whose model predicted.
        paths: The files that were read.
        outputs: The model outputs for these files, in order.
        rejected: Path and reason of each file that could not be read.
    """

    predictor: LoadedRun
    paths: list[str]
    outputs: ModelOutputs
    rejected: list[tuple[str, str]]

    def columns(self) -> dict[str, list[Any]]:
        """Return ``image_id``, ``path``, ``finding``, ``probability``, ``score`` and ``class``.

        Each list has one entry per file and finding; the findings of a file are consecutive. If the model compares
        images with its training images, there are also ``typicality`` and ``outside``.
        """
        findings = self.predictor.findings
        names = short_names(self.predictor.reading, self.paths)
        typicality = typicality_columns(self.outputs.distance, self.predictor.card)
        return {
            "image_id": [name for name in names for _ in findings],
            "path": [path for path in self.paths for _ in findings],
            "finding": findings * len(self.paths),
            "probability": self.outputs.probability.ravel().tolist(),
            "score": self.outputs.score.ravel().tolist(),
            "class": self.predictor.classify(self.outputs.probability),
            **{name: [value for value in values for _ in findings] for name, values in typicality.items()},
        }

    def table(self) -> pd.DataFrame:
        """Return the table of predictions (see `placa.records.predictions`) with the columns ``path`` and ``class``."""
        # pandas is imported here: a prediction that only prints does not need it.
        import pandas as pd

        names = short_names(self.predictor.reading, self.paths)
        return self.predictor.tabulate(pd.DataFrame({"image_id": names, "path": self.paths}), self.outputs)


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
        predictions = self.predict_files(paths, progress, executor)
        return predictions.table(), predictions.rejected

    def predict_files(
        self, paths: Sequence[str], progress: Progress = SILENT, executor: Executor | None = None
    ) -> FilePredictions:
        """Predict images from their files, as `predict` does, without a table of pandas."""
        require_pixels(self)
        if self.without_onnx in _REASONS:
            progress.say(f"TensorFlow is started: {_REASONS[str(self.without_onnx)]}")
        with progress.bar("predicting", len(paths)) as advance:
            if executor is None or executor.shares_memory:
                outputs, reasons = self.predict_paths(paths, executor, advance)
            else:
                from placa.inference import dask

                outputs, reasons = dask.predict_paths(self, paths, executor, advance)
        readable = [path for path, reason in zip(paths, reasons, strict=True) if not reason]
        rejected = [(path, reason) for path, reason in zip(paths, reasons, strict=True) if reason]
        return FilePredictions(self, readable, outputs, rejected)


def predict_files(
    run: str | Path,
    places: Iterable[str | os.PathLike[str]],
    progress: Progress = SILENT,
    executor: Executor | None = None,
) -> FilePredictions:
    """Predict files and folders with a run's model.

    Args:
        run: The run directory.
        places: Image files (or CT volumes, if the model reads volumes) and folders of them, in any combination.
        progress: Shows the progress bar.
        executor: Where the work is done; in this process by default.

    Returns:
        The predictions; the files in folders that are skipped are among the rejected ones.

    Raises:
        NoReadableImageError: None of the images can be read.
        PlacaError: `run` is not a run, or a place does not exist.
    """
    predictor = Predictor(run)
    require_pixels(predictor)
    changed = changed_decoders(predictor.facts["data"].get("decoders", {}))
    if changed:
        progress.warn(
            f"the run's images were read with other decoders ({changed}): pixels and probabilities may differ slightly"
        )
    listing = list_files(predictor.reading, places)
    paths = [str(path) for path in listing]
    predictions = predictor.predict_files(paths, progress, executor)
    if not predictions.paths:
        raise no_readable_image(len(paths), *predictions.rejected[0])
    return replace(predictions, rejected=predictions.rejected + listing.reasons)


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
