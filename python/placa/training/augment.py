"""Augment images on the CPU: all geometric changes in one resampling, on 8-bit grey levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from placa.training.errors import OwnAugmentationError
from placa.training.option import documented, option

# Functions import NumPy, so that `placa train --help`, which lists the amounts, starts without it.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from placa.training.grey_changes import GreyChanges

_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True)
class Changes:
    """The changes of each image of a batch.

    Attributes:
        affine: Coefficients of the affine map from output to input coordinates, ``x' = ax + by + c; y' = dx + ey + f``,
            where 0 and 1 are the edges of the image; shape ``(n, 6)``.
        gain: Contrast factor about the mean of the image, shape ``(n,)``.
        offset: Grey levels to add, shape ``(n,)``.
        grey: Changes of grey levels, sharpness and border; None without any.
    """

    affine: NDArray[np.float64]
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    grey: GreyChanges | None = None

    def at(self, places: NDArray[np.int64] | slice) -> Changes:
        """Return the changes of some images of the batch."""
        grey = self.grey.at(places) if self.grey is not None else None
        return Changes(self.affine[places], self.gain[places], self.offset[places], grey)

    def apply(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Change as many images as there are changes. Several threads may call it at once.

        Args:
            images: Grey levels, shape ``(n, size, size)``.

        Returns:
            Grey levels of the same shape; the input itself if nothing changes. Pixels from outside the image have its
            lowest grey level, as outside a film.
        """
        if self.grey is not None:
            images = self.grey.apply(images)
        if (self.affine == _IDENTITY).all() and (self.gain == 1).all() and (self.offset == 0).all():
            return images
        # OpenCV is four times as fast as Pillow.
        import cv2
        import numpy as np

        levels = np.arange(256, dtype=np.float64)
        size = images.shape[1]
        out = np.empty_like(images)
        for i, (pixels, (a, b, c, d, e, f)) in enumerate(zip(images, self.affine, strict=True)):
            # OpenCV coordinates start at pixel centres.
            across, down = c * size + (a + b - 1) / 2, f * size + (d + e - 1) / 2
            if (abs(a), b, d, e) == (1, 0, 0, 1):
                # Shifts by whole pixels avoid interpolation, which would change fine texture.
                across, down = round(across), round(down)
            warped = cv2.warpAffine(
                pixels,
                np.array([[a, b, across], [d, e, down]]),
                (size, size),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderValue=cv2.minMaxLoc(pixels)[0],
            )
            # A look-up table per image is faster than arithmetic per pixel.
            mean = cv2.mean(pixels)[0]
            table = (levels - mean) * self.gain[i] + (mean + self.offset[i] + 0.5)
            cv2.LUT(warped, np.clip(table, 0, 255).astype(np.uint8), dst=out[i])
        return out


