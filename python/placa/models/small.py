"""`small`: the network that 2 cores train in a minute."""

from __future__ import annotations

from typing import Any

from placa.backend import load_keras


def build_small(size: int, findings: int) -> Any:
    """Build `small`, a convolutional network that trains in a minute on 2 cores.

    Args:
        size: Side of the input, in pixels.
        findings: How many logits to give.

    Returns:
        A Keras model from uint8 grey levels ``(n, size, size, 1)`` to logits ``(n, findings)``.
    """
    keras = load_keras()
    layers = keras.layers

    def convolve(x: Any, width: int, kernel: int, strides: int, name: str) -> Any:
        conv = layers.Conv2D(
            width,
            kernel,
            strides,
            "same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )
        # Keras' own momentum of 0.99 takes longer to settle than a small data set trains.
        return layers.ReLU(name=name)(layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(conv(x)))

    x = inputs = keras.Input((size, size, 1), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(x)
    # The stem halves the side at once: normalising and pooling at full size would be half of all the time.
    x = convolve(x, 16, 5, 2, "stem")
    for stage, width in enumerate((32, 64, 128), start=1):
        x = layers.MaxPooling2D(name=f"stage{stage}_pool")(x)
        x = convolve(x, width, 3, 1, f"stage{stage}_a")
        x = convolve(x, width, 3, 1, "features" if stage == 3 else f"stage{stage}_b")
    # The mean sees how much of the image looks so, the maximum whether any spot does.
    pooled = [layers.GlobalAveragePooling2D(name="mean")(x), layers.GlobalMaxPooling2D(name="maximum")(x)]
    x = layers.Dropout(0.2, name="dropout")(layers.Concatenate(name="pooled")(pooled))
    return keras.Model(inputs, layers.Dense(findings, name="logits")(x), name="small")
