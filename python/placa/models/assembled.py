"""From a network's logits to what a model answers: averaged over mirror images, recalibrated, as probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from placa.backend import load_keras
from placa.calibrate import Recalibration


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
    return keras.Model(pixels, keras.layers.Average(name="mirrored_logits")(both), name=f"{network.name}_mirrored")


def with_probabilities(network: Any, recalibrations: list[Recalibration]) -> Any:
    """Put scores and recalibrated probabilities behind the logits of a network.

    Args:
        network: From uint8 pixels to logits ``(n, findings)``.
        recalibrations: One a finding, in order.

    Returns:
        A Keras model from uint8 pixels ``(n, size, size, 1)`` to ``{"score", "probability"}``, each ``(n, findings)``.
    """
    keras = load_keras()
    layers = keras.layers
    # A stock layer with one slope and one intercept a finding: nothing of placa is needed to load it.
    recalibrate = layers.EinsumDense(
        "nf,f->nf", output_shape=(len(recalibrations),), bias_axes="f", name="recalibration"
    )
    calibrated = recalibrate(network.output)
    recalibrate.set_weights(
        [
            np.array([one.slope for one in recalibrations], dtype=np.float32),
            np.array([one.intercept for one in recalibrations], dtype=np.float32),
        ]
    )
    outputs = {
        "score": layers.Activation("sigmoid", name="score")(network.output),
        "probability": layers.Activation("sigmoid", name="probability")(calibrated),
    }
    return keras.Model(network.input, outputs, name=f"placa_{network.name}")
