"""`small`: a convolutional trunk at about 96 pixels, and beside it the texture of images that are larger."""

from __future__ import annotations

from typing import Any

from placa.core.backend import load_keras
from placa.models.texture import pattern_shares

#: The trunk sees the image shrunken by the largest whole factor that leaves this side, in pixels, or more.
TRUNK_SIDE = 96


def counts_texture(size: int) -> bool:
    """Whether `small` counts texture beside its trunk, for images of that side in pixels."""
    return size >= 2 * TRUNK_SIDE


def build_small(size: int, findings: int) -> Any:
    """Build `small`, a convolutional network that trains in minutes on 2 cores.

    Shrinking an image takes from it what is finest, such as noise, sharpness and thin lines; convolving at full size
    would take ten times as long. So from twice `TRUNK_SIDE` on, the trunk sees the image shrunken, and a second branch
    counts fixed patterns of neighbouring pixels at full size. Grad-CAM explains the trunk alone, for texture has no
    place in the image. Smaller images have lost their texture, and the trunk is all there is.

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

    inputs = keras.Input((size, size, 1), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(inputs)
    large = counts_texture(size)
    if large:
        x = layers.AveragePooling2D(size // TRUNK_SIDE, name="shrink")(x)
    # The stem halves the side at once: normalising and pooling at full size would be half of all the time.
    x = convolve(x, 16, 5, 2, "stem")
    for stage, width in enumerate((32, 64, 128), start=1):
        x = layers.MaxPooling2D(name=f"stage{stage}_pool")(x)
        x = convolve(x, width, 3, 1, f"stage{stage}_a")
        x = convolve(x, width, 3, 1, "features" if stage == 3 else f"stage{stage}_b")
    # The mean sees how much of the image looks so, the maximum whether any spot does.
    pooled = [layers.GlobalAveragePooling2D(name="mean")(x), layers.GlobalMaxPooling2D(name="maximum")(x)]
    if large:
        t = pattern_shares(inputs)
        t = layers.BatchNormalization(momentum=0.9, center=False, scale=False, name="texture_norm")(t)
        # Three thousand counts and a few hundred images: most are hidden at each step.
        t = layers.Dropout(0.8, name="texture_dropout")(t)
        t = layers.Dense(64, use_bias=False, name="texture_dense")(t)
        pooled.append(
            layers.ReLU(name="texture")(layers.BatchNormalization(momentum=0.9, name="texture_dense_norm")(t))
        )
    x = layers.Dropout(0.2, name="dropout")(layers.Concatenate(name="pooled")(pooled))
    # A loss in half precision overflows.
    logits = layers.Dense(findings, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="small")
