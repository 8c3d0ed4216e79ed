"""Write and load ``model.onnx``: the model of a run for ONNX Runtime, which needs neither Keras nor TensorFlow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.files import atomic_file
from placa.core.system import cores
from placa.records.run_facts import MissingOnnxReason

#: Largest difference between the probabilities and scores of ONNX Runtime and of Keras.
TOLERANCE = 1e-6
#: The same for the distance from the training images, in standard deviations.
DISTANCE_TOLERANCE = 1e-3
#: Number of images on which the two are compared.
REFERENCE_IMAGES = 16
#: Why a run has no ``model.onnx``, as the end of a sentence.
WITHOUT_ONNX: dict[str, str] = {
    "backend": "Keras did not use TensorFlow",
    "differs": f"its predictions differ from those of Keras by more than {TOLERANCE}",
    "export": "the network cannot be exported to ONNX",
    "package": "onnx, onnxruntime or tf2onnx is not installed",
    "volumes": "the predictions of a volume are pooled over its squares",
}
#: Version of the operations of ONNX: from 16 on, `ScatterElements` adds.
_OPSET = 18
#: The optimizations of tf2onnx that are applied to a converted graph. ONNX Runtime applies the others itself. With
#: all of them, a transformer takes five times longer to convert, and predictions are no faster.
_PASSES = (
    "TransposeOptimizer",
    "ConstFoldOptimizer",
    "MergeDuplicatedNodesOptimizer",
    "IdentityOptimizer",
    "BackToBackOptimizer",
)
#: Bytes of the file below which a network is small.
_SMALL = 4_000_000
#: Largest number in a byte.
_BYTE = 255
#: The key of the metadata of ``model.onnx`` with the fingerprint of ``model.keras``.
_FINGERPRINT = "model_fingerprint"


@dataclass(frozen=True)
class OnnxExport:
    """A model in the ONNX format.

    Attributes:
        content: The content of the file; None if the model could not be exported.
        reason: Why it could not be exported; None if it was.
    """

    content: bytes | None
    reason: MissingOnnxReason | None

    def model(self) -> OnnxModel:
        """Load the exported model."""
        assert self.content is not None
        return OnnxModel(self.content)


class OnnxModel:
    """A model in ONNX Runtime, on the processor.

    Args:
        content: The content of the file.

    Attributes:
        images_per_call: Images per call: a constant number, so that an image has the same probability in any batch.
        findings: Number of findings.
        input_shape: The shape of one input: ``[size, size, 1]``, or ``[length]`` of embeddings.
        fingerprint: The fingerprint of the Keras model from which the file was made.
        calls_at_once: Calls to make at the same time: a small network shares a call out to cores badly, so that each
            call has one core; a large one has all of them.
    """

    images_per_call = 4

    def __init__(self, content: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        self.calls_at_once = cores() if len(content) < _SMALL else 1
        # Without a number, ONNX Runtime starts one thread per core of the machine, even where fewer may be used.
        options.intra_op_num_threads = cores() if self.calls_at_once == 1 else 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]
        self._input = self._session.get_inputs()[0].name
        self.input_shape = list(self._session.get_inputs()[0].shape[1:])
        self.findings = next(int(one.shape[-1]) for one in self._session.get_outputs() if one.name == "probability")
        self.fingerprint = self._session.get_modelmeta().custom_metadata_map.get(_FINGERPRINT)

    def predict_on_batch(self, pixels: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Predict pixels or embeddings; return the outputs of the model by name."""
        return dict(zip(self._names, self._session.run(None, {self._input: pixels}), strict=True))


