"""Add to a network the distance of its own features from those of its training images.

The moments are weights of stock Keras layers, so that the model file and ``model.onnx`` contain them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import load_keras
from placa.dataset.moments import LEAST_DISTANCE, LayerMoments, Moments
from placa.models.outputs import as_input, predict_batch

#: Blocks of `small` whose features are compared, and the parts per side in which their maps are averaged. Early blocks
#: respond to small structures, so their place matters.
_SMALL = (("stem", 3), ("stage1_b", 3), ("stage2_b", 1), ("features", 1))
#: Parts per side of the grey levels of `small`, whose features hardly depend on what is above and what is below.
_SMALL_LEVELS = 3
#: Parts per side of the grey levels and of their gradients, which stand for the early layers of other networks.
_LEVELS, _GRADIENTS = 6, 4
#: Smallest epsilon of batch normalisation, which is used to subtract the mean.
_EPSILON = 1e-3


def feature_network(network: Any) -> Any:
    """Return a network with the features whose moments are compared.

    Args:
        network: A network from pixels or embeddings to logits.

    Returns:
        A Keras model from pixels to one tensor ``(n, d)`` per layer.
    """
    return load_keras().Model(network.input, _features(network))


def run_features(network: Any, batches: Iterable[NDArray[Any]]) -> list[NDArray[np.float64]]:
    """Compute the features of images.

    Args:
        network: As for `feature_network`.
        batches: Grey levels ``(n, size, size)``, or embeddings.

    Returns:
        For each layer its features, shape ``(images, d)``.
    """
    model = feature_network(network)
    outputs = (predict_batch(model, as_input(batch)) for batch in batches)
    # A model of one output returns it without a list.
    parts = [output if isinstance(output, list) else [output] for output in outputs]
    return [np.concatenate([part[i] for part in parts]).astype(np.float64) for i in range(len(model.outputs))]


def with_distance(network: Any, moments: Moments | None) -> Any:
    """Add the distance of an image from the training images to a network.

    Args:
        network: As for `feature_network`.
        moments: The moments of its features; None returns the network unchanged.

    Returns:
        A Keras model from pixels to ``{"logits", "distance"}``, with ``distance`` of shape ``(n, 1)``, in standard
        deviations of the training images.
    """
    if moments is None:
        return network
    keras = load_keras()
    scores = [
        _distance_of(features, one, f"moments{number}")
        for number, (features, one) in enumerate(zip(_features(network), moments.layers, strict=True), start=1)
    ]
    mean = keras.layers.Average(dtype="float32", name="moments_mean")(scores) if len(scores) > 1 else scores[0]
    distance = _standardised(mean, moments.centre, moments.spread, "network_distance")
    return keras.Model(network.input, {"logits": network.output, "distance": distance}, name=network.name)


def _features(network: Any) -> list[Any]:
    layers, ops = load_keras().layers, load_keras().ops
    if len(network.input.shape) == 2:
        # The embedding itself.
        return [layers.Activation("linear", dtype="float32", name="moments_embedding")(network.input)]
    levels = layers.Rescaling(1 / 255, dtype="float32", name="moments_levels")(network.input)
    if any(layer.name == _SMALL[0][0] for layer in network.layers):
        # Before they are pooled.
        normalised = [(name, network.get_layer(f"{name}_norm").output, parts) for name, parts in _SMALL]
        planes = [
            _averaged(layers.ReLU(dtype="float32", name=f"moments_{name}")(plane), parts)
            for name, plane, parts in normalised
        ]
        return [*planes, _averaged(levels, _SMALL_LEVELS)]
    across = ops.abs(levels[:, 1:, 1:] - levels[:, 1:, :-1])
    down = ops.abs(levels[:, 1:, 1:] - levels[:, :-1, 1:])
    gradients = _averaged(ops.concatenate([across, down], axis=-1), _GRADIENTS)
    # A margin, as an image of one grey level has no gradient.
    logs = ops.log(layers.Rescaling(1.0, 0.01, dtype="float32")(gradients))
    pooled = layers.Activation("linear", dtype="float32", name="moments_pooled")(network.get_layer("mean").output)
    return [_averaged(levels, _LEVELS), logs, pooled]


def _averaged(plane: Any, parts: int) -> Any:
    layers = load_keras().layers
    side = max(1, min(int(plane.shape[1]), int(plane.shape[2])) // parts)
    pooled = layers.AveragePooling2D(side, dtype="float32")(plane) if side > 1 else plane
    return layers.Flatten(dtype="float32")(pooled)


def _distance_of(features: Any, moments: LayerMoments, name: str) -> Any:
    """Return the standardised logarithm of the squared distance (see `LayerMoments.squared_distance`)."""
    keras = load_keras()
    layers, ops, width = keras.layers, keras.ops, len(moments.mean)
    centre = layers.BatchNormalization(
        center=False, scale=False, epsilon=_EPSILON, trainable=False, dtype="float32", name=f"{name}_mean"
    )
    centred = centre(features)
    centre.set_weights([moments.mean, np.full(width, 1 - _EPSILON)])
    along = layers.Dense(
        len(moments.variances), use_bias=False, trainable=False, dtype="float32", name=f"{name}_directions"
    )
    scaled = along(centred)
    along.set_weights([moments.directions.T / np.sqrt(moments.variances)])
    # The rest is the noise: what the directions do not explain.
    explain = layers.Dense(width, use_bias=False, trainable=False, dtype="float32", name=f"{name}_explained")
    rest = layers.Subtract(dtype="float32", name=f"{name}_rest")([centred, explain(scaled)])
    explain.set_weights([moments.directions * np.sqrt(moments.variances)[:, None]])
    scale = layers.Rescaling(float(1 / np.sqrt(moments.noise)), dtype="float32", name=f"{name}_noise")
    both = layers.Concatenate(dtype="float32", name=f"{name}_both")([scaled, scale(rest)])
    mean = layers.Rescaling(1 / width, LEAST_DISTANCE, dtype="float32", name=f"{name}_squared")
    logarithm = ops.log(mean(ops.sum(ops.square(both), axis=-1, keepdims=True)))
    return _standardised(logarithm, moments.centre, moments.spread, f"{name}_distance")


def _standardised(values: Any, centre: float, spread: float, name: str) -> Any:
    return load_keras().layers.Rescaling(1 / spread, -centre / spread, dtype="float32", name=name)(values)
