"""Prediction in this process: files are read, on all cores, while the network computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from placa.core.executors import Executor
from placa.core.progress import Advance
from placa.dataset.pixel_cache import decode
from placa.inference.loaded_run import LoadedRun
from placa.models.outputs import BATCH, Answers, answer


def predict_paths(
    predictor: LoadedRun, paths: Sequence[str], executor: Executor | None, advance: Advance
) -> tuple[Answers, list[str]]:
    """Read files and answer for them.

    Args:
        predictor: The run whose model answers.
        paths: Files to read.
        executor: Where to read them; on every core by default.
        advance: Moves the bar on.

    Returns:
        The answers for the files that could be read, and for each file why it was rejected, ``""`` if it was not.
    """
    reasons: list[str] = []
    # So many that the threads do not run out of work while the network is at a batch.
    ahead = -(-2 * BATCH // predictor.reading.squares)

    def readable() -> Iterator[NDArray[np.uint8]]:
        for levels, reason in decode(paths, predictor.size, None, predictor.reading, executor, ahead):
            reasons.append(reason)
            if levels is not None:
                yield from levels
            advance()

    stream = readable()
    stacks = iter(lambda: list(islice(stream, BATCH)), [])
    said = answer(predictor.model, (np.stack(stack) for stack in stacks), predictor.reading)
    return said, reasons