def export_onnx(model: Any, inputs: NDArray[Any], squares: int) -> OnnxExport:
    """Export a Keras model, and compare it with Keras on reference images.

    Only TensorFlow models are exported: Keras cannot export from JAX, and from torch the outputs lose their names.

    Args:
        model: A model from uint8 pixels ``(n, size, size, 1)`` or embeddings to ``score`` and ``probability``.
        inputs: The pixels of the data set, ``(rows, size, size)``, or its embeddings, ``(rows, length)``.
        squares: Squares per file. Predictions of volumes are pooled at the logits, which the file does not have.
    """
    from placa.core.backend import load_keras

    if load_keras().backend.backend() != "tensorflow":
        return OnnxExport(None, "backend")
    if squares > 1:
        return OnnxExport(None, "volumes")
    try:
        content, predict = _convert(model)
    except ImportError:
        return OnnxExport(None, "package")
    except Exception:
        # Converters raise any exception for a layer that they do not support.
        return OnnxExport(None, "export")
    rows = np.unique(np.linspace(0, len(inputs) - 1, REFERENCE_IMAGES).astype(int))
    images = np.asarray(inputs[rows])
    images = images[..., None] if images.ndim == 3 else images
    try:
        outputs = OnnxModel(content).predict_on_batch(images)
    except Exception:
        # ONNX Runtime has an exception per fault of a file, in a private module.
        return OnnxExport(None, "export")
    expected = predict(images)
    differences = {name: np.abs(outputs[name] - np.asarray(value)).max() for name, value in expected.items()}
    # A comparison with NaN is false.
    equal = differences.pop("distance", 0.0) <= DISTANCE_TOLERANCE and max(differences.values()) <= TOLERANCE
    return OnnxExport(content, None) if equal else OnnxExport(None, "differs")


def save_onnx(export: OnnxExport, path: Path, fingerprint: str) -> None:
    """Write ``model.onnx`` atomically.

    Args:
        export: An export with content.
        path: The file to write.
        fingerprint: The fingerprint of ``model.keras``, stored in the metadata of the file.
    """
    import onnx

    assert export.content is not None
    proto = onnx.load_model_from_string(export.content)
    onnx.helper.set_model_props(proto, {_FINGERPRINT: fingerprint})
    with atomic_file(path) as partial:
        partial.write_bytes(proto.SerializeToString())


def _convert(model: Any) -> tuple[bytes, Callable[[Any], Mapping[str, Any]]]:
    """Convert a model; return the file and the function that was converted, which is compiled already."""
    for needed in ("onnx", "onnxruntime"):
        import_module(needed)
    tensorflow, tf2onnx, optimizer = map(import_module, ("tensorflow", "tf2onnx", "tf2onnx.optimizer"))
    # The converter logs every unsupported operation; the comparison with Keras finds them.
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    predict = tensorflow.function(lambda inputs: model(inputs, training=False))
    traced = predict.get_concrete_function(
        tensorflow.TensorSpec((None, *model.input_shape[1:]), model.input.dtype, name=model.input.name)
    )
    names = [
        [tensor.name for tensor in tensors if tensor.dtype != tensorflow.resource]
        for tensors in (traced.inputs, traced.outputs)
    ]
    # `model.export` of Keras and `from_function` of tf2onnx have no argument for the passes.
    with tensorflow.device("/cpu:0"):
        frozen = tf2onnx.tf_loader.from_function(traced, *names)
    with tensorflow.Graph().as_default() as whole:
        tensorflow.import_graph_def(frozen, name="")
        graph = tf2onnx.tfonnx.process_tf_graph(
            whole,
            continue_on_error=True,
            opset=_OPSET,
            custom_op_handlers={
                "DenseBincount": (_convert_counts, []),
                "Erfc": (_convert_erfc, []),
                "ReverseV2": (_convert_flip, []),
            },
            input_names=names[0],
            output_names=names[1],
            tensors_to_rename=tf2onnx.convert.tensor_names_from_structed(traced, *names),
        )
        passes = {name: getattr(optimizer, name) for name in _PASSES}
        graph = optimizer.optimize_graph(graph, optimizers=passes)
        _match_ranks(graph)
        _narrow_sums(graph)
        content: bytes = graph.make_model("placa").SerializeToString()
    return content, predict


def _match_ranks(graph: Any) -> None:
    """Give a constant number the rank of the other operand.

    ONNX Runtime 1.32 broadcasts a number over a last axis of one, as grey images have, seventy times slower.
    """
    for node in graph.get_nodes():
        shapes = [graph.get_shape(name) for name in node.input]
        if node.type not in {"Add", "Mul", "Sub"} or None in shapes:
            continue
        rank = max(map(len, shapes))
        for number, shape in enumerate(shapes):
            if len(shape) < rank and node.inputs[number].is_const() and np.prod(shape) == 1:
                value = node.inputs[number].get_tensor_value(as_list=False).reshape([1] * rank)
                name = import_module("tf2onnx").utils.make_name(node.input[number])
                graph.replace_input(node, node.input[number], graph.make_const(name, value).output[0], number)


