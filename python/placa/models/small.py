"""Build `small`: a convolutional trunk at about 96 pixels, and a texture branch for larger images."""

from __future__ import annotations

from typing import Any

from placa.core.backend import load_keras
from placa.models.applications import with_head
from placa.models.standardise import PLAIN, Standardisation
from placa.models.texture import pattern_shares

#: Smallest side of the input of the trunk, in pixels: images are reduced by the largest possible integer factor.
TRUNK_SIDE = 96


def counts_texture(size: int) -> bool:
    """Return whether `small` has a texture branch for images of this side, in pixels."""
    return size >= 2 * TRUNK_SIDE


def build_small(size: int, findings: int, standardisation: Standardisation = PLAIN) -> Any:
    """Build `small`, a convolutional network that trains in minutes on 2 cores.

    Reducing an image removes fine detail, such as noise, sharpness and thin lines; convolution at full size takes ten
    times as long. From twice `TRUNK_SIDE` on, the trunk therefore receives the reduced image, and a second branch
    counts fixed patterns of neighbouring pixels at full size. Grad-CAM explains the trunk only, as the texture counts
    have no location. Smaller images have no texture branch.

    Args:
        size: Side of the input, in pixels.
        findings: Number of logits.
        standardisation: What is done to the pixels before the first layer.

    Returns:
        A Keras model from uint8 grey levels ``(n, size, size, 1)`` to logits ``(n, findings)``.
    """
    keras = load_keras()
    layers = keras.layers

    def convolve(x: Any, width: int, kernel: int, strides: int, name: str, pool: str | None = None) -> Any:
        conv = layers.Conv2D(
            width,
            kernel,
            strides,
            "same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )
        # The default momentum of 0.99 converges too slowly for a small data set.
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(conv(x))
        if pool:
            # Before ReLU, which gives the same and then has a quarter of the work.
            x = layers.MaxPooling2D(name=pool)(x)
        return layers.ReLU(name=name)(x)

    inputs = keras.Input((size, size, 1), dtype="uint8", name="pixels")
    levels = standardisation.apply(inputs)
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(levels)
    large = counts_texture(size)
    if large:
        x = layers.AveragePooling2D(size // TRUNK_SIDE, name="shrink")(x)
    # The stem halves the side: normalisation and pooling at full size would take half of the time.
    x = convolve(x, 16, 5, 2, "stem", "stage1_pool")
    x = convolve(x, 32, 3, 1, "stage1_a")
    x = convolve(x, 32, 3, 1, "stage1_b", "stage2_pool")
    x = convolve(x, 64, 3, 1, "stage2_a")
    x = convolve(x, 64, 3, 1, "stage2_b", "stage3_pool")
    x = convolve(x, 128, 3, 1, "stage3_a")
    x = convolve(x, 128, 3, 1, "features")
    # The mean measures the extent of a feature, the maximum its presence anywhere.
    pooled = [layers.GlobalAveragePooling2D(name="mean")(x), layers.GlobalMaxPooling2D(name="maximum")(x)]
    if large:
        t = pattern_shares(levels)
        t = layers.BatchNormalization(momentum=0.9, center=False, scale=False, name="texture_norm")(t)
        # Strong dropout: three thousand counts for a few hundred images.
        t = layers.Dropout(0.8, name="texture_dropout")(t)
        t = layers.Dense(64, use_bias=False, name="texture_dense")(t)
        pooled.append(
            layers.ReLU(name="texture")(layers.BatchNormalization(momentum=0.9, name="texture_dense_norm")(t))
        )
    return with_head(inputs, layers.Concatenate(name="pooled")(pooled), findings, "small")
