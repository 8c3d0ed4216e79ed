"""Build the final model from networks: average over mirror images and folds, recalibrate, update, output probabilities.

The model has stock Keras layers only, so that it loads without placa.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from placa.core.backend import load_keras
from placa.models.calibration import Recalibration

#: Name of the layer with the concatenated logits of all networks of an ensemble.
MEMBERS = "members"
#: What the layers of the earlier recalibration are called in the new model.
_BEFORE = "before"


def exclusive(network: Any) -> Any:
    """Make findings exclude each other: a softmax over the findings and "none of them", which has the logit 0.

    The new logit of a finding is the log odds of its softmax probability, so its sigmoid is that probability, and
    everything that follows (averages, recalibration, thresholds) is the same as for separate findings.

    Args:
        network: A network from uint8 pixels to logits ``(n, findings)``.

    Returns:
        A Keras model with the same weights and input, and output ``(n, findings)``.
    """
    keras = load_keras()
    ops, logits = keras.ops, network.output
    findings = logits.shape[-1]
    every = ops.expand_dims(ops.pad(logits, [[0, 0], [0, 1]]), 1)
    # The odds of a finding are against all others: row i leaves out finding i.
    left_out = np.where(np.eye(findings, findings + 1, dtype=bool), -1e9, 0.0).astype(np.float32)
    # A tuple, as Keras 3.10 cannot load the layer with a number.
    others = ops.logsumexp(every + left_out, axis=(-1,))
    return keras.Model(network.input, ops.subtract(logits, others), name=network.name)


def with_mirror(network: Any) -> Any:
    """Average the logits of each image and of its mirror image.

    A network trained on flipped images is equally accurate on both, and its errors differ slightly.

    Args:
        network: A network from uint8 pixels ``(n, size, size, 1)`` to logits, or also to the distance (see
            `placa.models.typicality.with_distance`).

    Returns:
        A Keras model with the same weights, input and outputs.
    """
    keras = load_keras()
    pixels = keras.Input(network.input_shape[1:], dtype="uint8", name="pixels")
    both = [outputs_of(network(pixels)), outputs_of(network(keras.ops.flip(pixels, axis=2)))]
    logits, distances = zip(*both, strict=True)
    outputs = as_outputs(_average(logits, "mirrored_logits"), _average(distances, "mirrored_distance"))
    return keras.Model(pixels, outputs, name=f"{network.name}_mirrored")


def outputs_of(outputs: Any) -> tuple[Any, Any]:
    """Return the logits and the distance (None without moments) among the outputs of a network."""
    return (outputs["logits"], outputs["distance"]) if isinstance(outputs, dict) else (outputs, None)


def as_outputs(logits: Any, distance: Any) -> Any:
    """Return the outputs of a network from which `outputs_of` returns these two."""
    return logits if distance is None else {"logits": logits, "distance": distance}


def _average(tensors: Sequence[Any], name: str) -> Any:
    """Return the average of tensors; None if one of them is None."""
    if any(one is None for one in tensors):
        return None
    return load_keras().layers.Average(name=name, dtype="float32")(list(tensors))


def with_probabilities(network: Any, recalibrations: Sequence[Recalibration]) -> Any:
    """Add scores and recalibrated probabilities to a network that outputs logits.

    Args:
        network: A network from uint8 pixels to logits ``(n, findings)``.
        recalibrations: One per finding, in order.

    Returns:
        A Keras model from uint8 pixels ``(n, size, size, 1)`` to ``{"score", "probability"}``, each ``(n, findings)``;
        and to ``distance``, ``(n, 1)``, if the network has it.
    """
    logits, distance = outputs_of(network.output)
    return _with_outputs(network.input, logits, logits, distance, [recalibrations], f"placa_{network.name}")


def ensemble(networks: Sequence[Any], recalibrations: Sequence[Sequence[Recalibration]]) -> Any:
    """Combine several networks into one model whose logit is the mean of their recalibrated logits.

    This is the logarithmic opinion pool (Genest and Zidek 1986), the geometric mean of the odds.

    Args:
        networks: Networks from uint8 pixels to logits ``(n, findings)``. They are renamed.
        recalibrations: For each network, one recalibration per finding, in order.

    Returns:
        A Keras model as from `with_probabilities`; its score comes from the mean of the uncalibrated logits.
    """
    keras = load_keras()
    first = networks[0].input
    pixels = keras.Input(first.shape[1:], dtype=first.dtype, name=first.name)
    for number, network in enumerate(networks, start=1):
        # Keras needs unique layer names, and all networks have the same one.
        network.name = f"fold{number}"
    logits, distances = zip(*(outputs_of(network(pixels)) for network in networks), strict=True)
    members = keras.layers.Concatenate(name=MEMBERS, dtype="float32")(list(logits))
    mean, distance = _average(logits, "mean_logits"), _average(distances, "mean_distance")
    return _with_outputs(pixels, members, mean, distance, recalibrations, "placa_ensemble")


def networks_in(model: Any) -> list[Any]:
    """Return the networks with a head inside a model: itself, or those of its folds."""
    if any(layer.name == "logits" and layer.weights for layer in model.layers):
        return [model]
    inner = [layer for layer in model.layers if isinstance(layer, load_keras().Model)]
    return [network for layer in inner for network in networks_in(layer)]


def logits_of(model: Any) -> Any:
    """Return the tensor of the logits of a model's networks, ``(n, networks * findings)``, network by network."""
    several = any(layer.name == MEMBERS for layer in model.layers)
    return model.get_layer(MEMBERS).output if several else model.get_layer("score").input


