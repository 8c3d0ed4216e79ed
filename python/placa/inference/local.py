"""Prediction in this process: all cores read files while the network computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.executors import Executor
from placa.core.progress import Advance
from placa.dataset.pixel_cache import decode
from placa.inference.loaded_run import LoadedRun
from placa.models.outputs import BATCH, ModelOutputs, in_batches, predict_pixels


def predict_paths(
    predictor: LoadedRun, paths: Sequence[str], executor: Executor | None, advance: Advance
) -> tuple[ModelOutputs, list[str]]:
    """Read files and predict them in this process.

    Args:
        predictor: The run whose model predicts.
        paths: Files to read.
        executor: Where files are read; on all cores by default.
        advance: Advances the progress bar.

    Returns:
        The model outputs for the readable files, and for each file the reason of its rejection, ``""`` if it was read.
    """
    reasons: list[str] = []
    # Two batches of files are read ahead, so that the threads stay busy while the network computes.
    ahead = -(-2 * BATCH // predictor.reading.squares)

    def squares() -> Iterator[NDArray[np.uint8]]:
        for levels, reason in decode(paths, predictor.size, None, predictor.reading, executor, ahead):
            reasons.append(reason)
            if levels is not None:
                yield from levels
            advance()

    stream = squares()
    batches = iter(lambda: list(islice(stream, BATCH)), [])
    outputs = predict_pixels(predictor.engine, (np.stack(batch) for batch in batches), predictor.reading)
    return outputs, reasons


def predict_rows(predictor: LoadedRun, rows: NDArray[Any], advance: Advance) -> ModelOutputs:
    """Predict the pixels or the embeddings of a data set in this process.

    Args:
        predictor: The run whose model predicts.
        rows: Pixels, or a memory map of them, ``(n, size, size)``; or embeddings, ``(n, length)``.
        advance: Advances the progress bar, in rows.
    """

    def batches() -> Iterator[NDArray[Any]]:
        for batch in in_batches(rows):
            yield batch
            advance(len(batch))

    return predict_pixels(predictor.engine, batches(), predictor.reading)
