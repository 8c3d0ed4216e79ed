"""Build networks by name."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, TypeAlias

from placa.models.applications import build_application
from placa.models.backbones import BACKBONE_TABLE, backbone_named, require_size
from placa.models.foundation.densenet import build_densenet
from placa.models.foundation.folder import VisionTransformer, is_foundation, read_foundation
from placa.models.foundation.network_input import FIXED
from placa.models.foundation.transformer import ADAPTERS, build_transformer
from placa.models.foundation.weights import load_weights
from placa.models.own_backbone import OwnBackbone, build_own
from placa.models.small import build_small
from placa.models.standardise import PLAIN, Standardisation
from placa.models.weights import load_initial_weights, require_weights

#: A part of a network that is trained: the head, the head and the adapters, or everything but tables of positions.
Part: TypeAlias = Literal["head", "adapters", "all"]


def build(
    backbone: str | OwnBackbone,
    size: int,
    findings: int,
    weights: str = "none",
    standardisation: Standardisation = PLAIN,
    input_size: int | None = None,
    adapters: bool = False,
) -> Any:
    """Build a backbone by name.

    Args:
        backbone: A name from `BACKBONES`, or the name in Keras, in any case; ``hf:`` and the folder of a foundation
            model (see `placa.models.foundation`); or a backbone of the user (see
            `placa.models.own_backbone.build_own`), which has its own weights.
        size: Side of the input, in pixels.
        findings: Number of logits.
        weights: Initial weights of all layers but the head: ``none``, random; ``imagenet``, downloaded and cached by
            Keras; a file of weights that Keras wrote for this backbone without its top (``.h5``, ``.weights.h5``); or
            a run of placa with this backbone, or its ``model.keras``, with any findings. For a foundation model:
            ``none``, or the same as `backbone`.
        standardisation: What is done to the pixels before the first layer.
        input_size: Side of the input of a foundation model, in pixels; by default its own.
        adapters: Whether a foundation model has low-rank adapters.

    Returns:
        A Keras model from uint8 grey levels ``(n, size, size, 1)`` to logits ``(n, findings)``. Its input layer is
        named ``pixels``; its last layer is named ``logits`` and is float32 under any dtype policy.

    Raises:
        PlacaError: The backbone is unknown, the images are too small for it, or the weights are missing, cannot be
            read or belong to another network.
    """
    if not isinstance(backbone, str):
        return build_own(backbone, size, findings, standardisation)
    if is_foundation(backbone):
        model = read_foundation(backbone)
        if isinstance(model, VisionTransformer):
            network = build_transformer(model, size, findings, standardisation, input_size, adapters)
        else:
            network = build_densenet(model, size, findings, standardisation, input_size)
        if weights != "none":
            load_weights(network, model, model.side(input_size))
        return network
    name = backbone_named(backbone)
    require_size(name, size)
    require_weights(name, weights)
    application = BACKBONE_TABLE[name].application
    builder = partial(build_application, name) if application else build_small
    network = builder(size, findings, standardisation)
    load_initial_weights(network, name, weights)
    return network


def head_of(network: Any) -> list[Any]:
    """Return the layers of the head, whose weights always start at random."""
    return [network.get_layer("logits")]


def set_trainable(network: Any, part: Part) -> None:
    """Set which layers of a network are trainable. Compile the network afterwards.

    Frozen layers keep their weights bit by bit. Frozen batch normalisation uses its moving averages, not the
    statistics of the batch, and does not update them.

    Args:
        network: A network from `build`.
        part: ``head``, for the first epochs of a pretrained network; ``adapters``, with the head; or ``all``.
    """
    head = head_of(network)
    # Set each layer: on TensorFlow, setting `trainable` of a network to its current value does not reach its layers.
    for layer in network.layers:
        adapted = part == "adapters" and layer.name.endswith(ADAPTERS)
        layer.trainable = layer in head or adapted or (part == "all" and not layer.name.startswith(FIXED))
