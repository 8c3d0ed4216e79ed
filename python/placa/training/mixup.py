"""Mixup: each training image blended with another of its batch (Zhang et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Blend:
    """With which image each image of a batch is blended, and how far.

    Attributes:
        partners: For each image the place of the other, shape ``(n,)``.
        shares: How much of the image itself stays, in 256ths, shape ``(n,)``: so that grey levels are blended in whole
            numbers, and labels by the very same share.
    """

    partners: NDArray[np.int64]
    shares: NDArray[np.uint16]

    def of_pixels(self, images: NDArray[np.uint8], others: NDArray[np.uint8], places: slice) -> NDArray[np.uint8]:
        """Blend the images at some places of the batch with their partners, rounded to whole grey levels.

        Args:
            images: Grey levels of the images at `places`, shape ``(m, size, size)``.
            others: Those of their partners.
            places: Where in the batch they are.
        """
        share = self.shares[places, None, None]
        # 255 * 256 + 128 is the most that comes up, and fits 16 bits.
        blended: NDArray[np.uint16] = images * share
        blended += others * (np.uint16(256) - share)
        blended += np.uint16(128)
        return (blended >> np.uint16(8)).astype(np.uint8)

    def of_truth(self, truth: NDArray[np.float32], places: slice) -> NDArray[np.float32]:
        """Blend the labels of a whole batch, and return those at some places; unknown where either label is unknown.

        Args:
            truth: Of the whole batch, 0 to 1, or NaN where unknown, shape ``(n, findings)``.
            places: Which to return.
        """
        share = (self.shares[places, None] / 256).astype(np.float32)
        # Nothing times NaN is NaN too: a label is unknown even where the other image counts nothing.
        return truth[places] * share + truth[self.partners[places]] * (1 - share)


def draw_blend(n: int, alpha: float, random: np.random.Generator) -> Blend:
    """Draw who is blended with whom: a permutation of the batch, each share from Beta(alpha, alpha).

    Args:
        n: Images in the batch.
        alpha: Above 0; 1 is uniform, and smaller ones stay nearer to one of the two images.
        random: Where the draws come from.
    """
    partners = random.permutation(n)
    return Blend(partners, np.rint(256 * random.beta(alpha, alpha, n)).astype(np.uint16))
