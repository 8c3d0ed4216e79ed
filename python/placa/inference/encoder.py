"""Open the network that makes embeddings, and predict image files with it and a head."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placa.core.progress import SILENT, Progress
from placa.images.by_rule import list_files
from placa.inference.embed import read_batches
from placa.inference.embedded import require_embeddings, require_pixels
from placa.inference.predict import FilePredictions, Predictor, no_readable_image
from placa.models.encoders import Encoder, OnnxEncoder, RunEncoder
from placa.models.outputs import in_batches, predict_pixels
from placa.records.embeddings import require_same
from placa.records.reading import STRETCH


def open_encoder(
    place: Path, preprocessing: Path | None = None, size: int | None = None, output: str | None = None
) -> Encoder:
    """Open the network that makes embeddings.

    Args:
        place: An ONNX file, or a run on pixels.
        preprocessing, size, output: Of an ONNX file (see `placa.models.encoders.OnnxEncoder`).

    Raises:
        ReadsEmbeddingsError: The run was trained on embeddings itself.
        PlacaError: `place` is neither, or cannot be loaded.
    """
    if not place.is_dir():
        return OnnxEncoder(place, preprocessing, size, output)
    predictor = Predictor(place)
    require_pixels(predictor)
    return RunEncoder(predictor.model, predictor.size, predictor.fingerprint, predictor.facts["data"]["kind"])


def predict_encoded(
    run: str | Path,
    encoder_place: Path,
    places: Iterable[str | os.PathLike[str]],
    preprocessing: Path | None = None,
    progress: Progress = SILENT,
) -> FilePredictions:
    """Predict image files with a run that was trained on embeddings, and the network that makes them.

    Args:
        run: The run.
        encoder_place: The network with which the embeddings of the run were made: an ONNX file, or a run.
        places: Image files and folders of them.
        preprocessing: The configuration file of an ONNX file (see `placa.models.encoders.OnnxEncoder`).
        progress: Shows the progress bar.

    Raises:
        ReadsPixelsError: The run was trained on pixels.
        ProvenanceMismatchError: The embeddings of the run were made by another network, or in another way.
        NoReadableImageError: None of the images can be read.
    """
    predictor = Predictor(run)
    wanted = require_embeddings(predictor)["provenance"]
    # Input size and output are those of the run; the comparison finds every other difference.
    known = wanted["library"] == "onnxruntime"
    encoder = open_encoder(
        encoder_place, preprocessing, wanted["input_size"] if known else None, wanted.get("pooling") if known else None
    )
    require_same(encoder.provenance, wanted, str(encoder_place), str(run))
    listing = list_files(STRETCH, places)
    paths, reasons = [str(path) for path in listing], []
    vectors: list[NDArray[np.float32]] = [np.empty((0, encoder.length), dtype=np.float32)]
    with progress.bar("predicting", len(paths)) as advance:
        for some, squares in read_batches(encoder, paths):
            reasons += some
            if len(squares):
                vectors.append(encoder.embed(squares))
            advance(len(some))
    outputs = predict_pixels(predictor.engine, in_batches(np.concatenate(vectors)))
    read = [path for path, reason in zip(paths, reasons, strict=True) if not reason]
    rejected = [(path, reason) for path, reason in zip(paths, reasons, strict=True) if reason]
    if not read:
        raise no_readable_image(len(paths), *rejected[0])
    return FilePredictions(predictor, read, outputs, rejected + listing.reasons)
