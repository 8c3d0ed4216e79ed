"""Read the folder of a foundation model: what the network is, and what it does to its input. No weights, no Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from placa.core.errors import PathNotFoundError
from placa.core.json_files import read_json
from placa.models.encoder_preprocessing import Preprocessing, find_preprocessing
from placa.models.errors import FoundationModelError, PatchSizeError, PreprocessingError, UnknownModelTypeError

#: What the name of a backbone starts with if it is the folder of a foundation model.
PREFIX = "hf:"
#: The vision transformers, by ``model_type`` of ``config.json`` (transformers).
TRANSFORMERS = ("dinov2", "dinov2_with_registers", "dinov3_vit")
#: The convolutional network, by ``architecture`` of ``config.json`` (timm).
DENSENET = "densenet121"
#: Activation functions of ``config.json`` that Keras has under the same name.
_ACTIVATIONS = ("gelu", "silu", "relu")


@dataclass(frozen=True)
class FoundationModel:
    """The network of a foundation model.

    Attributes:
        folder: The folder with ``config.json`` and ``model.safetensors``.
        model_type: One of `TRANSFORMERS`, or `DENSENET`.
        size: Side of the images for which it was stored, in pixels.
        channels: Channels of the input.
        preprocessing: What is done to grey levels before the network.
    """

    folder: Path
    model_type: str
    size: int
    channels: int
    preprocessing: Preprocessing

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.resolve().name

    def side(self, input_size: int | None = None) -> int:
        """Return the side of the input.

        Args:
            input_size: The side that the user wants; None for that of the network.

        Raises:
            PatchSizeError: The patches of a vision transformer do not divide it.
        """
        return self.size if input_size is None else input_size


@dataclass(frozen=True)
class VisionTransformer(FoundationModel):
    """A vision transformer.

    Attributes:
        patch: Side of a patch, in pixels.
        width, layers, heads: Numbers per token, blocks, and heads of attention.
        hidden: Units between the two layers of the perceptron of a block.
        gated: Whether the perceptron multiplies its units by a gate (SwiGLU, Shazeer 2020, arXiv:2002.05202).
        activation: Its activation function.
        registers: Tokens that are neither the class token nor a patch (Darcet et al. 2024, arXiv:2309.16588).
        epsilon: Epsilon of layer normalisation.
        base: Base of the rotary position embedding; None if positions are learnt and added.
    """

    patch: int
    width: int
    layers: int
    heads: int
    hidden: int
    gated: bool
    activation: str
    registers: int
    epsilon: float
    base: float | None

    def side(self, input_size: int | None = None) -> int:
        """Return the side of the input (see `FoundationModel.side`)."""
        side = super().side(input_size)
        if side % self.patch:
            below = side // self.patch * self.patch
            near = [one for one in (below, below + self.patch) if one]
            raise PatchSizeError(
                f"The network of {self.folder} divides its input into patches of {self.patch} x {self.patch} pixels, "
                f"which do not fit {side} x {side}. Use --input-size {' or '.join(map(str, near))}.",
                size=side,
                patch=self.patch,
                near=near,
            )
        return side


def is_foundation(backbone: object) -> TypeGuard[str]:
    """Return whether a backbone is the folder of a foundation model."""
    return isinstance(backbone, str) and backbone.startswith(PREFIX)


def read_foundation(backbone: str) -> FoundationModel:
    """Read the folder of a foundation model.

    Args:
        backbone: ``hf:`` and the path of the folder.

    Raises:
        FoundationModelError: The folder or a file is missing, or the network has a part that placa does not know.
        UnknownModelTypeError: It is another architecture.
        PreprocessingError: It is unknown what the network does to its input.
        PlacaError: A file is damaged.
    """
    folder = Path(backbone[len(PREFIX) :]).expanduser()
    if not folder.is_dir():
        raise unfit(
            folder,
            "there is no such folder",
            "placa does not download models: download its files into a folder, and name the folder",
        )
    config = _read_config(folder)
    # timm names its networks otherwise than transformers.
    kind, known = config.get("model_type", config.get("architecture")), [*TRANSFORMERS, DENSENET]
    if kind not in known:
        raise UnknownModelTypeError(
            f"{folder} is a network of type {kind!r}, and placa trains {', '.join(known)}. Train a head on its "
            "embeddings instead: placa embed, then --features (docs/foundation-models.md).",
            folder=str(folder),
            model_type=kind,
            known=known,
        )
    try:
        preprocessing = _preprocessing(folder)
        model = (_densenet if kind == DENSENET else _transformer)(folder, kind, config, preprocessing)
        if min(model.size, model.channels) < 1 or len(preprocessing.mean) not in (1, model.channels):
            raise ValueError(f"{len(preprocessing.mean)} means, {model.channels} channels, {model.size} pixels")
        return model
    except (KeyError, TypeError, ValueError) as error:
        raise unfit(
            folder, f"its config.json is not that of {kind} ({error!r})", "Download the folder again"
        ) from error


def _preprocessing(folder: Path) -> Preprocessing:
    preprocessing = find_preprocessing(folder / "model.safetensors")
    if preprocessing is None:
        raise PreprocessingError(
            f"{folder} has no preprocessor_config.json with the mean and standard deviation of the input. Copy that "
            "file from the page of the model into the folder.",
            file=str(folder / "preprocessor_config.json"),
            reason="no configuration file",
        )
    return preprocessing


def _densenet(folder: Path, kind: str, config: Mapping[str, Any], preprocessing: Preprocessing) -> FoundationModel:
    channels, side, _ = config["pretrained_cfg"]["input_size"]
    return FoundationModel(folder, kind, int(side), int(channels), preprocessing)


def _transformer(folder: Path, kind: str, config: Mapping[str, Any], preprocessing: Preprocessing) -> VisionTransformer:
    three = kind == "dinov3_vit"
    width, gated = int(config["hidden_size"]), bool(config.get("use_gated_mlp" if three else "use_swiglu_ffn", False))
    if three:
        hidden = int(config["intermediate_size"])
    else:
        hidden = int(width * config.get("mlp_ratio", 4))
        # As the authors of DINOv2: two thirds, rounded up to a multiple of 8.
        hidden = (int(hidden * 2 / 3) + 7) // 8 * 8 if gated else hidden
    activation = config.get("hidden_act", "gelu") if three or not gated else "silu"
    if activation not in _ACTIVATIONS:
        raise ValueError(f"hidden_act {activation}")
    model = VisionTransformer(
        folder=folder,
        model_type=kind,
        size=_one(config.get("image_size", 224)),
        patch=_one(config.get("patch_size", 16 if three else 14)),
        channels=int(config.get("num_channels", 3)),
        width=width,
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        hidden=hidden,
        gated=gated,
        activation=activation,
        registers=0 if kind == "dinov2" else int(config.get("num_register_tokens", 0 if three else 4)),
        epsilon=float(config.get("layer_norm_eps", 1e-5 if three else 1e-6)),
        base=_base(config) if three else None,
        preprocessing=preprocessing,
    )
    if model.width % model.heads or min(model.patch, model.layers, model.hidden) < 1:
        raise ValueError("a number is out of range")
    return model


def _base(config: Mapping[str, Any]) -> float:
    """Return the base of the rotary embedding, which newer versions of transformers store among other parameters."""
    parameters = config.get("rope_parameters") or {}
    return float(config.get("rope_theta") or parameters.get("rope_theta") or 100.0)


def _one(size: Any) -> int:
    sides = set(size) if isinstance(size, list) else {size}
    if len(sides) != 1:
        raise ValueError(f"sides {size}")
    return int(sides.pop())


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        content = read_json(path, "Download the file again.")
    except PathNotFoundError as error:
        raise unfit(
            folder, "it has no config.json", "Name the folder in which transformers or timm stored the model"
        ) from error
    return content if isinstance(content, dict) else {}


def unfit(folder: Path, reason: str, remedy: str) -> FoundationModelError:
    """Return the error for a folder whose network cannot be trained."""
    return FoundationModelError(
        f"{folder} is no foundation model that placa can train: {reason}. {remedy}.", folder=str(folder), reason=reason
    )
