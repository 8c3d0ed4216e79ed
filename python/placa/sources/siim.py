"""SIIM-ACR Pneumothorax Segmentation: images of NIH ChestX-ray14 with masks as run lengths, one row per mask.

Runs are relative: each start counts from the end of the run before. Pixels are counted down the columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from placa.core.progress import Progress
from placa.records.codes import Note
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import find_table
from placa.sources.public.mapping import map_to_nih
from placa.sources.public.records import PublicSet, Records
from placa.sources.tables import read_text_table

FINDING = "Pneumothorax"
_NO_MASK = "-1"
#: Side of the images, in pixels.
_SIDE = 1024


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    rows = read_text_table(
        find_table(root, "SIIM", "*train-rle*.csv", "stage_2_train.csv"), ("ImageId", "EncodedPixels")
    )
    frame, notes = rows.frame, list(rows.notes)
    masks = frame["EncodedPixels"]
    empty = masks.isin([_NO_MASK, "-1.0"])
    boxes = masks[~empty].map(mask_box)
    invalid = boxes.isna().reindex(frame.index, fill_value=False)
    reasons = rows.reasons(
        {
            "it has no ImageId": frame["ImageId"] == "",
            "its run lengths are not pairs of numbers inside 1024 × 1024 pixels": invalid,
        }
    )
    usable = frame[reasons == ""]
    ids = usable["ImageId"].drop_duplicates().reset_index(drop=True)
    positive = usable[~empty[usable.index]]
    count = positive["ImageId"].value_counts()
    several = int((count > 1).sum())
    text = (
        f"{len(usable):,} rows are {len(ids):,} images, {len(count):,} with a pneumothorax; {several:,} have up to "
        f"{int(count.max()) if len(count) else 0} masks, which are joined"
    )
    notes.append(Note(text, "rows_joined", rows=len(usable), images=len(ids), positive=len(count), several=several))
    images = pd.DataFrame({"image_id": ids, "file": ids})
    labels = pd.DataFrame({FINDING: ids.isin(count.index).astype("int8")})
    sides = pd.DataFrame(boxes[positive.index].tolist(), columns=["x", "y", "width", "height"])
    sides.insert(0, "image_id", positive["ImageId"].to_numpy())
    return Records(
        images,
        labels,
        tables=[rows.path, *map_to_nih(root, images, notes)],
        rejected=rows.reject(reasons),
        notes=notes,
        boxes=sides.assign(label=FINDING),
        box_side=float(_SIDE),
    )


def mask_box(runs: str) -> tuple[int, int, int, int] | None:
    """Return the box of a mask, x, y, width and height in pixels; None if the run lengths are invalid.

    Args:
        runs: Pairs of start and length; each start is relative to the end of the run before, down the columns.
    """
    try:
        numbers = np.array(runs.split(), dtype=np.int64)
    except ValueError:
        return None
    if len(numbers) < 2 or len(numbers) % 2 or (numbers < 0).any():
        return None
    skips, lengths = numbers[::2], numbers[1::2]
    ends = np.cumsum(skips + lengths)
    starts, ends = (ends - lengths)[lengths > 0], ends[lengths > 0] - 1
    if not len(ends) or ends[-1] >= _SIDE * _SIDE:
        return None
    left, right = int(starts.min()) // _SIDE, int(ends.max()) // _SIDE
    # A run that continues in the next column covers the lowest and the highest row.
    crossing = bool((starts // _SIDE != ends // _SIDE).any())
    top, bottom = (0, _SIDE - 1) if crossing else (int((starts % _SIDE).min()), int((ends % _SIDE).max()))
    return left, top, right - left + 1, bottom - top + 1


SIIM = PublicSet(
    kind="siim",
    title="SIIM-ACR Pneumothorax",
    layout="train-rle.csv and the DICOM files in any folders",
    read=_read,
)
add_arguments, from_options, read_siim = functions_of(SIIM)
