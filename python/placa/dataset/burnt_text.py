"""Find text that is burnt into the pixels of radiographs, such as a name, a number or a time.

Letters are bright components with sharp edges on a darker background, or dark ones on a bright background, of about the
same height, side by side. A side marker of one or two letters is no text.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.records.codes import Note
from placa.records.reading import SLABS_RULE, Reading

#: Maximum number of images that are searched: text in 5 % of the images of a set is missed with a probability of 0.6 %.
_SEARCHED = 100
#: Height of letters in pixels; smaller ones are not readable in a report.
_HEIGHTS = (5, 40)
#: Least number of letters of a line.
_LETTERS = 4
#: Side of the surroundings in pixels, contrasts with them at which letters separate, and least grey level of letters.
_SURROUNDINGS, _CONTRASTS, _LEVEL = 15, (70, 120, 170), 160
#: Largest width of a letter, and largest gap between two letters, in heights.
_WIDTH, _GAP = 1.6, 1.1
#: Largest distance of the lower edges of two letters in heights, and least ratio of their heights.
_SHIFT, _SAME = 0.25, 0.7


def search_text(files: pd.DataFrame, pixels: NDArray[np.uint8], reading: Reading, notes: list[Note]) -> None:
    """Add a remark if some images have text in their pixels; CT volumes are not searched.

    Args:
        files: One row per image, with ``image_id``.
        pixels: Grey levels of the images, shape ``(n, size, size)``, in order; up to 100 of them are searched.
        reading: The rule for reading files.
        notes: Remarks.
    """
    if reading.rule == SLABS_RULE:
        return
    rows = np.unique(np.linspace(0, len(files) - 1, min(len(files), _SEARCHED)).astype(int))
    found = [row for row in rows if has_text(np.asarray(pixels[row]))]
    if found:
        name = files["image_id"].iloc[found[0]]
        text = (
            f"{len(found):,} of {len(rows):,} images that were searched have text in their pixels, such as {name}: "
            "check that it names no patient; placa report shows images, unless --no-pictures is given"
        )
        notes.append(Note(text, "text_in_pixels", images=len(found), searched=len(rows)))


def has_text(levels: NDArray[np.uint8]) -> bool:
    """Return whether an image has a line of at least four letters.

    Args:
        levels: Grey levels 0-255, shape ``(rows, columns)``.
    """
    import cv2

    surroundings = cv2.getStructuringElement(cv2.MORPH_RECT, (_SURROUNDINGS, _SURROUNDINGS))
    for bright in (levels, 255 - levels):
        contrast = cv2.morphologyEx(bright, cv2.MORPH_TOPHAT, surroundings)
        for least in _CONTRASTS:
            letters = ((contrast >= least) & (bright >= _LEVEL)).astype(np.uint8)
            _, _, boxes, _ = cv2.connectedComponentsWithStats(letters, connectivity=8)
            if _longest_line(boxes[1:]) >= _LETTERS:
                return True
    return False


def _longest_line(boxes: NDArray[np.int32]) -> int:
    """Return the largest number of letters side by side, given left, top, width, height and area of components."""
    _, _, widths, heights, areas = boxes.T
    like = (heights >= _HEIGHTS[0]) & (heights <= _HEIGHTS[1]) & (widths <= _WIDTH * heights)
    found = boxes[like & (areas >= 0.15 * widths * heights)]
    left, top, width, height, _ = found[np.argsort(found[:, 0])].T
    length = np.ones(len(found), dtype=int)
    for number in range(len(found)):
        before, high = slice(number), height[number]
        gap = left[number] - (left[before] + width[before])
        shift = abs(top[before] + height[before] - top[number] - high)
        near = (gap >= -1) & (gap <= _GAP * high) & (shift <= _SHIFT * high)
        near &= np.minimum(height[before], high) >= _SAME * np.maximum(height[before], high)
        length[number] += max(length[before][near], default=0)
    return max(length, default=0)
