"""Compute the fixed numbers of a vision transformer: its resizing, and its positions at another size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def bicubic(size: int, side: int) -> NDArray[np.float32]:
    """Return the matrix that resizes `size` numbers to `side`: bicubic and antialiased, as of Pillow and torch.

    Args:
        size: Number of values.
        side: Number of values after the resizing.

    Returns:
        Shape ``(side, size)``; each row has the sum 1.
    """
    from PIL import Image

    identity = Image.fromarray(np.eye(size, dtype=np.float32))
    return np.asarray(identity.resize((size, side), Image.Resampling.BICUBIC), dtype=np.float32)


def bicubic_by_points(size: int, side: int) -> NDArray[np.float32]:
    """Return the same matrix without antialiasing, as of `torch.nn.functional.interpolate` and OpenCV."""
    import cv2

    identity = np.eye(size, dtype=np.float32)
    return np.asarray(cv2.resize(identity, (size, side), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def positions_at(learnt: NDArray[np.float32], across: int, antialias: bool) -> NDArray[np.float32]:
    """Interpolate the learnt positions of patches to another number of patches, as transformers does.

    Args:
        learnt: The positions of a square of patches, row by row, ``(patches, width)``.
        across: Patches per side.
        antialias: Whether the interpolation is antialiased, as for networks with registers.

    Returns:
        Shape ``(across * across, width)``; `learnt` itself if the number is the same.
    """
    before = round(len(learnt) ** 0.5)
    if before == across:
        return learnt
    matrix = (bicubic if antialias else bicubic_by_points)(before, across)
    plane = learnt.reshape(before, before, -1)
    moved = np.einsum("ki,ijd->kjd", matrix, plane, optimize=True)
    table: NDArray[np.float32] = np.einsum("kj,ijd->ikd", matrix, moved, optimize=True).reshape(across**2, -1)
    return table


def rotations(across: int, prefix: int, size: int, base: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the tables of a rotary embedding of the rows and columns of patches (DINOv3, arXiv:2508.10104).

    Args:
        across: Patches per side.
        prefix: Tokens before the patches, which are not rotated.
        size: Numbers per head.
        base: Base of the wavelengths.

    Returns:
        Cosines, and sines with the sign for halves that are exchanged, each ``(prefix + patches, size)``.
    """
    centre = 2 * (np.arange(across, dtype=np.float32) + 0.5) / across - 1
    places = np.stack(np.meshgrid(centre, centre, indexing="ij"), axis=-1).reshape(-1, 2)
    frequencies = base ** -np.arange(0, 1, 4 / size, dtype=np.float32)
    angles = np.tile((2 * np.pi * places[:, :, None] * frequencies).reshape(across**2, -1), 2)
    sign = np.where(np.arange(size) < size // 2, -1, 1)
    cosine = np.concatenate([np.ones((prefix, size)), np.cos(angles)])
    sine = np.concatenate([np.zeros((prefix, size)), sign * np.sin(angles)])
    return cosine.astype(np.float32), sine.astype(np.float32)
