"""Build `small`: a convolutional trunk at about 96 pixels, and a texture branch for larger images."""

from __future__ import annotations

from typing import Any

from placa.core.backend import load_keras
from placa.models.applications import with_head
from placa.models.standardise import PLAIN, Standardisation

#: Smallest side of the input of the trunk, in pixels: images are reduced by the largest possible integer factor.
TRUNK_SIDE = 96
#: Distance of the eight neighbours in pixels, and grey levels by which a bright neighbour exceeds the centre: 0 counts
#: the finest noise, a larger step only stronger contrast.
PATTERNS = ((1, 0), (1, 2), (2, 0))
#: Number of regions per side in which patterns are counted.
REGIONS = 2
#: The neighbours in order around the centre of a 3 x 3 window.
_AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))


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


def pattern_shares(pixels: Any) -> Any:
    """Count local binary patterns (Ojala et al. 2002, doi:10.1109/TPAMI.2002.1017623).

    Eight neighbours, bright or not, are one of 256 codes per pixel. The result is the square root of the relative
    frequency of each code in a region, so that rare codes weigh as much as common ones (Hellinger distance).

    Args:
        pixels: A Keras tensor of uint8 grey levels ``(n, size, size, 1)``, size 16 or more.

    Returns:
        A Keras tensor, float32, ``(n, patterns * regions * regions * 256)``, 0 to 1. It has no gradient with respect
        to the pixels.
    """
    keras = load_keras()
    shares = []
    for distance, step in PATTERNS:
        codes = _codes(pixels, distance, step)
        side = int(codes.shape[1])
        region = side // REGIONS
        for row in range(REGIONS):
            for column in range(REGIONS):
                cut = tuple((at * region, side - (at + 1) * region) for at in (row, column))
                part = keras.layers.Flatten()(keras.layers.Cropping2D(cut)(codes))
                count = keras.layers.CategoryEncoding(256, output_mode="count", dtype="float32")
                # float32: half precision cannot count beyond 2,048.
                share = keras.layers.Rescaling(1 / region**2, dtype="float32")
                shares.append(share(count(part)))
    return keras.ops.sqrt(keras.layers.Concatenate(dtype="float32", name="patterns")(shares))


def _codes(pixels: Any, distance: int, step: int) -> Any:
    """Compute the code, 0 to 255, of each pixel with all neighbours; the side is shorter by twice `distance`."""
    keras = load_keras()
    ops = keras.ops
    # A wider, signed type, as adding a step could overflow.
    levels = ops.cast(pixels, "int16") if step else pixels

    def window(down: int, right: int) -> Any:
        edges = tuple((by * distance, (2 - by) * distance) for by in (down, right))
        return keras.layers.Cropping2D(edges)(levels)

    centre = window(1, 1) + step if step else window(1, 1)
    code = None
    for down, right in _AROUND:
        # TensorFlow is three times slower with bytes.
        bright = ops.cast(ops.greater_equal(window(down, right), centre), "int32")
        # A sum, not a product with a constant, which the export to ONNX would turn into an input of the network.
        code = bright if code is None else code + code + bright
    return code
