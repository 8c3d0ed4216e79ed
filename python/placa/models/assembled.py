"""From networks' logits to what a model answers: averaged over mirror images and folds, recalibrated, as probabilities.

All of it is made of Keras' own layers, so that nothing of placa is needed to load a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from placa.core.backend import load_keras
from placa.models.calibration import Recalibration

#: The layer that holds the logits of all networks side by side, in a model that is made of several.
MEMBERS = "members"


def with_mirror(network: Any) -> Any:
    """Average the logits of each image and of its mirror image.

    A network trained on flipped images answers both equally well, and errs on them a little differently.

    Args:
        network: From uint8 pixels ``(n, size, size, 1)`` to logits.

    Returns:
        A Keras model with the same weights, input and output.
    """
    keras = load_keras()
    pixels = keras.Input(network.input_shape[1:], dtype="uint8", name="pixels")
    both = [network(pixels), network(keras.ops.flip(pixels, axis=2))]
    average = keras.layers.Average(name="mirrored_logits", dtype="float32")
    return keras.Model(pixels, average(both), name=f"{network.name}_mirrored")


def with_probabilities(network: Any, recalibrations: Sequence[Recalibration]) -> Any:
    """Put scores and recalibrated probabilities behind the logits of a network.

    Args:
        network: From uint8 pixels to logits ``(n, findings)``.
        recalibrations: One a finding, in order.

    Returns:
        A Keras model from uint8 pixels ``(n, size, size, 1)`` to ``{"score", "probability"}``, each ``(n, findings)``.
    """
    return _answering(network.input, network.output, network.output, [recalibrations], f"placa_{network.name}")


def ensemble(networks: Sequence[Any], recalibrations: Sequence[Sequence[Recalibration]]) -> Any:
    """Make one model of several networks: its logit is the mean of theirs, each recalibrated by its own map.

    That is the logarithmic opinion pool (Genest and Zidek 1986), the geometric mean of their odds.

    Args:
        networks: Each from uint8 pixels to logits ``(n, findings)``. They are given new names.
        recalibrations: For each network one a finding, in order.

    Returns:
        A Keras model as `with_probabilities` makes it; its score is that of the mean of the logits as they are.
    """
    keras = load_keras()
    pixels = keras.Input(networks[0].input_shape[1:], dtype="uint8", name="pixels")
    for number, network in enumerate(networks, start=1):
        # Keras wants the layers of a model to have names of their own, and these are all called alike.
        network.name = f"fold{number}"
    logits = [network(pixels) for network in networks]
    members = keras.layers.Concatenate(name=MEMBERS, dtype="float32")(logits)
    mean = keras.layers.Average(name="mean_logits", dtype="float32")(logits)
    return _answering(pixels, members, mean, recalibrations, "placa_ensemble")


def split_at_logits(model: Any) -> tuple[Any, Any]:
    """Cut a model in two: up to the logits of its networks, and from there to the recalibrated ones.

    Args:
        model: What `with_probabilities` or `ensemble` returned, or a file of it.

    Returns:
        A Keras model from pixels to logits ``(n, networks * findings)``, those of one network after those of the other,
        and one from these to the recalibrated logits ``(n, findings)``.
    """
    keras = load_keras()
    several = any(layer.name == MEMBERS for layer in model.layers)
    logits = model.get_layer(MEMBERS).output if several else model.get_layer("score").input
    return keras.Model(model.input, logits), keras.Model(logits, model.get_layer("recalibration").output)


def _answering(
    pixels: Any, members: Any, logits: Any, recalibrations: Sequence[Sequence[Recalibration]], name: str
) -> Any:
    layers = load_keras().layers
    # Never in 16 bits, whatever the network was trained in: these have no more than three digits.
    outputs = {
        "score": layers.Activation("sigmoid", name="score", dtype="float32")(logits),
        "probability": layers.Activation("sigmoid", name="probability", dtype="float32")(
            _recalibrated(members, recalibrations)
        ),
    }
    return load_keras().Model(pixels, outputs, name=name)


def _recalibrated(members: Any, recalibrations: Sequence[Sequence[Recalibration]]) -> Any:
    """The mean of the recalibrated logits ``(n, findings)`` of networks whose logits are ``(n, networks * findings)``.

    The layer ``recalibration`` has it as its output. Lines are one `Dense` layer, for the mean of lines is a line;
    maps with knots add ramps to it, each a straight line cut off at 0 and 1: unlike sums of unbounded pieces these
    do not cancel, so that 32 bits are enough for them.
    """
    layers = load_keras().layers
    count, findings = len(recalibrations), len(recalibrations[0])
    maps = [one.as_ramps() for of_network in recalibrations for one in of_network]
    most = max(len(start) for _, _, start, _, _ in maps)
    kernel, bias = np.zeros((count * findings, findings)), np.zeros(findings)
    steepness, offset = np.zeros((len(maps), most)), np.zeros((len(maps), most))
    rises = np.zeros((len(maps), most, findings))
    for column, (slope, intercept, start, width, rise) in enumerate(maps):
        finding = column % findings
        kernel[column, finding] = slope / count
        bias[finding] += intercept / count
        steepness[column, : len(start)] = 1 / width
        offset[column, : len(start)] = -start / width
        rises[column, : len(start), finding] = rise / count
    line = layers.Dense(findings, name="recalibration" if not most else "recalibration_line", dtype="float32")
    straight = line(members)
    line.set_weights([kernel, bias])
    if not most:
        return straight
    placed = layers.EinsumDense(
        "nc,ck->nck", (len(maps), most), bias_axes="ck", name="recalibration_places", dtype="float32"
    )
    ramps = layers.ReLU(max_value=1.0, name="recalibration_ramps", dtype="float32")(placed(members))
    placed.set_weights([steepness, offset])
    added = layers.EinsumDense("nck,cko->no", findings, name="recalibration_rises", dtype="float32")
    risen = added(ramps)
    added.set_weights([rises])
    return layers.Add(name="recalibration", dtype="float32")([straight, risen])
