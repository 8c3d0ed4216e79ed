"""Export the model of a run to formats of other programs, and check each on reference inputs.

The reference images are phantoms, which belong to no patient, so that an export can be published.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placa.models.errors import ExportError
from placa.models.onnx_file import REFERENCE_IMAGES, TOLERANCE, WITHOUT_ONNX, OnnxModel, export_onnx
from placa.phantoms.draw import MIN_SIZE, draw_patient

#: Names of the exported model by format.
MODEL_FILES = {"onnx": "model.onnx", "savedmodel": "saved_model", "litert": "model.tflite", "hub": "model.onnx"}


def reference_inputs(model: Any) -> NDArray[Any]:
    """Return inputs for a model: phantoms as grey levels, or embeddings from a standard normal distribution.

    Args:
        model: A Keras model from uint8 pixels ``(n, size, size, 1)`` or embeddings ``(n, length)``.

    Returns:
        `REFERENCE_IMAGES` inputs, always the same for the same shape.
    """
    shape = model.input_shape[1:]
    if len(shape) == 1:
        return np.random.default_rng(0).standard_normal((REFERENCE_IMAGES, *shape)).astype(np.float32)
    size = shape[0]
    drawn = (draw_patient(0, number, max(size, MIN_SIZE), images=1)[0].pixels for number in range(REFERENCE_IMAGES))
    squares = [Image.fromarray(one).resize((size, size), Image.Resampling.BOX) for one in drawn]
    return np.stack([np.asarray(one, dtype=np.uint8) for one in squares])[..., None]


def export_model(model: Any, to: str, folder: Path, inputs: NDArray[Any], metadata: dict[str, str]) -> float:
    """Write a model in a format, and compare its probabilities with those of Keras.

    Args:
        model: The Keras model, on TensorFlow.
        to: ``onnx``, ``savedmodel`` or ``litert``.
        folder: The folder to write to.
        inputs: As from `reference_inputs`.
        metadata: Stored in ``model.onnx``; the other formats have no place for it.

    Returns:
        The largest difference of a probability from Keras.

    Raises:
        ExportError: The model cannot be exported, or a probability differs by more than 1e-6.
    """
    expected = np.asarray(model.predict_on_batch(inputs)["probability"])
    target = folder / MODEL_FILES[to]
    writers = {"onnx": _write_onnx, "savedmodel": _write_saved_model, "litert": _write_litert}
    probability = writers[to](model, target, inputs, metadata)
    difference = float(np.abs(probability - expected).max())
    # A comparison with NaN is false.
    if not difference <= TOLERANCE:
        raise export_error(to, f"its probabilities differ from those of Keras by {difference:.1g}, above {TOLERANCE:g}")
    return difference


def export_error(to: str, reason: str) -> ExportError:
    """Return the error for a model that cannot be exported."""
    return ExportError(f"The model cannot be exported to {to}: {reason}.", format=to, reason=reason)


def _write_onnx(model: Any, target: Path, inputs: NDArray[Any], metadata: dict[str, str]) -> NDArray[Any]:
    export = export_onnx(model, inputs[..., 0] if inputs.ndim == 4 else inputs, 1)
    if export.content is None:
        raise export_error("onnx", WITHOUT_ONNX[export.reason or "export"])
    onnx = import_module("onnx")
    proto = onnx.load_model_from_string(export.content)
    onnx.helper.set_model_props(proto, metadata)
    target.write_bytes(proto.SerializeToString())
    return OnnxModel(target.read_bytes()).predict_on_batch(inputs)["probability"]


def _write_saved_model(model: Any, target: Path, inputs: NDArray[Any], _: dict[str, str]) -> NDArray[Any]:
    tensorflow = import_module("tensorflow")
    try:
        model.export(str(target), format="tf_saved_model", verbose=False)
    except Exception as error:
        # TensorFlow raises any exception for a layer that it cannot trace.
        raise export_error("savedmodel", _first_line(error)) from error
    serve = tensorflow.saved_model.load(str(target)).signatures["serving_default"]
    return np.asarray(serve(tensorflow.constant(inputs))["probability"])


def _write_litert(model: Any, target: Path, inputs: NDArray[Any], _: dict[str, str]) -> NDArray[Any]:
    lite = import_module("tensorflow").lite
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # TensorFlow announces that its interpreter moves to another package.
        warnings.simplefilter("ignore")
        try:
            model.export(folder, format="tf_saved_model", verbose=False)
            target.write_bytes(lite.TFLiteConverter.from_saved_model(folder).convert())
            serve = lite.Interpreter(model_content=target.read_bytes()).get_signature_runner("serving_default")
        except Exception as error:
            # The converter raises any exception for an operation that the format lacks.
            raise export_error("litert", _first_line(error)) from error
        return np.asarray(serve(**dict.fromkeys(serve.get_input_details(), inputs))["probability"])


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]


def write_references(folder: Path, inputs: NDArray[Any]) -> list[str]:
    """Write reference inputs: PNG files of 8 bits, or one CSV file of embeddings; return their names."""
    folder.mkdir()
    if inputs.ndim == 2:
        np.savetxt(folder / "embeddings.csv", inputs, delimiter=",", fmt="%.9g")
        return [f"{folder.name}/embeddings.csv"]
    names = [f"{folder.name}/{number:02d}.png" for number in range(1, len(inputs) + 1)]
    for name, square in zip(names, inputs, strict=True):
        Image.fromarray(square[..., 0]).save(folder.parent / name)
    return names


def as_properties(metadata: dict[str, Any]) -> dict[str, str]:
    """Return metadata as ONNX has them: texts, with JSON for everything else."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in metadata.items()
    }
