"""Augmentation on the CPU: every change of shape composed into one resampling, on 8-bit grey levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Augmentation:
    """How far a training image is changed at random; each change is uniform up to the amount given.

    Attributes:
        flip: Probability of a left-right flip.
        rotation: Degrees to either side.
        zoom: Relative change of scale, up or down.
        shift: Share of the image's side, in each direction.
        brightness: Share of the grey range, up or down.
        contrast: Relative change of contrast about the image's mean.
    """

    flip: float = 0.5
    rotation: float = 10.0
    zoom: float = 0.1
    shift: float = 0.06
    brightness: float = 0.1
    contrast: float = 0.1

    def apply(self, images: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        """Change each image of a batch.

        Args:
            images: Grey levels, shape ``(n, size, size)``.
            random: Where the changes come from.

        Returns:
            Grey levels of the same shape; what comes into view from outside is as dark as the image's
            darkest spot, as outside a film.
        """
        n, size = len(images), images.shape[1]
        angle = np.deg2rad(random.uniform(-self.rotation, self.rotation, n))
        scale = np.exp(random.uniform(-1, 1, n) * np.log1p(self.zoom))
        shift = random.uniform(-self.shift, self.shift, (n, 2)) * size
        mirror = np.where(random.random(n) < self.flip, -1.0, 1.0)
        gain = 1 + random.uniform(-self.contrast, self.contrast, n)
        offset = 255 * random.uniform(-self.brightness, self.brightness, n)
        # Output to input, about the centre, as Image.transform wants it.
        a, b = np.cos(angle) / scale * mirror, np.sin(angle) / scale * mirror
        d, e = -np.sin(angle) / scale, np.cos(angle) / scale
        middle = size / 2
        c = middle - a * (middle + shift[:, 0]) - b * (middle + shift[:, 1])
        f = middle - d * (middle + shift[:, 0]) - e * (middle + shift[:, 1])
        out = np.empty_like(images)
        levels = np.arange(256, dtype=np.float64)
        for i, pixels in enumerate(images):
            warped = Image.fromarray(pixels).transform(
                (size, size),
                Image.Transform.AFFINE,
                (a[i], b[i], c[i], d[i], e[i], f[i]),
                Image.Resampling.BILINEAR,
                fillcolor=int(pixels.min()),
            )
            mean = float(pixels.mean())
            # One look-up a grey level, not one sum a pixel.
            table = np.clip((levels - mean) * gain[i] + mean + offset[i] + 0.5, 0, 255).astype(np.uint8)
            out[i] = table[np.asarray(warped)]
        return out


NONE = Augmentation(flip=0.0, rotation=0.0, zoom=0.0, shift=0.0, brightness=0.0, contrast=0.0)
