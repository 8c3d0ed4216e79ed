"""What the scans of a data set cover: the extent of CT volumes, and whether their squares have lung."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.images.ct.files import Extent, read_extent
from placa.records.codes import Note
from placa.records.manifest import EXTENT
from placa.records.reading import SLABS_RULE, Reading

#: Lung in HU, without gas and its noise.
_LUNG = (-950.0, -500.0)
#: Least share of a square's pixels that are lung, if it crosses the lungs.
_LEAST_LUNG = 0.03


def describe_scans(files: pd.DataFrame, pixels: NDArray[np.uint8], reading: Reading, notes: list[Note]) -> pd.DataFrame:
    """Add the columns `placa.records.manifest.EXTENT` to a table of CT volumes; other images are not changed.

    Args:
        files: One row per file, all of them readable.
        pixels: The squares of the files, in order.
        reading: The rule for reading them.
        notes: Remarks; one is added if many squares have no lung.
    """
    if reading.rule != SLABS_RULE:
        return files
    extents: list[Extent] = [read_extent(Path(path)) for path in files["path"]]
    squares = count_lung_squares(pixels, reading)
    few = [] if squares is None else files["image_id"][squares < reading.squares / 2].tolist()
    if few:
        text = (
            f"{len(few):,} of {len(files):,} volumes have lung in fewer than half of their squares, such as {few[0]}: "
            "check whether they are scans of the chest"
        )
        notes.append(Note(text, "few_squares_with_lung", volumes=len(few), files=len(files)))
    return files.assign(**{name: [getattr(one, name) for one in extents] for name in EXTENT})


def count_lung_squares(pixels: NDArray[np.uint8], reading: Reading) -> NDArray[np.int64] | None:
    """Count the squares of each volume in which at least 3 % of the pixels are lung.

    Lung has the grey levels of -950 to -500 HU and is inside the body, the largest brighter region: blankets, the couch
    and the air around them are outside.

    Args:
        pixels: Grey levels 0-255, shape ``(volumes x squares, size, size)``.
        reading: The rule for reading volumes.

    Returns:
        The number of squares per volume, or None if the window does not show lung.
    """
    width, level = reading.options["window_width_hu"], reading.options["window_level_hu"]
    low, high = ((bound - level) / width * 255 + 127.5 for bound in _LUNG)
    if low < 0 or high > 255:
        return None
    has_lung = np.array([_share_of_lung(np.asarray(square), low, high) >= _LEAST_LUNG for square in pixels], dtype=bool)
    return np.asarray(has_lung.reshape(-1, reading.squares).sum(axis=1), dtype=np.int64)


def _share_of_lung(square: NDArray[np.uint8], low: float, high: float) -> float:
    """Return the share of the pixels of a square that are inside the body and from `low` to `high`."""
    import cv2

    found, regions, boxes, _ = cv2.connectedComponentsWithStats((square > high).astype(np.uint8), connectivity=4)
    if found < 2:
        return 0.0
    body = regions == 1 + int(np.argmax(boxes[1:, cv2.CC_STAT_AREA]))
    _, regions, boxes, _ = cv2.connectedComponentsWithStats((~body).astype(np.uint8), connectivity=8)
    left, top, width, height, _ = boxes.T
    inside = (left > 0) & (top > 0) & (left + width < square.shape[1]) & (top + height < square.shape[0])
    # The region of number 0 is the body.
    inside[0] = False
    return float((inside[regions] & (square >= low) & (square <= high)).mean())
