"""Export the model of a run for programs without placa, with its thresholds and a check of its probabilities."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

import placa
from placa.core.backend import load_keras
from placa.core.errors import require_known
from placa.core.files import atomic_directory, require_writable
from placa.core.json_files import write_json
from placa.core.language import LANGUAGES
from placa.core.progress import Progress, show
from placa.inference.loaded_run import LoadedRun
from placa.models.exported import (
    MODEL_FILES,
    as_properties,
    export_error,
    export_model,
    reference_inputs,
    write_references,
)
from placa.models.onnx_file import REFERENCE_IMAGES, TOLERANCE, WITHOUT_ONNX
from placa.reporting.model_card import card_path

#: Files of an example without placa.
_EXAMPLES = ("example.py", "example.R")


def export(
    run: str | Path, to: str, out: str | Path | None = None, overwrite: bool = False, progress: Progress | bool = True
) -> Path:
    """Export the model of a run from TensorFlow.

    The folder has the model, ``metadata.json`` (findings, thresholds, input, and the probabilities of 16 reference
    images), these images in ``reference/``, and with ONNX two examples without placa, in Python and in R. The images
    are phantoms, so that nothing in the folder comes from a patient.

    Args:
        run: A run directory.
        to: ``onnx``; ``savedmodel`` (TensorFlow); ``litert`` (TensorFlow Lite); or ``hub``, a folder for a model hub:
            ``model.keras``, ``model.onnx`` and the model card as ``README.md``.
        out: The folder to create; ``RUN/export-FORMAT`` by default.
        overwrite: Whether an older export may be replaced.
        progress: Display for messages.

    Returns:
        The folder.

    Raises:
        UnknownNameError: The format is unknown.
        ExportError: Keras does not use TensorFlow, the model reads volumes, the format lacks an operation of the model,
            or a probability differs from that of Keras by more than 1e-6.
        OutputExistsError: `out` exists.
        PlacaError: `run` is not a run, or its model is not the one in ``run.json``.
    """
    require_known("format of an export", to, MODEL_FILES)
    run, progress = Path(run), show(progress)
    out = Path(out) if out else run / f"export-{to}"
    loaded = LoadedRun(run)
    if loaded.reading.squares > 1:
        raise export_error(to, WITHOUT_ONNX["volumes"])
    if load_keras().backend.backend() != "tensorflow":
        raise export_error(to, f"{WITHOUT_ONNX['backend']}. Install TensorFlow and set KERAS_BACKEND=tensorflow")
    require_writable(out.parent)
    with atomic_directory(out, overwrite, ("metadata.json",)) as folder:
        model = loaded.model
        inputs = reference_inputs(model)
        metadata = _metadata(loaded, to, model.input.name)
        differs = export_model(model, "onnx" if to == "hub" else to, folder, inputs, as_properties(metadata))
        outputs = model.predict_on_batch(inputs)
        files = write_references(folder / "reference", inputs)
        metadata["reference"] = {
            "files": files,
            "probability": np.asarray(outputs["probability"], dtype=np.float64).tolist(),
            "tolerance": TOLERANCE,
            "largest_difference": differs,
        }
        write_json(folder / "metadata.json", metadata)
        if MODEL_FILES[to].endswith(".onnx") and inputs.ndim == 4:
            for name in _EXAMPLES:
                shutil.copyfile(Path(__file__).parent / "export_examples" / f"{name}.txt", folder / name)
        if to == "hub":
            shutil.copyfile(run / "model.keras", folder / "model.keras")
            for language in LANGUAGES:
                name = "README.md" if language == "en" else f"README.{language}.md"
                shutil.copyfile(card_path(run, language), folder / name)
    progress.say(f"probabilities of {REFERENCE_IMAGES} reference images differ from Keras by at most {differs:.1g}")
    return out


def _metadata(loaded: LoadedRun, to: str, name: str) -> dict[str, Any]:
    return {
        "placa_version": placa.__version__,
        "format": to,
        "model": MODEL_FILES[to],
        "model_fingerprint": loaded.fingerprint,
        "findings": loaded.findings,
        "thresholds": {name: loaded.thresholds[name] for name in loaded.findings},
        "input": {
            "name": name,
            "shape": [None, loaded.embeddings["length"]] if loaded.embeddings else [None, loaded.size, loaded.size, 1],
            "type": "float32" if loaded.embeddings else "uint8",
            "reading": loaded.reading.as_record(),
        },
        "outputs": {"probability": "after recalibration", "score": "before recalibration"},
    }