@dataclass(frozen=True)
class Augmentation:
    """Amounts of random changes of training images; each change is uniform up to its amount.

    {attributes}
    """

    flip: float = option(0.5, float, "probability of a left-right flip", least=0, most=1)
    rotation: float = option(10.0, float, "maximum angle, in degrees, in either direction", least=0, most=180)
    zoom: float = option(0.1, float, "relative change of scale, up or down", least=0)
    shift: float = option(
        0.06,
        float,
        "fraction of the side, in each direction; by whole pixels without rotation and zoom",
        least=0,
        most=1,
    )
    brightness: float = option(0.1, float, "fraction of the grey range, up or down", least=0, most=1)
    contrast: float = option(
        0.1, float, "relative change of contrast about the mean of the image, up or down", least=0, most=1
    )
    gamma: float = option(0.0, float, "largest logarithm of the exponent of the display curve, up or down", least=0)
    field: float = option(
        0.0, float, "standard deviation of smooth changes of brightness, fraction of the grey range", least=0
    )
    blur: float = option(
        0.0, float, "largest standard deviation of blurring or sharpening, fraction of the side", least=0, most=0.1
    )
    resolution: float = option(
        0.0, float, "largest loss of resolution, fraction of the side; of half of the images", least=0, most=0.9
    )
    noise: float = option(0.0, float, "largest standard deviation of noise, fraction of the range", least=0, most=1)
    frame: float = option(
        0.0,
        float,
        "largest width of a border of one grey level, fraction of the side; of a third of the images",
        least=0,
        most=0.3,
    )

    def draw(self, n: int, random: np.random.Generator) -> Changes:
        """Draw the changes of a batch.

        Args:
            n: Number of images.
            random: Random generator.
        """
        import numpy as np

        angle = np.deg2rad(random.uniform(-self.rotation, self.rotation, n))
        scale = np.exp(random.uniform(-1, 1, n) * np.log1p(self.zoom))
        shift = random.uniform(-self.shift, self.shift, (n, 2))
        mirror = np.where(random.random(n) < self.flip, -1.0, 1.0)
        gain = 1 + random.uniform(-self.contrast, self.contrast, n)
        offset = 255 * random.uniform(-self.brightness, self.brightness, n)
        # From the output to the input, about the centre.
        a, b = np.cos(angle) / scale * mirror, np.sin(angle) / scale * mirror
        d, e = -np.sin(angle) / scale, np.cos(angle) / scale
        c = 0.5 - a * (0.5 + shift[:, 0]) - b * (0.5 + shift[:, 1])
        f = 0.5 - d * (0.5 + shift[:, 0]) - e * (0.5 + shift[:, 1])
        affine = np.stack([a, b, c, d, e, f], axis=1)
        return Changes(affine, gain, offset, self._draw_grey(n, random) if self.changes_grey else None)

    @property
    def changes_grey(self) -> bool:
        """Whether display curve, sharpness, noise or border change."""
        return any((self.gamma, self.field, self.blur, self.resolution, self.noise, self.frame))

    def _draw_grey(self, n: int, random: np.random.Generator) -> GreyChanges:
        import numpy as np

        from placa.training.grey_changes import GreyChanges

        return GreyChanges(
            gamma=np.exp(random.uniform(-self.gamma, self.gamma, n)),
            field=255 * self.field * random.uniform(0, 1, n),
            blur=random.uniform(-self.blur, self.blur, n),
            resolution=1 - self.resolution * random.uniform(0, 1, n) * (random.random(n) < 1 / 2),
            noise=255 * self.noise * random.uniform(0, 1, n),
            frame=self.frame * random.uniform(0, 1, n) * (random.random(n) < 1 / 3),
            seed=random.integers(0, 2**31, n),
        )

    def apply(self, images: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        """Change each image of a batch at random (see `Changes.apply`).

        Args:
            images: Grey levels, shape ``(n, size, size)``.
            random: Random generator.
        """
        return self.draw(len(images), random).apply(images)


Augmentation.__doc__ = documented(Augmentation)


@dataclass(frozen=True)
class FunctionChanges:
    """The changes of each image of a batch by a function of the user.

    Attributes:
        function: A function of one image, uint8 ``(size, size)``, and a random generator.
        seeds: Seeds of the generators, shape ``(n,)``.
    """

    function: Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]
    seeds: NDArray[np.int64]

    def at(self, places: NDArray[np.int64] | slice) -> FunctionChanges:
        """See `Changes.at`."""
        return FunctionChanges(self.function, self.seeds[places])

    def apply(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Changes.apply`.

        Raises:
            OwnAugmentationError: The function returns another shape or type.
        """
        import numpy as np

        out = np.empty_like(images)
        for i, (image, seed) in enumerate(zip(images, self.seeds, strict=True)):
            changed = self.function(image.copy(), np.random.default_rng(seed))
            if getattr(changed, "shape", None) != image.shape or changed.dtype != np.uint8:
                got = [str(getattr(changed, name, type(changed).__name__)) for name in ("dtype", "shape")]
                raise OwnAugmentationError(
                    f"`augmentation` must return an array of uint8 and shape {image.shape}, got {' '.join(got)}.",
                    type=got[0],
                    shape=got[1],
                )
            out[i] = changed
        return out


@dataclass(frozen=True)
class FunctionAugmentation(Augmentation):
    """Augmentation by a function of the user; all other amounts are 0.

    Attributes:
        function: See `FunctionChanges`. Several threads may call it at once.
    """

    function: Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]] = lambda image, random: image

    def __init__(self, function: Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]) -> None:
        super().__init__(flip=0.0, rotation=0.0, zoom=0.0, shift=0.0, brightness=0.0, contrast=0.0)
        object.__setattr__(self, "function", function)

    def draw(self, n: int, random: np.random.Generator) -> FunctionChanges:  # type: ignore[override]
        """See `Augmentation.draw`."""
        return FunctionChanges(self.function, random.integers(2**63 - 1, size=n))


NONE = Augmentation(flip=0.0, rotation=0.0, zoom=0.0, shift=0.0, brightness=0.0, contrast=0.0)
