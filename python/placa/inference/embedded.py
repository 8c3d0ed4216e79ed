"""Prediction of embeddings with a run that was trained on embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from placa.core.progress import SILENT, Progress
from placa.inference.errors import ReadsEmbeddingsError, ReadsPixelsError
from placa.inference.loaded_run import LoadedRun
from placa.models.outputs import ModelOutputs
from placa.records.embeddings import EmbeddingFacts

if TYPE_CHECKING:
    import pandas as pd


def require_embeddings(predictor: LoadedRun) -> EmbeddingFacts:
    """Return the embeddings that a run's model takes.

    Raises:
        ReadsPixelsError: The model takes pixels.
    """
    if predictor.embeddings is None:
        raise ReadsPixelsError(
            f"The model of {predictor.run} was trained on pixels, not on embeddings. Omit --features and --encoder.",
            run=str(predictor.run),
        )
    return predictor.embeddings


def require_pixels(predictor: LoadedRun, what: str = "images") -> None:
    """Check that a run's model takes pixels.

    Args:
        predictor: The run.
        what: What is asked of it: ``images``, a prediction of them; or ``map``, a Grad-CAM map.

    Raises:
        ReadsEmbeddingsError: The model takes embeddings.
    """
    if predictor.embeddings is None:
        return
    text = "Add --encoder with the network that makes them, or --features with embeddings of the images."
    if what == "map":
        text = (
            "An embedding has no position in the image, so Grad-CAM has no map. Explain a run that was trained on "
            "pixels."
        )
    run = predictor.run
    raise ReadsEmbeddingsError(f"The model of {run} was trained on embeddings, not on pixels. {text}", run=str(run))


def predict_vectors(predictor: LoadedRun, vectors: NDArray[np.float32], progress: Progress = SILENT) -> ModelOutputs:
    """Predict embeddings.

    Args:
        predictor: A run that was trained on embeddings.
        vectors: Embeddings of the same maker, float32, shape ``(n, length)``.
        progress: Shows the progress bar.
    """
    with progress.bar("predicting", len(vectors)) as advance:
        return predictor.predict_rows(vectors, advance)


def predict_table(
    predictor: LoadedRun,
    places: str | Path | Iterable[str | Path],
    provenance: Mapping[str, str] | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Predict all rows of files of embeddings.

    Args:
        predictor: A run that was trained on embeddings.
        places: The files, and folders of them.
        provenance: How they were made, where the files do not state it.
        progress: Shows the progress bar.

    Returns:
        The table of predictions (see `placa.inference.predict.Predictor.predict`) without paths.

    Raises:
        ReadsPixelsError: The run was trained on pixels.
        ProvenanceMismatchError: The embeddings were made in another way than those of the run.
        PlacaError: A file is invalid (see `placa.dataset.embeddings.read_embeddings`).
    """
    import pandas as pd

    from placa.dataset.embeddings import read_embeddings

    wanted = require_embeddings(predictor)
    found, ids = read_embeddings(places, None, provenance, wanted, str(predictor.run), progress)
    outputs = predict_vectors(predictor, found.vectors, progress)
    return predictor.tabulate(pd.DataFrame({"image_id": ids}), outputs)
