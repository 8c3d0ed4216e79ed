"""What each shortcut probe may look at: an image without its lungs, as columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.audit.intervals import Floats
from placa.core.progress import SILENT, Progress
from placa.images.headers import read_headers

#: Every probe, in the order in which they are shown.
PROBES = ("view_age_sex", "file", "dimensions", "histogram", "frame", "thumbnail")
#: Width of the outer frame, as a share of the image's side.
FRAME = 0.09
#: Stretches into which each side of the frame is cut.
STRETCHES = 8
BINS = 32
THUMBNAIL = 4
#: A category is a column of its own where so large a share of the images has it; the others are one column together.
COMMON = 0.02
_BLOCK = 256


@dataclass(frozen=True)
class Features:
    """The columns of one probe, shape ``(n, columns)``, or why there are none."""

    columns: Floats | None
    reason: str | None = None


def all_features(
    manifest: pd.DataFrame, pixels: NDArray[np.uint8] | None, rows: NDArray[np.int64], progress: Progress = SILENT
) -> dict[str, Features]:
    """Compute the columns of every probe.

    Args:
        manifest: All images; ``path``, ``view``, ``age``, ``sex``.
        pixels: Grey levels of all, shape ``(n, size, size)``, usually a memory map, read in blocks; or None.
        rows: Positions of the images to look at, ascending, shape ``(m,)``.
        progress: Where to show what goes on.

    Returns:
        For each of `PROBES`, columns for `rows` that differ between images, or the reason that there are none.
    """
    some = manifest.iloc[rows].reset_index(drop=True)
    headers = read_headers(some["path"].astype(str).tolist(), progress)
    found = {
        "view_age_sex": _varying(view_age_sex(some), "view, age and sex are unknown, or the same for every image"),
        "file": _file(headers),
        "dimensions": _dimensions(headers),
    }
    if pixels is None:
        return found | dict.fromkeys(("histogram", "frame", "thumbnail"), Features(None, "there are no cached pixels"))
    parts: dict[str, list[Floats]] = {"histogram": [], "frame": [], "thumbnail": []}
    for start in range(0, len(rows), _BLOCK):
        block = np.asarray(pixels[rows[start : start + _BLOCK]])
        parts["histogram"].append(histogram(block))
        parts["frame"].append(frame(block))
        parts["thumbnail"].append(thumbnail(block))
    return found | {name: _varying(np.concatenate(part), "the same for every image") for name, part in parts.items()}


def view_age_sex(images: pd.DataFrame) -> Floats:
    """View and sex as categories, age in years and squared; what is missing is a category too."""
    age = pd.to_numeric(images["age"], errors="coerce").to_numpy(dtype=float)
    return np.column_stack([categories(images["view"]), categories(images["sex"]), with_gaps(age)])


def histogram(pixels: NDArray[np.uint8]) -> Floats:
    """Square roots of the shares of grey levels in 32 equal bins, shape ``(n, 32)``."""
    n = len(pixels)
    levels = (pixels.reshape(n, -1) // (256 // BINS)).astype(np.int64) + BINS * np.arange(n)[:, None]
    counts = np.bincount(levels.ravel(), minlength=BINS * n).reshape(n, BINS)
    # A root calms the few bins that hold most pixels, as black borders do.
    return np.asarray(np.sqrt(counts / levels.shape[1]), dtype=float)


def frame(pixels: NDArray[np.uint8]) -> Floats:
    """Mean and spread of grey in eight stretches of each side of the outer 9 %, shape ``(n, 64)``.

    A strip as wide as 9 % of the side is cut from each of the four sides. Per line of it, the mean and the standard
    deviation across its width are taken, and both are averaged over eight stretches along it.
    """
    width = max(round(FRAME * pixels.shape[1]), 1)
    strips = (pixels[:, :width], pixels[:, -width:], pixels[:, :, :width], pixels[:, :, -width:])
    columns = []
    for axis, strip in zip((1, 1, 2, 2), strips, strict=True):
        for line in (strip.mean(axis=axis), strip.std(axis=axis)):
            columns.append(_stretches(line, min(STRETCHES, line.shape[1])))
    return np.concatenate(columns, axis=1)


def thumbnail(pixels: NDArray[np.uint8]) -> Floats:
    """Mean grey in 4 x 4 equal fields, shape ``(n, 16)``."""
    rows = _stretches(pixels.astype(np.float64), min(THUMBNAIL, pixels.shape[1]))
    fields = _stretches(rows.transpose(0, 2, 1), min(THUMBNAIL, pixels.shape[2])).transpose(0, 2, 1)
    return fields.reshape(len(pixels), -1)


def _stretches(lines: Floats, count: int) -> Floats:
    """Means over `count` stretches of axis 1."""
    starts = np.linspace(0, lines.shape[1], count + 1).astype(int)
    sums = np.add.reduceat(lines, starts[:-1], axis=1)
    shape = [1, count] + [1] * (lines.ndim - 2)
    return np.asarray(sums / np.diff(starts).reshape(shape), dtype=float)


def _file(headers: pd.DataFrame) -> Features:
    gone = headers["bytes"].isna()
    if gone.mean() > 0.5:
        return Features(None, f"{int(gone.sum()):,} of {len(gone):,} files are not where the manifest says")
    columns = [with_gaps(np.log(headers["bytes"].to_numpy() + 1)), categories(headers["format"])]
    return _varying(np.column_stack(columns), "every file has the same size and format")


def _dimensions(headers: pd.DataFrame) -> Features:
    unknown = headers["width"].isna()
    if unknown.mean() > 0.5:
        return Features(None, f"{int(unknown.sum()):,} of {len(unknown):,} files do not tell their dimensions")
    width, height = np.log(headers["width"].to_numpy() + 1), np.log(headers["height"].to_numpy() + 1)
    # Sizes that many images share give a scanner or a publisher away better than how large they are.
    exact = headers["width"].astype(str) + "x" + headers["height"].astype(str)
    columns = [with_gaps(width), with_gaps(height), with_gaps(width - height), categories(exact)]
    same = f"every image has {headers['width'].max():.0f} x {headers['height'].max():.0f} pixels"
    return _varying(np.column_stack(columns), same)


def with_gaps(values: Floats) -> Floats:
    """A number, its square about the mean, and whether it is missing; the mean stands in for what is.

    Args:
        values: Shape ``(n,)``, NaN where missing.

    Returns:
        Shape ``(n, 3)``.
    """
    missing = ~np.isfinite(values)
    centred = np.where(missing, 0.0, values - (values[~missing].mean() if not missing.all() else 0.0))
    return np.column_stack([centred, centred**2, missing.astype(float)])


def categories(values: pd.Series) -> Floats:
    """A column for each value that 2 % of the images have, one for all rarer ones, one for missing."""
    text = values.astype("string").fillna("")
    shares = text.value_counts(normalize=True)
    common = [name for name, share in shares.items() if share >= COMMON]
    columns = [(text == name).to_numpy(dtype=float) for name in common]
    columns.append((~text.isin(common)).to_numpy(dtype=float))
    return np.column_stack(columns)


def _varying(columns: Floats, reason: str) -> Features:
    kept = columns[:, np.ptp(columns, axis=0) > 1e-9] if len(columns) else columns[:, :0]
    return Features(kept) if kept.shape[1] else Features(None, reason)
