"""Copy the weights of a foundation model from ``model.safetensors`` into its network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.errors import MissingPackageError
from placa.core.json_files import parse_json
from placa.models.foundation.densenet import densenet_layers
from placa.models.foundation.folder import FoundationModel, VisionTransformer, unfit
from placa.models.foundation.network_input import FIXED
from placa.models.foundation.tables import positions_at, rotations
from placa.models.foundation.transformer import ADAPTERS

_FILE = "model.safetensors"
#: Names in the file by our names. In a block: the part of a layer's name after ``block0_``.
_BLOCK_2 = {
    "norm1": "norm1",
    "query": "attention.attention.query",
    "key": "attention.attention.key",
    "value": "attention.attention.value",
    "output": "attention.output.dense",
    "scale1": "layer_scale1.lambda1",
    "norm2": "norm2",
    "up": "mlp.fc1",
    "down": "mlp.fc2",
    "scale2": "layer_scale2.lambda1",
}
_BLOCK_3 = {
    **_BLOCK_2,
    "query": "attention.q_proj",
    "key": "attention.k_proj",
    "value": "attention.v_proj",
    "output": "attention.o_proj",
    "up": "mlp.up_proj",
    "gate": "mlp.gate_proj",
    "down": "mlp.down_proj",
}


def weight_files(folder: Path) -> list[Path]:
    """Return the files of weights in the folder of a foundation model.

    Raises:
        FoundationModelError: A file is missing.
    """
    index = folder / f"{_FILE}.index.json"
    names = [_FILE]
    if not (folder / _FILE).is_file() and index.is_file():
        try:
            names = sorted(set(parse_json(index.read_text("utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise unfit(folder, f"{index.name} is damaged ({error!r})", "Download it again") from error
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        other = next(iter(folder.glob("*.bin")), None)
        remedy = (
            f"Store {other.name} as safetensors: transformers.AutoModel.from_pretrained(FOLDER).save_pretrained(FOLDER)"
            if other
            else "Download it into the folder"
        )
        raise unfit(folder, f"it has no {missing[0]}", remedy)
    return [folder / name for name in names]


def load_weights(network: Any, model: FoundationModel, side: int) -> None:
    """Copy the weights of a foundation model into its network; the head and adapters keep theirs.

    Args:
        network: A network from `build_transformer` or `build_densenet`.
        model: The foundation model.
        side: Side of the input, in pixels.

    Raises:
        FoundationModelError: The file is damaged, or belongs to another network.
        MissingPackageError: safetensors is not installed.
    """
    arrays = _Arrays(model.folder, _read(model.folder))
    if not isinstance(model, VisionTransformer):
        for layer, name in densenet_layers(network):
            _set(model, layer, _of_convolution(arrays, name))
        return
    across = side // model.patch
    for layer in network.layers:
        if layer.weights and layer.name != "logits" and not layer.name.endswith(ADAPTERS):
            values = _values(model, arrays, layer, across)
            if values is not None:
                _set(model, layer, values)


class _Arrays(dict[str, NDArray[np.float32]]):
    """The arrays of a file by name, below the prefix that the file of a complete model may have."""

    #: Names of which each network has one.
    _FIRST = ("embeddings.cls_token", "features.conv0.weight")

    def __init__(self, folder: Path, found: dict[str, NDArray[Any]]) -> None:
        first = [name.removesuffix(one) for name in found for one in self._FIRST if name.endswith(one)]
        prefix = first[0] if first else ""
        below = {name.removeprefix(prefix): array for name, array in found.items() if name.startswith(prefix)}
        super().__init__({name: np.asarray(array, dtype=np.float32) for name, array in below.items()})
        self._folder = folder

    def __missing__(self, name: str) -> NDArray[np.float32]:
        raise unfit(self._folder, f"its file of weights has no {name}", "Download it again")


def _read(folder: Path) -> dict[str, NDArray[Any]]:
    try:
        # NumPy then knows bfloat16.
        import ml_dtypes  # noqa: F401
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise MissingPackageError(
            "Foundation models need the package safetensors. Install it with pip install 'placa[hub]'.",
            package="safetensors",
        ) from error
    found: dict[str, NDArray[Any]] = {}
    for path in weight_files(folder):
        try:
            found |= load_file(path)
        except (SafetensorError, OSError, ValueError, TypeError) as error:
            raise unfit(folder, f"{path.name} is damaged ({error})", "Download it again") from error
    return found


def _of_convolution(arrays: _Arrays, name: str) -> list[NDArray[np.float32]]:
    """Return the weights of a convolution or of a batch normalisation in the order of Keras."""
    weight = arrays[f"{name}.weight"]
    if weight.ndim == 4:
        return [weight.transpose(2, 3, 1, 0)]
    return [weight, *(arrays[f"{name}.{part}"] for part in ("bias", "running_mean", "running_var"))]


def _values(model: VisionTransformer, arrays: _Arrays, layer: Any, across: int) -> list[NDArray[np.float32]] | None:
    """Return the weights of a layer in the order of Keras; None if the folder has none for this layer."""
    three, name = model.model_type == "dinov3_vit", layer.name
    prefix = 1 + model.registers
    if name == f"{FIXED}tokens":
        return [np.ones(model.width, dtype=np.float32), _tokens(model, arrays, across)]
    if name in (f"{FIXED}cosine", f"{FIXED}sine"):
        assert model.base is not None
        both = rotations(across, prefix, model.width // model.heads, model.base)
        return [both[name == f"{FIXED}sine"]]
    if name.startswith(FIXED):
        return None
    if name == "patches":
        place = "embeddings.patch_embeddings" + ("" if three else ".projection")
        return [arrays[f"{place}.weight"].transpose(2, 3, 1, 0), arrays[f"{place}.bias"]]
    if name == "norm":
        place = "norm" if three else "layernorm"
        return [arrays[f"{place}.weight"], arrays[f"{place}.bias"]]
    block, _, part = name.partition("_")
    place = f"{'layer' if three else 'encoder.layer'}.{block.removeprefix('block')}."
    if part.startswith("scale"):
        return [arrays[place + _BLOCK_2[part]]]
    if model.gated and not three:
        return _halves(arrays, place, part)
    place += (_BLOCK_3 if three else _BLOCK_2)[part]
    weight, bias = arrays[f"{place}.weight"], arrays.get(f"{place}.bias")
    if bias is None:
        # DINOv3 has no bias of the keys.
        bias = np.zeros(len(weight), dtype=np.float32)
    return [weight.T if weight.ndim == 2 else weight, bias]


def _halves(arrays: _Arrays, place: str, part: str) -> list[NDArray[np.float32]]:
    """Return the weights of a gated perceptron of DINOv2: gate and units are the halves of one array."""
    if part in ("gate", "up"):
        weight, bias = (np.split(arrays[f"{place}mlp.weights_in.{one}"], 2)[part == "up"] for one in ("weight", "bias"))
        return [weight.T, bias]
    name = place + ("mlp.weights_out" if part == "down" else _BLOCK_2[part])
    weight = arrays[f"{name}.weight"]
    return [weight.T if weight.ndim == 2 else weight, arrays[f"{name}.bias"]]


def _tokens(model: VisionTransformer, arrays: _Arrays, across: int) -> NDArray[np.float32]:
    """Return what is added to the tokens: the class token and the registers themselves, and all positions."""
    first = arrays["embeddings.cls_token"].reshape(1, -1)
    registers = np.empty((0, model.width), dtype=np.float32)
    if model.registers:
        registers = arrays["embeddings.register_tokens"].reshape(-1, model.width)
    if model.base is not None:
        return np.concatenate([first, registers, np.zeros((across**2, model.width), dtype=np.float32)])
    learnt = arrays["embeddings.position_embeddings"][0]
    patches = positions_at(learnt[1:], across, antialias=model.model_type != "dinov2")
    return np.concatenate([first + learnt[:1], registers, patches])


def _set(model: FoundationModel, layer: Any, values: list[NDArray[np.float32]]) -> None:
    shapes = [tuple(weight.shape) for weight in layer.weights]
    if [value.shape for value in values] != shapes:
        found = [value.shape for value in values]
        raise unfit(
            model.folder,
            f"the weights of {layer.name} have the shapes {found}, not {shapes} as its config.json states",
            "Download config.json and the weights of one model",
        )
    layer.set_weights(values)
