"""Prediction on a Dask cluster: each worker loads the run's model once, then predicts files or rows of pixels.

The probabilities of an image do not depend on the other images of its batch (see `placa.models.outputs`), so the result
is the same for every division of the work.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from placa.core.executors import Executor
from placa.core.json_files import read_json
from placa.dataset.cache_journal import stamp_of
from placa.dataset.pixel_cache import open_pixels, read_on_worker, worker_item
from placa.inference.errors import DirectoryDiffersOnWorkerError
from placa.inference.loaded_run import LoadedRun, load_once
from placa.models.outputs import ModelOutputs, in_batches, predict_pixels

if TYPE_CHECKING:
    from placa.core.progress import Advance

#: Squares in one task: enough that sending the task takes little time compared with the prediction.
_SQUARES = 64
#: One thread at a time uses the model of a process: it runs its own threads.
_MODEL_LOCK = threading.Lock()


def predict_paths(
    predictor: LoadedRun, paths: Iterable[str], executor: Executor | None, advance: Advance
) -> tuple[ModelOutputs, list[str]]:
    """Read files and predict them on a cluster.

    Args:
        predictor: The run whose model predicts.
        paths: Files on a disk that all workers share.
        executor: The cluster.
        advance: Advances the progress bar.

    Returns:
        The model outputs for the readable files, and for each file the reason of its rejection, ``""`` if it was read.

    Raises:
        DirectoryDiffersOnWorkerError: A worker has another run at this path, or none.
        PlacaError: A worker has another file at a path, or none; or the cluster failed.
    """
    assert executor is not None, "prediction on a cluster needs an executor"
    length = max(1, _SQUARES // predictor.reading.squares)
    parts, reasons = [], []
    task = partial(_predict_chunk, os.path.abspath(predictor.run), predictor.fingerprint)
    for outputs, rejections in executor.map_in_order(task, _chunks(paths, length)):
        parts.append(outputs)
        reasons += rejections
        advance(len(rejections))
    return _concatenate(parts, len(predictor.findings)), reasons


def predict_rows(predictor: LoadedRun, prepared: Path, rows: int, executor: Executor, advance: Advance) -> ModelOutputs:
    """Predict the pixels of a prepared data set on a cluster.

    Args:
        predictor: The run whose model predicts.
        prepared: The data set, on a disk that all workers share.
        rows: Number of rows of the data set.
        executor: The cluster.
        advance: Advances the progress bar, in rows.

    Raises:
        DirectoryDiffersOnWorkerError: A worker has another run or data set at a path, or none.
        PlacaError: The cluster failed.
    """
    squares = predictor.reading.squares
    length = squares * max(1, 16 * _SQUARES // squares)
    spans = [(start, min(start + length, rows)) for start in range(0, rows, length)]
    fingerprint = read_json(prepared / "source.json")["fingerprint"]
    task = partial(
        _predict_span, os.path.abspath(predictor.run), predictor.fingerprint, os.path.abspath(prepared), fingerprint
    )
    parts = []
    for (start, stop), outputs in zip(spans, executor.map_in_order(task, spans), strict=True):
        parts.append(outputs)
        advance(stop - start)
    return _concatenate(parts, len(predictor.findings))


def _chunks(paths: Iterable[str], length: int) -> Iterator[list[tuple[str, int | None]]]:
    rest = iter(paths)
    while chunk := list(islice(rest, length)):
        yield [worker_item(path, stamp_of(path)) for path in chunk]


def _predict_chunk(run: str, fingerprint: str, files: list[tuple[str, int | None]]) -> tuple[ModelOutputs, list[str]]:
    predictor = _load_predictor(run, fingerprint)
    decoded = read_on_worker(predictor.size, predictor.reading, files)
    squares = [levels for levels, _ in decoded if levels is not None]
    empty = np.empty((0, predictor.size, predictor.size), dtype=np.uint8)
    return _predict_pixels(predictor, np.concatenate([empty, *squares])), [reason for _, reason in decoded]


def _predict_span(
    run: str, fingerprint: str, prepared: str, data_fingerprint: str, span: tuple[int, int]
) -> ModelOutputs:
    predictor = _load_predictor(run, fingerprint)
    source = Path(prepared, "source.json")
    received = read_json(source)["fingerprint"] if source.is_file() else None
    if received != data_fingerprint:
        raise _differs(prepared, "data set", data_fingerprint, received)
    return _predict_pixels(predictor, open_pixels(Path(prepared), predictor.size)[slice(*span)])


def _load_predictor(run: str, fingerprint: str) -> LoadedRun:
    with _MODEL_LOCK:
        predictor = load_once(LoadedRun, run)
    if predictor.fingerprint != fingerprint:
        raise _differs(run, "model", fingerprint, predictor.fingerprint)
    return predictor


def _differs(path: str, kind: str, expected: str, received: str | None) -> DirectoryDiffersOnWorkerError:
    problem = f"has no {kind}" if received is None else f"has another {kind}"
    return DirectoryDiffersOnWorkerError(
        f"A worker {problem} at {path}. Put the directory on a disk that all workers share.",
        path=path,
        expected=expected,
        received=received,
    )


def _predict_pixels(predictor: LoadedRun, pixels: NDArray[np.uint8]) -> ModelOutputs:
    with _MODEL_LOCK:
        return predict_pixels(predictor.engine, in_batches(pixels), predictor.reading)


def _concatenate(parts: list[ModelOutputs], findings: int) -> ModelOutputs:
    empty = np.empty((0, findings))
    distances = [part.distance for part in parts if part.distance is not None]
    return ModelOutputs(
        np.concatenate([empty, *(part.probability for part in parts)]),
        np.concatenate([empty, *(part.score for part in parts)]),
        np.concatenate(distances) if distances else None,
    )
