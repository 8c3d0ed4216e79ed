"""Compute local binary patterns (Ojala et al. 2002), the frequencies of patterns of neighbouring pixels, in Keras."""

from __future__ import annotations

from typing import Any

from placa.core.backend import load_keras

#: Distance of the eight neighbours in pixels, and grey levels by which a bright neighbour exceeds the centre: 0 counts
#: the finest noise, a larger step only stronger contrast.
PATTERNS = ((1, 0), (1, 2), (2, 0))
#: Number of regions per side in which patterns are counted.
REGIONS = 2
#: The neighbours in order around the centre of a 3 x 3 window.
_AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))


def pattern_shares(pixels: Any) -> Any:
    """Count patterns (doi:10.1109/TPAMI.2002.1017623).

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
