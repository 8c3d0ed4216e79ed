"""Prediction for a prepared data set, from its pixels: nothing is decoded again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.executors import Executor
from placa.core.files import read_json
from placa.core.progress import SILENT, Progress
from placa.dataset.prepared import read_images
from placa.inference.dask import predict_rows
from placa.inference.errors import MixedInputsError, ReadingMismatchError
from placa.inference.loaded_run import LoadedRun
from placa.models.outputs import answer, in_batches
from placa.records.predictions import tidy
from placa.records.reading import Reading, collapse


def find_prepared_set(places: Sequence[Path]) -> Path | None:
    """The prepared data set among the places that a user named, or None where these are files and folders of images.

    Raises:
        PlacaError: There is one, and other places with it.
    """
    sets = [place for place in places if (place / "manifest.parquet").is_file() and (place / "source.json").is_file()]
    if sets and len(places) > 1:
        raise MixedInputsError(
            f"{sets[0]} is a prepared data set: predict it by itself, and other images apart from it.",
            prepared=str(sets[0]),
            inputs=[str(place) for place in places],
        )
    return sets[0] if sets else None


def predict_prepared(
    predictor: LoadedRun, prepared: Path, progress: Progress = SILENT, executor: Executor | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Predict a prepared data set.

    Args:
        predictor: The run whose model answers.
        prepared: What ``placa prepare`` wrote.
        progress: Where to show the bar.
        executor: Where to do it; in this process by default.

    Returns:
        The table, one row an image (or volume) and finding, with split, truth and what else the manifest knows, and the
        columns ``path`` and ``class`` (see `placa.inference.predict.Predictor.predict`); and the content of the data
        set's ``source.json``.

    Raises:
        PlacaError: It is no prepared data set, or its pixels are not such as the model has learnt.
    """
    facts = read_json(prepared / "source.json")
    reading = Reading.from_dict(facts.get("reading"))
    if reading != predictor.reading:
        raise ReadingMismatchError(
            f"{prepared} was read as {reading.rule} ({reading.squares} squares a file), and the model of "
            f"{predictor.run} has learnt {predictor.reading.rule} ({predictor.reading.squares}): prepare the files "
            "the same way.",
            prepared=str(prepared),
            run=str(predictor.run),
            rule=reading.rule,
            squares=reading.squares,
            model_rule=predictor.reading.rule,
            model_squares=predictor.reading.squares,
        )
    manifest, pixels = read_images(prepared, predictor.size)
    with progress.bar("predicting", len(pixels)) as advance:
        if executor is None or executor.shares_memory:

            def shown() -> Iterator[NDArray[np.uint8]]:
                for batch in in_batches(pixels):
                    yield batch
                    advance(len(batch))

            said = answer(predictor.model, shown(), reading)
        else:
            said = predict_rows(predictor, prepared, len(pixels), executor, advance)
    images = collapse(manifest, reading)
    table = tidy(images, predictor.findings, said.probability, said.score)
    return predictor.add_path_and_class(table, images["path"]), facts
