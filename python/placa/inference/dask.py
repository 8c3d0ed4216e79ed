"""Prediction on the workers of a cluster: each loads the run's model once, reads files or pixels, and sends answers.

An image's answer does not depend on what it comes with (see `placa.models.outputs.answer`), so it does not matter how
the work is cut up and who does which part.
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
from placa.core.files import read_json
from placa.dataset.cache_journal import stamp_of
from placa.dataset.pixel_cache import for_elsewhere, open_pixels, read_elsewhere
from placa.inference.errors import DirectoryDiffersOnWorkerError
from placa.inference.loaded_run import LoadedRun, load_once
from placa.models.outputs import Answers, answer, in_batches

if TYPE_CHECKING:
    from placa.core.progress import Advance

#: Squares in one piece of work: enough that the way there costs nothing beside the work.
_SQUARES = 64
#: One model a process, and one thread at a time that asks it: it has threads of its own.
_MODEL = threading.Lock()


def predict_paths(
    predictor: LoadedRun, paths: Iterable[str], executor: Executor | None, advance: Advance
) -> tuple[Answers, list[str]]:
    """Let a cluster read files and answer for them.

    Args:
        predictor: The run whose model answers.
        paths: Files, on a disk that all workers share.
        executor: The cluster.
        advance: Moves the bar on.

    Returns:
        The answers for the files that could be read, and for each file why it was rejected, ``""`` if it was not.

    Raises:
        PlacaError: A worker lacks the run or a file, or has another version of either.
    """
    assert executor is not None, "a cluster is meant"
    each = max(1, _SQUARES // predictor.reading.squares)
    said, reasons = [], []
    work = partial(_predict_chunk, os.path.abspath(predictor.run), predictor.fingerprint)
    for answers, why in executor.map_in_order(work, _chunks(paths, each)):
        said.append(answers)
        reasons += why
        advance(len(why))
    return _concatenate(said, len(predictor.findings)), reasons


def predict_rows(predictor: LoadedRun, prepared: Path, rows: int, executor: Executor, advance: Advance) -> Answers:
    """Let a cluster answer for the pixels of a prepared data set.

    Args:
        predictor: The run whose model answers.
        prepared: The data set, on a disk that all workers share.
        rows: How many rows it has.
        executor: The cluster.
        advance: Moves the bar on, row by row.

    Raises:
        PlacaError: A worker lacks the run or the data set, or has another version of either.
    """
    squares = predictor.reading.squares
    each = squares * max(1, 16 * _SQUARES // squares)
    spans = [(start, min(start + each, rows)) for start in range(0, rows, each)]
    fingerprint = read_json(prepared / "source.json")["fingerprint"]
    work = partial(
        _predict_span, os.path.abspath(predictor.run), predictor.fingerprint, os.path.abspath(prepared), fingerprint
    )
    said = []
    for (start, stop), answers in zip(spans, executor.map_in_order(work, spans), strict=True):
        said.append(answers)
        advance(stop - start)
    return _concatenate(said, len(predictor.findings))


def _chunks(paths: Iterable[str], each: int) -> Iterator[list[tuple[str, int | None]]]:
    rest = iter(paths)
    while chunk := list(islice(rest, each)):
        yield [for_elsewhere(path, stamp_of(path)) for path in chunk]


def _predict_chunk(run: str, fingerprint: str, files: list[tuple[str, int | None]]) -> tuple[Answers, list[str]]:
    predictor = _load_predictor(run, fingerprint)
    decoded = read_elsewhere(predictor.size, predictor.reading, files)
    squares = [levels for levels, _ in decoded if levels is not None]
    none = np.empty((0, predictor.size, predictor.size), dtype=np.uint8)
    return _predict_pixels(predictor, np.concatenate([none, *squares])), [reason for _, reason in decoded]


def _predict_span(run: str, fingerprint: str, prepared: str, of_data: str, span: tuple[int, int]) -> Answers:
    predictor = _load_predictor(run, fingerprint)
    facts = Path(prepared, "source.json")
    received = read_json(facts)["fingerprint"] if facts.is_file() else None
    if received != of_data:
        raise DirectoryDiffersOnWorkerError(
            f"{prepared} is not the data set there that it is here: all workers need the same disk.",
            path=prepared,
            expected=of_data,
            received=received,
        )
    return _predict_pixels(predictor, open_pixels(Path(prepared), predictor.size)[slice(*span)])


def _load_predictor(run: str, fingerprint: str) -> LoadedRun:
    with _MODEL:
        predictor = load_once(LoadedRun, Path(run))
    if predictor.fingerprint != fingerprint:
        raise DirectoryDiffersOnWorkerError(
            f"{run} holds another model there than here: all workers need the same disk.",
            path=run,
            expected=fingerprint,
            received=predictor.fingerprint,
        )
    return predictor


def _predict_pixels(predictor: LoadedRun, pixels: NDArray[np.uint8]) -> Answers:
    with _MODEL:
        return answer(predictor.model, in_batches(pixels), predictor.reading)


def _concatenate(said: list[Answers], findings: int) -> Answers:
    none = np.empty((0, findings))
    return Answers(
        np.concatenate([none, *(one.probability for one in said)]), np.concatenate([none, *(one.score for one in said)])
    )
