"""Change the grey levels, the sharpness and the border of training images, against shortcuts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Cells per side of the smooth field of brightness.
_CELLS = 3


@dataclass(frozen=True)
class GreyChanges:
    """The changes of each image of a batch; all arrays have the shape ``(n,)``.

    Attributes:
        gamma: Exponent of the display curve, 1 for none.
        field: Standard deviation of a smooth change of brightness over the image, in grey levels.
        blur: Standard deviation of a Gaussian filter, in shares of the side; negative values sharpen.
        resolution: Side to which the image is reduced before it is enlarged again, as a share; 1 for none.
        noise: Standard deviation of white noise, in grey levels.
        frame: Width of a border of one grey level on some sides, as a share of the side.
        seed: Seed of the noise, the field and the border.
    """

    gamma: NDArray[np.float64]
    field: NDArray[np.float64]
    blur: NDArray[np.float64]
    resolution: NDArray[np.float64]
    noise: NDArray[np.float64]
    frame: NDArray[np.float64]
    seed: NDArray[np.int64]

    def at(self, places: NDArray[np.int64] | slice) -> GreyChanges:
        """Return the changes of some images of the batch."""
        return GreyChanges(**{one.name: getattr(self, one.name)[places] for one in fields(self)})

    def apply(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Change as many images as there are changes; return new images."""
        return np.stack([self._change(pixels, row) for row, pixels in enumerate(images)])

    def _change(self, pixels: NDArray[np.uint8], row: int) -> NDArray[np.uint8]:
        import cv2

        side, random = pixels.shape[0], np.random.default_rng(self.seed[row])
        levels: NDArray[Any] = pixels.astype(np.float32)
        if self.resolution[row] < 1:
            small = max(8, round(self.resolution[row] * side))
            reduced = cv2.resize(levels, (small, small), interpolation=cv2.INTER_AREA)
            levels = cv2.resize(reduced, (side, side), interpolation=cv2.INTER_LINEAR)
        width = abs(self.blur[row]) * side
        if width > 0.2:
            smooth = cv2.GaussianBlur(levels, (0, 0), width)
            levels = smooth if self.blur[row] > 0 else levels + (levels - smooth)
        if self.field[row] > 0:
            cells = random.normal(0, self.field[row], (_CELLS, _CELLS)).astype(np.float32)
            levels = levels + cv2.resize(cells, (side, side), interpolation=cv2.INTER_CUBIC)
        if self.gamma[row] != 1:
            levels = 255 * (np.clip(levels, 0, 255) / 255) ** np.float32(self.gamma[row])
        if self.noise[row] > 0:
            levels = levels + random.normal(0, self.noise[row], levels.shape).astype(np.float32)
        border = round(self.frame[row] * side)
        if border:
            grey, sides = random.uniform(0, 255), random.random(4) < 0.5
            views = levels[:border], levels[-border:], levels[:, :border], levels[:, -border:]
            for drawn, view in zip(sides, views, strict=True):
                if drawn:
                    view[:] = grey
        changed: NDArray[np.uint8] = np.clip(levels + 0.5, 0, 255).astype(np.uint8)
        return changed
