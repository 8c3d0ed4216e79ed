"""Find files with the same pixels, and files that are nearly black or white, in a pixel cache."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.records.reading import Reading

#: A square is nearly black or white if 99 % of its pixels are below this level, or above 255 minus it.
_DARK, _SHARE = 32, 0.99
_BLOCK = 512


@dataclass(frozen=True)
class CacheFacts:
    """What the pixels of each file show.

    Attributes:
        copies: A number per file, equal for files with the same pixels, and unique for blank ones, shape ``(n,)``.
        uniform: Whether a file is nearly black or white, shape ``(n,)``.
    """

    copies: NDArray[np.int64]
    uniform: NDArray[np.bool_]


def inspect_cache(pixels: NDArray[np.uint8], reading: Reading) -> CacheFacts:
    """Compare the files of a cache.

    Args:
        pixels: Grey levels, shape ``(files * reading.squares, size, size)``, usually a memory map.
        reading: The rule by which files were read.
    """
    digests: list[bytes] = []
    uniform: list[NDArray[np.bool_]] = []
    squares = reading.squares
    files = len(pixels) // squares
    for start in range(0, files, _BLOCK):
        block = np.asarray(pixels[start * squares : (start + _BLOCK) * squares])
        levels = block.reshape(len(block) // squares, -1)
        dark, bright = (levels < _DARK).mean(axis=1), (levels > 255 - _DARK).mean(axis=1)
        uniform.append((dark >= _SHARE) | (bright >= _SHARE))
        for number, row in enumerate(levels, start):
            blank = row.min() == row.max()
            digests.append(
                number.to_bytes(8, "big") if blank else hashlib.blake2b(row.tobytes(), digest_size=16).digest()
            )
    codes = pd.factorize(pd.Series(digests, dtype=object))[0].astype(np.int64)
    return CacheFacts(codes, np.concatenate(uniform) if uniform else np.zeros(0, dtype=bool))


def find_contradictions(images: pd.DataFrame, findings: list[str], copies: NDArray[np.int64]) -> pd.Series:
    """Return the reason why each image is set aside, or ``""``: its pixels are those of an image with another label.

    Args:
        images: One row per file, with ``path`` and one column per finding.
        findings: The finding columns.
        copies: A number per row, equal for files with the same pixels.
    """
    reasons = pd.Series("", index=images.index, dtype=object)
    repeated = pd.Series(copies).duplicated(keep=False).to_numpy()
    for finding in findings:
        some = images[repeated & images[finding].notna().to_numpy()]
        if not len(some):
            continue
        keys = pd.Series(copies, index=images.index)[some.index]
        labels = some[finding].astype(int)
        both = labels.groupby(keys).transform("nunique") > 1
        for row in some.index[both & (reasons[some.index] == "")]:
            others = some.index[(keys == keys[row]) & (labels != labels[row])]
            reasons[row] = (
                f"it is the same image as {images.loc[others[0], 'path']}, which has another label of {finding}: keep "
                "the correct one"
            )
    return reasons
