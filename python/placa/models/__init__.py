"""Networks by name: a table of them, and what builds them."""

from __future__ import annotations

from typing import Any, Literal

from placa.models.applications import build_application
from placa.models.backbones import BACKBONES, ROWS, backbone_named, require_size
from placa.models.small import build_small
from placa.models.weights import give_weights, require_weights, weights_fingerprint

__all__ = ["BACKBONES", "backbone_named", "build", "head_of", "set_trainable", "weights_fingerprint"]


def build(backbone: str, size: int, findings: int, weights: str = "none") -> Any:
    """Build a backbone by name.

    Args:
        backbone: A name from `BACKBONES`, or that of Keras, in capitals or not.
        size: Side of the input, in pixels.
        findings: How many logits to give.
        weights: What all but the head starts from: ``none``, random weights; ``imagenet``, those that Keras downloads
            and keeps; a file of weights that Keras wrote for this backbone without its top (``.h5``,
            ``.weights.h5``); or a run of placa's with this backbone, or its ``model.keras``, whatever its findings.

    Returns:
        A Keras model from uint8 grey levels ``(n, size, size, 1)`` to logits ``(n, findings)``, its input layer named
        ``pixels`` and its last ``logits``, which is float32 under any precision.

    Raises:
        PlacaError: There is no backbone of that name, the images are too small for it, or the weights are not there,
            cannot be read or are of another network.
    """
    name = backbone_named(backbone)
    require_size(name, size)
    require_weights(name, weights)
    network = build_application(name, size, findings) if ROWS[name].application else build_small(size, findings)
    give_weights(network, name, weights)
    return network


def head_of(network: Any) -> list[Any]:
    """The layers of a network that `build` made whose weights are never taken from elsewhere."""
    return [network.get_layer("logits")]


def set_trainable(network: Any, part: Literal["head", "all"]) -> None:
    """Choose what of a network learns; it must be compiled after.

    What does not learn keeps its weights to the bit, the moving averages of its batch normalisation included, which
    then normalises by these and not by the batch.

    Args:
        network: What `build` made.
        part: ``head``, for the first epochs of weights that have learnt; or ``all``.
    """
    head = head_of(network)
    # Layer by layer: on TensorFlow, a network that is trainable as a whole passes on nothing when told so again.
    for layer in network.layers:
        layer.trainable = part == "all" or layer in head
