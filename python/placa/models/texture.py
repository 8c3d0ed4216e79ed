"""How often each pattern of neighbouring pixels occurs: local binary patterns (Ojala et al. 2002), in stock Keras."""

from __future__ import annotations

from typing import Any

from placa.core.backend import load_keras

#: Distance of the eight neighbours in pixels, and grey levels by which one must be brighter than the centre to count as
#: bright: at 0 the finest noise is counted, above it what stands out from noise.
PATTERNS = ((1, 0), (1, 2), (2, 0))
#: Patterns are counted in so many regions a side.
REGIONS = 2
#: The neighbours in turn around the centre, in a window of three by three.
_AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))


def pattern_shares(pixels: Any) -> Any:
    """Count patterns (doi:10.1109/TPAMI.2002.1017623).

    Eight neighbours, bright or not, are one of 256 codes a pixel; what is given is the square root of each code's share
    of a region, which makes differences of rare codes weigh as much as those of common ones (Hellinger).

    Args:
        pixels: A Keras tensor of uint8 grey levels ``(n, size, size, 1)``, size 16 or more.

    Returns:
        A Keras tensor, float32, ``(n, patterns * regions * regions * 256)``, 0 to 1. It has no slope: nothing is
        propagated back to the pixels.
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
                shares.append(share(count(keras.ops.cast(part, "int32"))))
    return keras.ops.sqrt(keras.layers.Concatenate(dtype="float32", name="patterns")(shares))


def _codes(pixels: Any, distance: int, step: int) -> Any:
    """The code, uint8, of each pixel that has all its neighbours; the side is shorter by twice `distance`."""
    keras = load_keras()
    ops = keras.ops
    # Signed and wider where a step is added, which could otherwise overflow.
    levels = ops.cast(pixels, "int16") if step else pixels

    def window(down: int, right: int) -> Any:
        edges = tuple((by * distance, (2 - by) * distance) for by in (down, right))
        return keras.layers.Cropping2D(edges)(levels)

    centre = window(1, 1) + step if step else window(1, 1)
    code = None
    for down, right in _AROUND:
        bright = ops.cast(ops.greater_equal(window(down, right), centre), "uint8")
        code = bright if code is None else code * ops.cast(2, "uint8") + bright
    return code