def split_at_logits(model: Any) -> tuple[Any, Any]:
    """Split a model at the logits of its networks.

    Args:
        model: A model from `with_probabilities` or `ensemble`, in memory or loaded from a file.

    Returns:
        A Keras model from pixels to logits ``(n, networks * findings)``, network by network, or to ``{"logits",
        "distance"}`` if the model has distances; and a Keras model from these logits to the recalibrated logits ``(n,
        findings)``.
    """
    keras = load_keras()
    logits = logits_of(model)
    outputs = as_outputs(logits, model.output.get("distance"))
    return keras.Model(model.input, outputs), keras.Model(logits, model.get_layer("recalibration").output)


def _with_outputs(
    pixels: Any,
    members: Any,
    logits: Any,
    distance: Any,
    recalibrations: Sequence[Sequence[Recalibration]],
    name: str,
) -> Any:
    layers = load_keras().layers
    # Always float32: 16 bits have about three significant digits.
    outputs = {
        "score": layers.Activation("sigmoid", name="score", dtype="float32")(logits),
        "probability": layers.Activation("sigmoid", name="probability", dtype="float32")(
            recalibrated(members, recalibrations)
        ),
    }
    if distance is not None:
        outputs["distance"] = layers.Identity(name="distance", dtype="float32")(distance)
    return load_keras().Model(pixels, outputs, name=name)


def recalibrated(members: Any, recalibrations: Sequence[Sequence[Recalibration]]) -> Any:
    """Average the recalibrated logits of networks, from ``(n, networks * findings)`` to ``(n, findings)``.

    The output is that of the layer ``recalibration``. Linear maps are one `Dense` layer, as a mean of lines is a line.
    Maps with knots add ramps, straight lines clipped to 0 and 1: unlike sums of unbounded pieces, ramps do not
    cancel, so that 32 bits are precise enough.
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


@dataclass(frozen=True)
class UpdateMap:
    """The new map of one finding.

    Attributes:
        map: From logits to logits of the updated probability.
        from_score: Whether it starts from the score before recalibration.
    """

    map: Recalibration = field(default_factory=Recalibration)
    from_score: bool = False


def with_update(model: Any, maps: Sequence[UpdateMap]) -> Any:
    """Add a map of the probabilities to a model.

    Args:
        model: A model from `with_probabilities` or `ensemble`. The layers of its recalibration are renamed.
        maps: One map per finding.

    Returns:
        A Keras model of the same form, whose layer ``recalibration`` has the updated logits.
    """
    keras = load_keras()
    members, before = logits_of(model), model.get_layer("recalibration").output
    for layer in model.layers:
        if layer.name.startswith(("recalibration", _BEFORE)):
            layer.name = f"{_BEFORE}_{layer.name}"
    findings = len(maps)
    from_score = np.diag([float(one.from_score) for one in maps])
    networks = members.shape[-1] // findings
    # The mean of the networks' logits is the logit of the score.
    parts = [(before, np.eye(findings) - from_score), (members, np.tile(from_score, (networks, 1)) / networks)]
    chosen = []
    for number, (tensor, kernel) in enumerate(parts, start=1):
        if kernel.any():
            choose = keras.layers.Dense(findings, use_bias=False, dtype="float32", name=_name(model, f"from{number}"))
            chosen.append(choose(tensor))
            choose.set_weights([kernel])
    source = chosen[0] if len(chosen) == 1 else keras.layers.Add(dtype="float32", name=_name(model, "from"))(chosen)
    logits = recalibrated(source, [[one.map for one in maps]])
    outputs = dict(model.output)
    outputs["probability"] = keras.layers.Activation("sigmoid", name="probability", dtype="float32")(logits)
    return keras.Model(model.input, outputs, name=model.name)


def _name(model: Any, name: str) -> str:
    """Return a name that no layer has, as a model can be updated again."""
    taken = {layer.name for layer in model.layers}
    number = 1
    while f"update{number}_{name}" in taken:
        number += 1
    return f"update{number}_{name}"
