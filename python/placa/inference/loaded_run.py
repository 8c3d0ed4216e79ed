"""A run's model and its training metadata, loaded once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from placa.core.executors import Executor
from placa.core.progress import Advance
from placa.core.system import has_gpu
from placa.dataset.pixel_cache import decode
from placa.models.onnx_file import OnnxModel
from placa.models.outputs import BATCH, ModelOutputs, in_batches, predict_pixels
from placa.records.embeddings import EmbeddingFacts
from placa.records.errors import FingerprintMismatchError, InvalidRecordError
from placa.records.files import read_record
from placa.records.model import Thresholds
from placa.records.reading import Reading
from placa.records.run import require_files, require_model, require_onnx, require_run

if TYPE_CHECKING:
    import pandas as pd


class LoadedRun:
    """Load a run. Its model is loaded once, at first use, for any number of images.

    Args:
        run: The run directory.

    Raises:
        PlacaError: `run` is not a complete run, or its model is damaged or is not the one that ``run.json`` names.
    """

    def __init__(self, run: str | Path) -> None:
        from placa.models.files import read_card

        run = Path(run)
        self.run = run
        self.facts = require_run(run)
        require_model(run, self.facts)
        self.fingerprint: str = self.facts["model"]["fingerprint"]
        self.card = read_card(run / "model.keras")
        self.findings: list[str] = self.card["findings"]
        self.size: int = self.card["size"]
        self.embeddings: EmbeddingFacts | None = self.card.get("embeddings")
        self.reading = Reading.from_record(self.card["reading"])
        self.thresholds = read_record(run / "thresholds.json", Thresholds)["findings"]
        missing = [finding for finding in self.findings if finding not in self.thresholds]
        if missing:
            path = str(run / "thresholds.json")
            raise InvalidRecordError(
                f"{path} has no thresholds of {missing[0]}, which the model predicts. Copy the complete run again, or "
                "train it again.",
                path=path,
                problem=missing[0],
            )
        require_files(run, self.facts, "thresholds.json")

    @cached_property
    def model(self) -> Any:
        """The Keras model. Raises a `PlacaError` if it cannot be loaded."""
        from placa.models.files import load_model

        with _LOADING:
            # Another thread may have loaded it meanwhile.
            return vars(self).get("model") or load_model(self.run / "model.keras")[0]

    @cached_property
    def engine(self) -> Any:
        """What predicts: the model in ONNX Runtime, or that of Keras if there is a GPU or no usable ``model.onnx``.

        Raises:
            DamagedModelError: ``model.onnx`` is damaged.
            FingerprintMismatchError: ``model.onnx`` is not that of this run, or was made from another ``model.keras``.
        """
        if self.without_onnx is not None:
            return self.model
        path = self.run / "model.onnx"
        require_onnx(self.run, self.facts)
        shape = [self.embeddings["length"]] if self.embeddings else [self.size, self.size, 1]
        try:
            loaded = OnnxModel(path.read_bytes())
            if loaded.input_shape != shape:
                raise ValueError(f"inputs of {loaded.input_shape}, expected {shape}")
        except MemoryError:
            raise
        except Exception as error:
            # ONNX Runtime has an exception per fault of a file, in a private module.
            from placa.models.files import damaged_model

            raise damaged_model(path) from error
        if loaded.fingerprint != self.fingerprint:
            raise FingerprintMismatchError(
                f"{path} was made from another model than model.keras. Copy the complete run again, or delete "
                "model.onnx: Keras then predicts.",
                path=str(path),
                expected=self.fingerprint,
                received=loaded.fingerprint,
            )
        return loaded

    @cached_property
    def without_onnx(self) -> str | None:
        """Why Keras predicts; None if ONNX Runtime predicts.

        ``gpu``; ``before`` (the run has none, as it is older), ``missing`` (the file), ``runtime`` (onnxruntime is not
        installed), or the reason in ``run.json``.
        """
        if self.reading.squares > 1:
            return "volumes"
        onnx = self.facts["model"].get("onnx")
        if onnx is None:
            return "before"
        if onnx["fingerprint"] is None:
            return onnx["reason"] or "missing"
        if not (self.run / "model.onnx").is_file():
            return "missing"
        if find_spec("onnxruntime") is None:
            return "runtime"
        return "gpu" if has_gpu() else None

    def predict_paths(
        self, paths: Sequence[str], executor: Executor | None, advance: Advance
    ) -> tuple[ModelOutputs, list[str]]:
        """Read files and predict them in this process: all cores read files while the network computes.

        Args:
            paths: Files to read.
            executor: Where files are read; on all cores by default.
            advance: Advances the progress bar.

        Returns:
            The model outputs for the readable files, and for each file the reason of its rejection, ``""`` if it was
            read.
        """
        reasons: list[str] = []
        # Two batches of files are read ahead, so that the threads stay busy while the network computes.
        ahead = -(-2 * BATCH // self.reading.squares)

        def squares() -> Iterator[NDArray[np.uint8]]:
            for levels, reason in decode(paths, self.size, None, self.reading, executor, ahead):
                reasons.append(reason)
                if levels is not None:
                    yield from levels
                advance()

        stream = squares()
        batches = iter(lambda: list(islice(stream, BATCH)), [])
        outputs = predict_pixels(self.engine, (np.stack(batch) for batch in batches), self.reading)
        return outputs, reasons

    def predict_rows(self, rows: NDArray[Any], advance: Advance) -> ModelOutputs:
        """Predict the pixels or the embeddings of a data set in this process.

        Args:
            rows: Pixels, or a memory map of them, ``(n, size, size)``; or embeddings, ``(n, length)``.
            advance: Advances the progress bar, in rows.
        """

        def batches() -> Iterator[NDArray[Any]]:
            for batch in in_batches(rows):
                yield batch
                advance(len(batch))

        return predict_pixels(self.engine, batches(), self.reading)

    def tabulate(self, images: pd.DataFrame, outputs: ModelOutputs, unit: str = "image") -> pd.DataFrame:
        """Return the table of predictions of `placa.records.predictions.tidy`, with typicality and ``class``.

        Args:
            images: One row per image, as for `tidy`; if it has ``path``, the table also has it.
            outputs: The outputs of the model for these images.
            unit: ``"study"`` to pool the images of each study by their mean logit.
        """
        if unit == "study":
            from placa.models.studies import pool_studies

            images, outputs = pool_studies(images, self.findings, outputs)
        # pandas is imported here: a prediction that only prints does not need it.
        from placa.records.predictions import add_typicality, tidy

        table = tidy(images, self.findings, outputs.probability, outputs.score)
        add_typicality(table, outputs.distance, self.card)
        if "path" in images:
            table["path"] = images["path"].repeat(len(self.findings)).to_numpy()
        table["class"] = self.classify(outputs.probability)
        return table

    def classify(self, probability: NDArray[np.float64]) -> list[str]:
        """Classify as ``positive`` or ``negative`` at the default operating points, image by image.

        Args:
            probability: The probabilities, ``(images, findings)``.
        """
        of_findings = [self.thresholds[name] for name in self.findings]
        points = np.array([one["points"][one["default"]] for one in of_findings])
        classes: list[str] = np.where(probability >= points, "positive", "negative").ravel().tolist()
        return classes


#: Only one thread loads a model.
_LOADING = threading.RLock()
_RunT = TypeVar("_RunT", bound=LoadedRun)
_LOADED: dict[tuple[type[LoadedRun], str, int], LoadedRun] = {}


def load_once(kind: type[_RunT], run: str | Path) -> _RunT:
    """Load a run, or return the run loaded before if its model file is unchanged.

    R calls this once per batch.

    Args:
        kind: `LoadedRun` or a subclass.
        run: The run directory.

    Raises:
        PlacaError: `run` is not a run, or its model cannot be loaded.
    """
    run = Path(run)
    require_run(run)
    key = (kind, os.path.abspath(run), os.stat(run / "model.keras").st_mtime_ns)
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = kind(run)
    loaded = _LOADED[key]
    assert isinstance(loaded, kind)
    return loaded
