"""Networks from grey squares to embeddings: an ONNX file of a foundation model, or the network of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import placa
from placa.core.backend import load_keras
from placa.core.files import explain_os_error, fingerprint
from placa.core.system import cores
from placa.models.assembled import networks_in
from placa.models.encoder_preprocessing import Preprocessing, find_preprocessing, read_preprocessing
from placa.models.errors import EncoderError, PreprocessingError
from placa.models.outputs import as_input, full_batches, predict_batch
from placa.records.embeddings import Provenance
from placa.records.reading import RESIZE_RULE

#: Outputs of rank 2 that are embeddings, the best known first.
_OUTPUTS = (
    "pooler_output",
    "image_embeds",
    "image_embeddings",
    "embedding",
    "embeddings",
    "features",
    "sentence_embedding",
)
#: Images per call: constant, so that an image has the same embedding in any batch. Fewer are large, from this side on,
#: because attention takes memory with the fourth power of the side.
_IMAGES, _LARGE_IMAGES, _LARGE_SIDE = 8, 4, 384


class OnnxEncoder:
    """A network of an ONNX file, in ONNX Runtime on all cores.

    Args:
        path: The file. Its input is grey or colour, with the channels first or last: integers 0-255, or floats.
        preprocessing: A configuration file (see `read_preprocessing`); by default one beside the network.
        size: Side of the input in pixels, where the file and the configuration leave it open.
        output: Name of the output, and after a colon ``cls`` (the first token) or ``mean`` (of all tokens, or of all
            positions) for an output that is not yet pooled.

    Raises:
        EncoderError: The file is no such network, or the output must be chosen.
        PreprocessingError: Mean and deviation of the input are unknown, or sides differ.
    """

    def __init__(
        self, path: Path, preprocessing: Path | None = None, size: int | None = None, output: str | None = None
    ) -> None:
        import onnxruntime

        if not path.is_file():
            raise explain_os_error(FileNotFoundError(2, "No such file", str(path)), path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores()
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # ONNX Runtime has an exception per fault of a file, in a private module.
            raise _no_encoder(path, str(error).splitlines()[0]) from error
        self._path = path
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            raise _no_encoder(
                path, f"its inputs are {[(one.name, one.shape) for one in inputs]}, not one batch of images"
            )
        self._input = inputs[0]
        shape = [one if isinstance(one, int) and one > 0 else None for one in self._input.shape]
        self._last = shape[3] in (1, 3) and shape[1] not in (1, 3)
        self._channels: int = (shape[3] if self._last else shape[1]) or 3
        if self._channels not in (1, 3):
            raise _no_encoder(path, f"its input {self._input.shape} has {self._channels} channels, not 1 or 3")
        self._dtype = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(float16)": "float16"}.get(
            self._input.type
        )
        if self._dtype is None:
            raise _no_encoder(path, f"its input has the type {self._input.type}")
        found = read_preprocessing(preprocessing) if preprocessing else find_preprocessing(path)
        self._preprocessing = found if self._dtype != "uint8" else None
        if self._dtype != "uint8" and found is None:
            raise PreprocessingError(
                f"The mean and deviation of the input of {path} are unknown. Name the preprocessor_config.json of the "
                "network with --preprocessor.",
                file=str(path),
                reason="no configuration file",
            )
        sides = shape[1:3] if self._last else shape[2:4]
        self.size = self._side(sides, found, size)
        self.images_per_call = shape[0] or (_LARGE_IMAGES if self.size >= _LARGE_SIDE else _IMAGES)
        self._output, self._pooling = self._chosen(output)
        self.length = self.embed(np.zeros((1, self.size, self.size), dtype=np.uint8)).shape[1]
        self.provenance: Provenance = {
            "library": "onnxruntime",
            "version": onnxruntime.__version__,
            "checkpoint": fingerprint(path, *sorted(path.parent.glob(f"{path.name}[_.]data"))),
            "input_size": self.size,
            "resize": f"placa {RESIZE_RULE}" + (f", {self._preprocessing}" if self._preprocessing else ""),
            "dtype": "float16" if self._dtype == "float16" else "float32",
            "backend": "onnxruntime",
            "pooling": self._output + (f":{self._pooling}" if self._pooling else ""),
        }

    def _side(self, sides: list[int | None], found: Preprocessing | None, size: int | None) -> int:
        fixed = {one for one in sides if one}
        stated: set[int | None] = {size} if size else {*fixed} or {found.size if found else None}
        if len(stated | fixed) != 1 or None in stated:
            raise PreprocessingError(
                f"The side of the input of {self._path} must be one number, got {self._input.shape} in the file and "
                f"{size or (found and found.size)} stated. Give it with --size.",
                file=str(self._path),
                reason=f"sides {sides}, stated {size or (found and found.size)}",
            )
        [side] = stated
        assert side is not None
        return side

    def _chosen(self, output: str | None) -> tuple[str, str]:
        outputs = {one.name: len(one.shape) for one in self._session.get_outputs()}
        name, _, pooling = (output or "").partition(":")
        if not name:
            pooled = [one for one in _OUTPUTS if outputs.get(one) == 2] + [
                n for n, rank in outputs.items() if rank == 2
            ]
            name = pooled[0] if pooled else ""
        rank = outputs.get(name)
        if (rank == 2 and not pooling) or (rank in (3, 4) and pooling == "mean") or (rank == 3 and pooling == "cls"):
            return name, pooling
        choices = [
            choice
            for one, axes in outputs.items()
            for choice in ([one] if axes == 2 else [f"{one}:cls", f"{one}:mean"] if axes == 3 else [f"{one}:mean"])
        ]
        raise EncoderError(
            f"The output of {self._path} must be chosen with --output: one of {', '.join(choices)}.",
            file=str(self._path),
            reason="output",
            outputs=choices,
        )

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the embeddings of grey levels ``(n, size, size)``: float32, ``(n, length)``."""
        parts = []
        for count, batch in full_batches(pixels, self.images_per_call):
            [values] = self._session.run([self._output], {self._input.name: self._prepared(batch)})
            parts.append(self._pooled(values)[:count])
        return np.concatenate(parts).astype(np.float32, copy=False)

    def _prepared(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        axis = 3 if self._last else 1
        if self._preprocessing is None:
            return np.repeat(np.expand_dims(pixels, axis), self._channels, axis)
        one = self._preprocessing
        # From 256 levels to numbers by a table per channel: faster than arithmetic per pixel.
        levels = np.arange(256, dtype=np.float64) * one.factor
        means, deviations = (np.resize(np.array(each), self._channels) for each in (one.mean, one.deviation))
        tables = ((levels[None] - means[:, None]) / deviations[:, None]).astype(self._dtype)
        return np.stack([table[pixels] for table in tables], axis)

    def _pooled(self, values: NDArray[Any]) -> NDArray[Any]:
        if self._pooling == "cls":
            return values[:, 0]
        if self._pooling == "mean":
            # Over tokens, or over positions of planes with channels first.
            axes = (1,) if values.ndim == 3 else (2, 3)
            return np.asarray(values.mean(axis=axes, dtype=np.float32))
        return values


class RunEncoder:
    """The network of a run on pixels: what its head receives, one part per fold.

    Args:
        model: The Keras model of the run.
        size: Side of its squares.
        checkpoint: The fingerprint of the model.
        kind: The source on which it was trained.
    """

    def __init__(self, model: Any, size: int, checkpoint: str, kind: str) -> None:
        keras = load_keras()
        networks = networks_in(model)
        pixels = keras.Input((size, size, 1), dtype="uint8", name="pixels")
        parts = [keras.Model(one.input, one.get_layer("logits").input)(pixels) for one in networks]
        self._network = keras.Model(pixels, keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0])
        self.size, self.length = size, int(self._network.output_shape[-1])
        self.images_per_call = 8
        self.provenance: Provenance = {
            "library": "placa",
            "version": placa.__version__,
            "checkpoint": checkpoint,
            "input_size": size,
            "resize": f"placa {RESIZE_RULE}",
            "dtype": "float32",
            "backend": keras.backend.backend(),
            "pooling": "input of the head",
            "pretrained_on": [kind],
        }

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the embeddings of grey levels ``(n, size, size)``: float32, ``(n, length)``."""
        parts = []
        for count, batch in full_batches(pixels, self.images_per_call):
            parts.append(np.asarray(predict_batch(self._network, as_input(batch)), dtype=np.float32)[:count])
        return np.concatenate(parts)


#: A network from grey squares to embeddings.
Encoder: TypeAlias = OnnxEncoder | RunEncoder


def _no_encoder(path: Path, reason: str) -> EncoderError:
    return EncoderError(
        f"{path} is no network from images to embeddings: {reason}. Export it to ONNX with one input of images.",
        file=str(path),
        reason=reason,
    )
