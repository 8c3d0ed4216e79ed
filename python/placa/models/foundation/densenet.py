"""DenseNet-121 of `keras.applications` with weights of torchxrayvision, timm or torchvision."""

from __future__ import annotations

from typing import Any

from placa.core.backend import load_keras
from placa.models.applications import BODY, build_body, with_head
from placa.models.foundation.folder import DENSENET, FoundationModel
from placa.models.foundation.network_input import network_input
from placa.models.standardise import PLAIN, Standardisation

#: Epsilon of batch normalisation in PyTorch; that of Keras' network is 1.001e-5.
_EPSILON = 1e-5
#: Names in PyTorch by those in Keras, of the layers outside of blocks.
_OUTSIDE = {"conv1_conv": "conv0", "conv1_bn": "norm0", "bn": "norm5"}


def build_densenet(
    model: FoundationModel,
    size: int,
    findings: int,
    standardisation: Standardisation = PLAIN,
    input_size: int | None = None,
) -> Any:
    """Build the network with random weights.

    Args:
        model: The foundation model.
        size: Side of the squares, in pixels.
        findings: Number of logits.
        standardisation: What is done to the pixels before the first layer.
        input_size: Side of the input of the network, in pixels; by default its own.

    Returns:
        A Keras model as from `placa.models.applications.build_application`.
    """
    keras, side = load_keras(), model.side(input_size)
    pixels = keras.Input((size, size, 1), dtype="uint8", name="pixels")
    x = network_input(model, standardisation.apply(pixels), side)
    body = build_body(DENSENET, side, model.channels)
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.epsilon = _EPSILON
    return with_head(pixels, keras.layers.GlobalAveragePooling2D(name="mean")(body(x)), findings, DENSENET)


def densenet_layers(network: Any) -> list[tuple[Any, str]]:
    """Return the layers with weights of a network from `build_densenet`, each with its name in PyTorch."""
    return [(layer, f"features.{_name_of(layer.name)}") for layer in network.get_layer(BODY).layers if layer.weights]


def _name_of(name: str) -> str:
    """Return the name in PyTorch of a layer such as ``pool2_bn`` or ``conv2_block1_0_bn``."""
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    stage, *place, kind = name.split("_")
    part = "norm" if kind == "bn" else kind
    number = int(stage[4:]) - 1
    if not place:
        return f"transition{number}.{part}"
    block, position = place
    # Keras counts normalisations from 0, PyTorch from 1.
    return f"denseblock{number}.denselayer{block[5:]}.{part}{int(position) + (part == 'norm')}"
