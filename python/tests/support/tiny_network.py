"""A network that is compiled in a fraction of the time of `small`, for tests that are not about networks."""

from __future__ import annotations

from typing import Any

from placa.core.backend import load_keras


def tiny(size: int) -> Any:
    """Return a backbone of one convolution, with normalisation and dropout as `small` has them."""
    keras = load_keras()
    pixels = keras.Input((size, size, 3))
    planes = keras.layers.Rescaling(1 / 255)(pixels)
    planes = keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(planes)
    planes = keras.layers.Activation("relu")(keras.layers.BatchNormalization()(planes))
    return keras.Model(pixels, keras.layers.Dropout(0.1)(planes))
