"""Blend each training image with another one of its batch: mixup (Zhang et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Blend:
    """The mixup partners and weights of a batch.

    Attributes:
        partners: Index of the partner of each image, shape ``(n,)``.
        shares: Weight of the image itself in 256ths, shape ``(n,)``, so that grey levels are blended in integer
            arithmetic, and labels with the same weight.
    """

    partners: NDArray[np.int64]
    shares: NDArray[np.uint16]

    def of_pixels(self, images: NDArray[np.uint8], others: NDArray[np.uint8], places: slice) -> NDArray[np.uint8]:
        """Blend some images of the batch with their partners, rounded to integer grey levels.

        Args:
            images: Grey levels of the images at `places`, shape ``(m, size, size)``.
            others: Grey levels of their partners, same shape.
            places: Indices of the images in the batch.
        """
        share = self.shares[places, None, None]
        # The maximum, 255 * 256 + 128, fits into 16 bits.
        blended: NDArray[np.uint16] = images * share
        blended += others * (np.uint16(256) - share)
        blended += np.uint16(128)
        return (blended >> np.uint16(8)).astype(np.uint8)

    def of_truth(self, truth: NDArray[np.float32], places: slice) -> NDArray[np.float32]:
        """Blend labels, and return those of some images; a blend with an unknown label is unknown.

        Args:
            truth: Labels of the complete batch, 0 to 1, or NaN where unknown, shape ``(n, findings)``.
            places: Indices of the images in the batch.
        """
        share = (self.shares[places, None] / 256).astype(np.float32)
        # NaN times 0 is NaN: a label is unknown even if the weight of the unknown label is 0.
        return truth[places] * share + truth[self.partners[places]] * (1 - share)


def draw_blend(n: int, alpha: float, random: np.random.Generator) -> Blend:
    """Draw mixup partners from a permutation of the batch, and weights from Beta(alpha, alpha).

    Args:
        n: Number of images in the batch.
        alpha: Parameter of the Beta distribution, above 0; 1 is uniform, smaller values favour one of the two images.
        random: Random generator.
    """
    partners = random.permutation(n)
    return Blend(partners, np.rint(256 * random.beta(alpha, alpha, n)).astype(np.uint16))
