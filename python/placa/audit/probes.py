"""Features of the shortcut probes: properties of an image other than the appearance of the lungs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.audit.intervals import Floats
from placa.core.progress import SILENT, Progress
from placa.images.headers import read_headers
from placa.records.audit import Reason
from placa.records.codes import Values
from placa.records.manifest import EXTENT

#: All probes, in the order of display.
PROBES = ("view_age_sex", "file", "dimensions", "histogram", "frame", "thumbnail")
#: Probes of what some sources record about the acquisition and reading of an image.
ACQUISITION_PROBES = ("maker", "model", "reader", "follow_up", "days", "site", "window")
#: Width of the outer frame, as a share of the side of the image.
FRAME = 0.09
#: Number of segments per side of the frame.
SEGMENTS = 8
BINS = 32
THUMBNAIL = 4
#: Categories of at least this share of the images have their own column; the others share one.
COMMON = 0.02
_BLOCK = 256
_CONSTANT: Reason = {"code": "constant", "values": {}}
_NO_VIEW_AGE_SEX: Reason = {"code": "no_view_age_sex", "values": {}}


@dataclass(frozen=True)
class Features:
    """The columns of one probe, shape ``(n, columns)``, or the reason why it has none; and the names of the columns."""

    columns: Floats | None
    reason: Reason | None = None
    names: tuple[str, ...] = ()


def all_features(
    manifest: pd.DataFrame,
    pixels: NDArray[np.uint8] | None,
    rows: NDArray[np.int64],
    progress: Progress = SILENT,
    acquisition: pd.DataFrame | None = None,
) -> dict[str, Features]:
    """Compute the columns of all probes.

    Args:
        manifest: All images, with ``path``, ``view``, ``age`` and ``sex``.
        pixels: Grey levels of all images, shape ``(n, size, size)``, usually a memory map, read in blocks; or None.
        rows: Positions of the images to use, ascending, shape ``(m,)``.
        progress: Shows a bar.
        acquisition: How images were acquired and read (see `placa.sources.source.Source`), or None.

    Returns:
        For each of `PROBES`, of `ACQUISITION_PROBES` that `acquisition` has, and for ``scan`` if `manifest` has the
        extent of CT volumes, the columns that differ between `rows`, or the reason why there are none.
    """
    some = manifest.iloc[rows].reset_index(drop=True)
    headers = read_headers(some["path"].astype(str).tolist(), progress)
    found = {
        "view_age_sex": view_age_sex(some),
        "file": _file(headers),
        "dimensions": _dimensions(headers),
    }
    recorded = _acquisition(some, acquisition) | _scan(some)
    if pixels is None:
        without = Features(None, {"code": "no_pixels", "values": {}})
        return found | dict.fromkeys(("histogram", "frame", "thumbnail"), without) | recorded
    parts: dict[str, list[Floats]] = {"histogram": [], "frame": [], "thumbnail": []}
    for start in range(0, len(rows), _BLOCK):
        block = np.asarray(pixels[rows[start : start + _BLOCK]])
        parts["histogram"].append(histogram(block))
        parts["frame"].append(frame(block))
        parts["thumbnail"].append(thumbnail(block))
    return found | {name: _varying(np.concatenate(part), _CONSTANT) for name, part in parts.items()} | recorded


def _acquisition(some: pd.DataFrame, acquisition: pd.DataFrame | None) -> dict[str, Features]:
    if acquisition is None:
        return {}
    known = acquisition.set_index("image_id").reindex(some["image_id"]).reset_index(drop=True)
    columns: dict[str, Floats] = {}
    for name in ("maker", "model", "site", "window"):
        if name in known:
            columns[name] = categories(known[name])
    if "reader" in known:
        columns["reader"] = known["reader"].fillna("").astype(str).str.get_dummies(" ").to_numpy(dtype=float)
    if "follow_up" in known:
        # What the number adds to view, age and sex is the difference from their own probe.
        number = pd.to_numeric(known["follow_up"], errors="coerce").to_numpy(dtype=float)
        own = view_age_sex(some).columns
        columns["follow_up"] = np.column_stack([*([] if own is None else [own]), with_missing(np.log1p(number))])
    if "days" in known:
        columns["days"] = with_missing(pd.to_numeric(known["days"], errors="coerce").to_numpy(dtype=float) / 365.25)
    return {name: _varying(columns[name], _CONSTANT) for name in ACQUISITION_PROBES if name in columns}


def _scan(some: pd.DataFrame) -> dict[str, Features]:
    """Return the extent of CT volumes, on a logarithmic scale."""
    extents = [np.log(some[name].to_numpy(dtype=float)) for name in EXTENT if name in some]
    if not extents:
        return {}
    return {"scan": _varying(np.column_stack([with_missing(one) for one in extents]), _CONSTANT)}


def view_age_sex(images: pd.DataFrame, without: Collection[str] = ()) -> Features:
    """Return view and sex as categories, and age in years and squared; missing values are a category.

    Args:
        images: Rows with ``view``, ``age`` and ``sex``.
        without: Columns that are the label itself.
    """
    age = pd.to_numeric(images["age"], errors="coerce").to_numpy(dtype=float)
    parts = {"view": categories(images["view"]), "age": with_missing(age), "sex": categories(images["sex"])}
    found = {name: _varying(part, _NO_VIEW_AGE_SEX) for name, part in parts.items() if name not in without}
    columns = {name: part.columns for name, part in found.items() if part.columns is not None}
    if not columns:
        return Features(None, _NO_VIEW_AGE_SEX)
    return Features(np.column_stack(list(columns.values())), names=tuple(columns))


def histogram(pixels: NDArray[np.uint8]) -> Floats:
    """Return the square roots of the shares of grey levels in 32 equal bins, shape ``(n, 32)``."""
    n = len(pixels)
    levels = (pixels.reshape(n, -1) // (256 // BINS)).astype(np.int64) + BINS * np.arange(n)[:, None]
    counts = np.bincount(levels.ravel(), minlength=BINS * n).reshape(n, BINS)
    # The root reduces the weight of the few bins with most pixels, such as those of black borders.
    return np.asarray(np.sqrt(counts / levels.shape[1]), dtype=float)


def frame(pixels: NDArray[np.uint8]) -> Floats:
    """Return the mean and spread of grey in eight segments of each side of the outer 9 %, shape ``(n, 64)``.

    On each of the four sides, a strip of 9 % of the side is used. The mean and the standard deviation across the strip
    are computed per line, and both are averaged over eight segments along the strip.
    """
    width = max(round(FRAME * pixels.shape[1]), 1)
    strips = (pixels[:, :width], pixels[:, -width:], pixels[:, :, :width], pixels[:, :, -width:])
    columns = []
    for axis, strip in zip((1, 1, 2, 2), strips, strict=True):
        for line in (strip.mean(axis=axis), strip.std(axis=axis)):
            columns.append(_segments(line, min(SEGMENTS, line.shape[1])))
    return np.concatenate(columns, axis=1)


def thumbnail(pixels: NDArray[np.uint8]) -> Floats:
    """Return the mean grey in 4 x 4 equal fields, shape ``(n, 16)``."""
    rows = _segments(pixels.astype(np.float64), min(THUMBNAIL, pixels.shape[1]))
    fields = _segments(rows.transpose(0, 2, 1), min(THUMBNAIL, pixels.shape[2])).transpose(0, 2, 1)
    return fields.reshape(len(pixels), -1)


def _segments(lines: Floats, count: int) -> Floats:
    """Return the means over `count` segments of axis 1."""
    starts = np.linspace(0, lines.shape[1], count + 1).astype(int)
    sums = np.add.reduceat(lines, starts[:-1], axis=1)
    shape = [1, count] + [1] * (lines.ndim - 2)
    return np.asarray(sums / np.diff(starts).reshape(shape), dtype=float)


def _file(headers: pd.DataFrame) -> Features:
    missing = headers["bytes"].isna()
    if missing.mean() > 0.5:
        counts: Values = {"missing": int(missing.sum()), "files": len(missing)}
        return Features(None, {"code": "missing_files", "values": counts})
    columns = [with_missing(np.log(headers["bytes"].to_numpy() + 1)), categories(headers["format"])]
    return _varying(np.column_stack(columns), {"code": "same_file", "values": {}})


def _dimensions(headers: pd.DataFrame) -> Features:
    unknown = headers["width"].isna()
    if unknown.mean() > 0.5:
        counts: Values = {"unknown": int(unknown.sum()), "files": len(unknown)}
        return Features(None, {"code": "unknown_dimensions", "values": counts})
    width, height = np.log(headers["width"].to_numpy() + 1), np.log(headers["height"].to_numpy() + 1)
    # A frequent size identifies a scanner or a publisher better than the width and height.
    exact = headers["width"].astype(str) + "x" + headers["height"].astype(str)
    columns = [with_missing(width), with_missing(height), with_missing(width - height), categories(exact)]
    same: Values = {"width": int(headers["width"].max()), "height": int(headers["height"].max())}
    return _varying(np.column_stack(columns), {"code": "same_dimensions", "values": same})


def with_missing(values: Floats) -> Floats:
    """Return a centred number, its square, and an indicator of missing values, which are replaced by the mean.

    Args:
        values: Shape ``(n,)``, NaN if missing.

    Returns:
        Shape ``(n, 3)``.
    """
    missing = ~np.isfinite(values)
    centred = np.where(missing, 0.0, values - (values[~missing].mean() if not missing.all() else 0.0))
    return np.column_stack([centred, centred**2, missing.astype(float)])


def categories(values: pd.Series) -> Floats:
    """Return one column per value of at least 2 % of the images, and one for all rarer values; ``""`` is missing."""
    text = values.astype("string").fillna("")
    shares = text.value_counts(normalize=True)
    common = [name for name, share in shares.items() if share >= COMMON]
    columns = [(text == name).to_numpy(dtype=float) for name in common]
    columns.append((~text.isin(common)).to_numpy(dtype=float))
    return np.column_stack(columns)


def _varying(columns: Floats, reason: Reason) -> Features:
    kept = columns[:, np.ptp(columns, axis=0) > 1e-9] if len(columns) else columns[:, :0]
    return Features(kept) if kept.shape[1] else Features(None, reason)