def _narrow_sums(graph: Any) -> None:
    """Add truth values as bytes where the sum fits into one: ONNX Runtime then takes half of the time."""
    types = import_module("onnx").TensorProto

    @cache
    def largest(name: str) -> int:
        node = graph.get_node_by_output(name)
        if graph.get_dtype(name) != types.INT32 or name in graph.outputs:
            return _BYTE + 1
        if node.type == "Cast" and graph.get_dtype(node.input[0]) == types.BOOL:
            return 1
        return sum(map(largest, node.input)) if node.type == "Add" else _BYTE + 1

    sums = [node for node in graph.get_nodes() if node.type == "Add" and largest(node.output[0]) <= _BYTE]
    narrow = {name for node in sums for name in (*node.input, *node.output)}
    for name in narrow:
        graph.set_dtype(name, types.UINT8)
        node = graph.get_node_by_output(name)
        if node.type == "Cast":
            node.set_attr("to", types.UINT8)
        wide = [one for one in graph.find_output_consumers(name) if one.output[0] not in narrow]
        if wide:
            cast = graph.make_node("Cast", [name], attr={"to": types.INT32}, dtypes=[types.INT32])
            graph.replace_all_inputs(name, cast.output[0], ops=wide)


def _convert_erfc(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Convert the complementary error function of GELU, which tf2onnx leaves as it is, and ONNX does not have."""
    number = context.get_dtype(node.output[0])
    one = context.make_const(import_module("tf2onnx").utils.make_name(name), np.array(1, dtype=np.float32)).output[0]
    erf = context.make_node("Erf", [node.input[0]], dtypes=[number]).output[0]
    context.remove_node(node.name)
    context.make_node("Sub", [one, erf], outputs=node.output, dtypes=[number])


def _convert_flip(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Convert the mirror image to a slice. tf2onnx itself transposes twice, which takes ten times longer."""
    axes = np.atleast_1d(node.inputs[1].get_tensor_value(as_list=False)).astype(np.int64)
    lowest = np.full_like(axes, np.iinfo(np.int64).min)
    make_name = import_module("tf2onnx").utils.make_name
    bounds = [context.make_const(make_name(name), one).output[0] for one in (-np.ones_like(axes), lowest, axes)]
    steps = context.make_const(make_name(name), -np.ones_like(axes)).output[0]
    number, shape = context.get_dtype(node.output[0]), context.get_shape(node.output[0])
    inputs = [node.input[0], *bounds, steps]
    context.remove_node(node.name)
    context.make_node("Slice", inputs, outputs=node.output, dtypes=[number], shapes=[shape])


def _convert_counts(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Convert the counts of values in each row: add ones at the values. tf2onnx itself sorts them, ten times slower."""
    types = import_module("onnx").TensorProto
    number = context.get_dtype(node.output[0])

    def make(kind: str, inputs: list[str], **attributes: Any) -> str:
        output: str = context.make_node(kind, inputs, attr=attributes).output[0]
        return output

    def constant(values: list[int]) -> str:
        unique = import_module("tf2onnx").utils.make_name(name)
        output: str = context.make_const(unique, np.array(values, dtype=np.int64)).output[0]
        return output

    def filled(shape: str, value: int) -> str:
        tensor = import_module("onnx").helper.make_tensor("value", types.FLOAT, [1], [float(value)])
        return make("ConstantOfShape", [shape], value=tensor)

    values = make("Cast", [node.input[0]], to=types.INT64)
    shape = make("Shape", [values])
    rows = make("Slice", [shape, constant([0]), constant([1])])
    bins = make("Reshape", [make("Cast", [node.input[1]], to=types.INT64), constant([-1])])
    empty = filled(make("Concat", [rows, bins], axis=0), 0)
    counts = make("ScatterElements", [empty, values, filled(shape, 1)], axis=1, reduction="add")
    context.remove_node(node.name)
    context.make_node("Cast", [counts], attr={"to": number}, outputs=node.output, dtypes=[number])
