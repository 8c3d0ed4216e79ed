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

#: Lung in HU, without the air outside the body and its noise.
_LUNG = (-950.0, -500.0)
#: Least share of a square's pixels that are lung, if it crosses the lungs.
_LEAST_LUNG = 0.05
_BLOCK = 256


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
    few = files["image_id"][squares < reading.squares / 2]
    if len(few):
        text = (
            f"{len(few):,} of {len(files):,} volumes have lung in fewer than half of their squares, such as "
            f"{few.iloc[0]}: check whether they are scans of the chest"
        )
        notes.append(Note(text, "few_squares_with_lung", volumes=len(few), files=len(files)))
    return files.assign(**{name: [getattr(one, name) for one in extents] for name in EXTENT})


def count_lung_squares(pixels: NDArray[np.uint8], reading: Reading) -> NDArray[np.int64]:
    """Count the squares of each volume of which at least 5 % have the grey levels of lung.

    Args:
        pixels: Grey levels 0-255, shape ``(volumes x squares, size, size)``.
        reading: The rule for reading volumes.
    """
    width, level = reading.options["window_width_hu"], reading.options["window_level_hu"]
    low, high = ((bound - level) / width * 255 + 127.5 for bound in _LUNG)
    shares = [
        ((block >= low) & (block <= high)).mean(axis=(1, 2))
        for block in (np.asarray(pixels[start : start + _BLOCK]) for start in range(0, len(pixels), _BLOCK))
    ]
    has_lung = np.concatenate([*shares, np.empty(0)]) >= _LEAST_LUNG
    return np.asarray(has_lung.reshape(-1, reading.squares).sum(axis=1), dtype=np.int64)
