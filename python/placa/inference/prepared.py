"""Prediction of a prepared data set from its stored pixels, without decoding the files again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from placa.core.executors import Executor
from placa.core.progress import SILENT, Progress
from placa.inference import dask
from placa.inference.embedded import predict_vectors, require_embeddings, require_pixels
from placa.inference.errors import MixedInputsError, NothingToPredictError, ReadingMismatchError
from placa.inference.loaded_run import LoadedRun
from placa.records.files import read_record
from placa.records.reading import Reading, collapse
from placa.records.source import SourceFacts

if TYPE_CHECKING:
    import pandas as pd

    from placa.dataset.embeddings import Embeddings


def find_prepared_set(places: Sequence[Path]) -> Path | None:
    """Return the prepared data set among the inputs, or None if the inputs are files and folders of images.

    Args:
        places: The inputs that the user named.

    Raises:
        MixedInputsError: A prepared data set is named together with other inputs.
    """
    sets = [place for place in places if (place / "manifest.parquet").is_file() and (place / "source.json").is_file()]
    if sets and len(places) > 1:
        raise MixedInputsError(
            f"{sets[0]} is a prepared data set and must be the only input, got {len(places)} inputs. "
            "Predict it in a command of its own.",
            prepared=str(sets[0]),
            inputs=[str(place) for place in places],
        )
    return sets[0] if sets else None


def require_inputs(places: Sequence[Path], features: Sequence[Path], prepared: Path | None) -> None:
    """Check that there is something to predict: images, or embeddings with or without a prepared data set.

    Raises:
        NothingToPredictError: There is neither.
        MixedInputsError: Embeddings are named together with files of images.
    """
    if not places and not features:
        raise NothingToPredictError("No images to predict. Name image files, folders or a prepared data set.")
    if places and features and not prepared:
        raise MixedInputsError(
            f"--features predicts its own rows, or those of one prepared data set, got {len(places)} other inputs. "
            "Predict them in a command of their own.",
            prepared=None,
            inputs=[str(place) for place in places],
        )


def predict_prepared(
    predictor: LoadedRun,
    prepared: Path,
    progress: Progress = SILENT,
    executor: Executor | None = None,
    unit: str = "image",
) -> tuple[pd.DataFrame, SourceFacts]:
    """Predict a prepared data set.

    Args:
        predictor: The run whose model predicts.
        prepared: A directory that ``placa prepare`` wrote.
        progress: Shows the progress bar.
        executor: Where the work is done; in this process by default.
        unit: ``"study"`` to pool the images of each study by their mean logit.

    Returns:
        The table, one row per image (or volume, or study) and finding, with split, truth and the other columns of the
        manifest, and the columns ``path`` and ``class`` (see `placa.inference.predict.Predictor.predict`); and the
        content of the data set's ``source.json``.

    Raises:
        ReadingMismatchError: The data set was read by another rule than the model's training images.
        PlacaError: `prepared` is not a prepared data set, or has no pixels of the model's size.
    """
    # `find_prepared_set` needs no pandas.
    from placa.dataset.prepared import read_images, warn_if_changed

    require_pixels(predictor)
    facts = read_record(prepared / "source.json", SourceFacts)
    reading = Reading.from_record(facts["reading"])
    if reading != predictor.reading:
        raise ReadingMismatchError(
            f"{prepared} was read by rule {reading}, but the model of {predictor.run} needs {predictor.reading}. "
            "Prepare the files with the model's rule.",
            prepared=str(prepared),
            run=str(predictor.run),
            rule=reading.rule,
            squares=reading.squares,
            model_rule=predictor.reading.rule,
            model_squares=predictor.reading.squares,
        )
    manifest, pixels = read_images(prepared, predictor.size)
    warn_if_changed(prepared, facts, progress)
    with progress.bar("predicting", len(pixels)) as advance:
        if executor is None or executor.shares_memory:
            outputs = predictor.predict_rows(pixels, advance)
        else:
            outputs = dask.predict_rows(predictor, prepared, len(pixels), executor, advance)
    return predictor.tabulate(collapse(manifest, reading), outputs, unit), facts


def predict_set(
    predictor: LoadedRun,
    prepared: Path,
    features: str | Path | Iterable[str | Path],
    provenance: Mapping[str, str] | None,
    progress: Progress,
    executor: Executor | None,
    unit: str = "image",
) -> tuple[pd.DataFrame, SourceFacts, Embeddings | None]:
    """Predict the images of a prepared data set from their embeddings if `features` names files, or their pixels.

    Args:
        predictor: A run.
        prepared: A directory that ``placa prepare`` wrote.
        features: Files of embeddings of its images, and folders of them.
        provenance: How they were made, where the files do not state it.
        progress: Shows the progress bar.
        executor: Where pixels are predicted; in this process by default.
        unit: ``"study"`` to pool the images of each study by their mean logit.

    Returns:
        The table and the content of ``source.json``, as from `predict_prepared`, of the images with an embedding; and
        the embeddings, None without `features`.

    Raises:
        PlacaError: As for `predict_prepared` and `placa.inference.embedded.predict_table`.
    """
    if not features:
        return *predict_prepared(predictor, prepared, progress, executor, unit), None
    from placa.dataset.embeddings import read_embeddings
    from placa.records.manifest import read_manifest

    wanted = require_embeddings(predictor)
    facts = read_record(prepared / "source.json", SourceFacts)
    manifest = read_manifest(prepared)
    found, _ = read_embeddings(features, manifest["image_id"], provenance, wanted, str(predictor.run), progress)
    images = manifest[found.present].reset_index(drop=True)
    outputs = predict_vectors(predictor, found.vectors, progress)
    return predictor.tabulate(images, outputs, unit), facts, found
