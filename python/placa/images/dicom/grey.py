"""Convert stored DICOM values to grey levels: the grayscale pipeline of the standard, in its order.

1. Modality LUT, or rescale slope and intercept (PS3.3 C.11.1);
2. VOI LUT, otherwise window center and width with its function (PS3.3 C.11.2); the first of several;
3. inversion for MONOCHROME1 or the presentation LUT shape INVERSE (PS3.3 C.7.6.3.1.2, C.11.6);
4. scaling to eight bits. The results are P-values (PS3.14): equal steps look equal on a calibrated display. They are
   used like the grey levels of a PNG.

The pipeline is a function of the stored value, so it is computed once per value, not once per pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placa.images.dicom.tables import decimals, table_entries
from placa.images.grey import ImageRejected

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Quantiles of the pixels that become black and white if a file has no window.
TAILS = (0.005, 0.995)
#: Enhanced objects with a single frame store rescaling and window in these (PS3.3 C.7.6.16.2.9 and 10).
_FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_MACROS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")


def displayed(stored: NDArray[Any], data: Dataset, inverted: bool) -> NDArray[np.uint8]:
    """Convert stored values to the grey levels that a viewer displays first.

    Args:
        stored: Integers of up to 16 bits, signed or not, shape ``(rows, columns)``.
        data: The data set of the values.
        inverted: Whether the lowest value is white (see `placa.images.dicom.header.pixel_format`).

    Returns:
        Grey levels 0-255, shape ``(rows, columns)``; air and padding are black.

    Raises:
        ImageRejected: The values need more than 16 bits, or are rescaled by zero.
    """
    values, index = _values(stored)
    padding = _padding(values, data)
    counts = np.bincount(index.ravel(), minlength=len(values))
    if not counts[~padding].any():
        padding[:] = False
    levels = _levels(values, np.where(padding, 0, counts), data)
    if inverted:
        levels = 255.0 - levels
    # Padding is black whatever the polarity: it does not pass through the pipeline (PS3.3 C.7.5.1.1.2).
    levels[padding] = 0
    table = np.clip(levels + 0.5, 0, 255).astype(np.uint8)
    return np.take(table, index)


def require_hounsfield_units(data: Dataset, photometric: str) -> None:
    """Check that the header of a file states how its values become Hounsfield units.

    Raises:
        ImageRejected: It is in colours, or its header states no rescaling, or one to another unit.
    """
    _spread_functional_groups(data)
    unit = str(data.get("RescaleType") or "HU").strip().upper()
    rescaled = decimals(data, "RescaleSlope") or decimals(data, "RescaleIntercept") or data.get("ModalityLUTSequence")
    if photometric not in {"grey", "inverted"} or unit != "HU" or not rescaled:
        raise ImageRejected("its header does not state how its values become Hounsfield units, which --window needs")


def windowed(stored: NDArray[Any], data: Dataset, level: float, width: float) -> NDArray[np.uint8]:
    """Convert stored values of a CT slice to grey levels in one window, whatever window the file has.

    Args:
        stored: Integers of up to 16 bits, signed or not, shape ``(rows, columns)``.
        data: The data set of the values.
        level: Middle of the window, in HU.
        width: Its width, in HU; the levels are those of `placa.images.ct.slabs`.

    Returns:
        Grey levels 0-255, shape ``(rows, columns)``; padding is black.
    """
    values, index = _values(stored)
    _spread_functional_groups(data)
    levels = (_modality(values, data) - (level - width / 2)) * (255 / width)
    levels[_padding(values, data)] = 0
    return np.take(np.clip(levels + 0.5, 0, 255).astype(np.uint8), index)


def _values(stored: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Return all values between the lowest and the highest, and the place of each pixel among them."""
    low, high = int(stored.min()), int(stored.max())
    if high - low > 65535:
        raise ImageRejected("its pixels have more than 16 bits")
    # 16-bit integers wrap around, so the index counts from the lowest value, signed or not.
    return np.arange(low, high + 1), stored.astype(np.uint16) - np.uint16(low % 65536)


def _padding(values: NDArray[np.int64], data: Dataset) -> NDArray[np.bool_]:
    first, limit = data.get("PixelPaddingValue"), data.get("PixelPaddingRangeLimit")
    if first is None:
        return np.zeros(len(values), dtype=bool)
    ends = [int(end) for end in (first, first if limit is None else limit)]
    if data.PixelRepresentation:
        # Some writers store the value as unsigned although the pixels are signed.
        ends = [end - 65536 if end > 32767 else end for end in ends]
    return (values >= min(ends)) & (values <= max(ends))


def _levels(values: NDArray[np.int64], counts: NDArray[np.int64], data: Dataset) -> NDArray[np.float64]:
    """Return the grey level of each stored value, 0 to 255, before any inversion."""
    _spread_functional_groups(data)
    seen = _modality(values, data)
    looked_up = _values_of_interest(seen, data)
    if looked_up is not None:
        return looked_up
    window = _window(data)
    if window is not None:
        from pydicom.pixels.processing import apply_windowing

        levels: NDArray[np.float64] = apply_windowing(seen, window)
        return levels
    if data.BitsStored <= 8 and not data.PixelRepresentation and np.array_equal(seen, values):
        return seen * np.float64(255.0 / (2 ** int(data.BitsStored) - 1))
    order = np.argsort(seen, kind="stable")
    share = np.cumsum(counts[order]) / counts.sum()
    black, white = (seen[order][np.searchsorted(share, tail)] for tail in TAILS)
    shares: NDArray[np.float64] = np.clip((seen - black) / max(white - black, 1e-9), 0, 1)
    return shares * np.float64(255.0)


def _values_of_interest(seen: NDArray[np.float64], data: Dataset) -> NDArray[np.float64] | None:
    """Return the levels by the first VOI LUT; None without one, or if it is damaged and there is a window."""
    if not data.get("VOILUTSequence"):
        return None
    try:
        outputs, white = _look_up(seen, data.VOILUTSequence[0], data)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        if _window(data) is None:
            raise
        return None
    levels: NDArray[np.float64] = outputs * np.float64(255.0 / white)
    return levels


def _spread_functional_groups(data: Dataset) -> None:
    for group in _FUNCTIONAL_GROUPS:
        for macro in _MACROS:
            for item in data.get(group) or []:
                for element in (item.get(macro) or [{}])[0]:
                    data.setdefault(element.tag, element)


def _modality(values: NDArray[np.int64], data: Dataset) -> NDArray[np.float64]:
    if data.get("ModalityLUTSequence"):
        return _look_up(values.astype(np.float64), data.ModalityLUTSequence[0], data)[0]
    slopes, intercepts = decimals(data, "RescaleSlope"), decimals(data, "RescaleIntercept")
    if not slopes and not intercepts:
        return values.astype(np.float64)
    slope, intercept = _first(slopes, 1.0), _first(intercepts, 0.0)
    if slope == 0 or not np.isfinite([slope, intercept]).all():
        raise ImageRejected(f"its rescale slope is {slope:g}, so all pixels are equal: export it again")
    return values * np.float64(slope) + np.float64(intercept)


def _window(data: Dataset) -> Dataset | None:
    """Return the first window if it is valid, as a data set with which pydicom scales to 0-255."""
    from pydicom.dataset import Dataset

    function = str(data.get("VOILUTFunction") or "LINEAR").strip().upper()
    least = 1.0 if function == "LINEAR" else np.nextafter(0, 1)
    pairs = zip(decimals(data, "WindowCenter"), decimals(data, "WindowWidth"), strict=False)
    found = next(((center, width) for center, width in pairs if np.isfinite(center) and least <= width < np.inf), None)
    if found is None:
        return None
    window = Dataset()
    window.WindowCenter, window.WindowWidth = found
    window.VOILUTFunction = function if function in {"LINEAR_EXACT", "SIGMOID"} else "LINEAR"
    # pydicom scales to the range of the stored bits: 8 unsigned bits give 0-255.
    window.PhotometricInterpretation = "MONOCHROME2"
    window.BitsStored, window.PixelRepresentation = 8, 0
    return window


def _first(numbers: list[float], default: float) -> float:
    """Return the first number; `default` if it is empty."""
    return numbers[0] if numbers and not np.isnan(numbers[0]) else default


def _look_up(seen: NDArray[np.float64], item: Dataset, data: Dataset) -> tuple[NDArray[np.float64], float]:
    """Return the outputs of a LUT for values, and its white (PS3.3 C.11.1.1, C.11.2.1.1).

    Raises:
        ValueError: The table is damaged.
    """
    entries, first, bits = (int(part) for part in item.LUTDescriptor)
    entries = entries % 65536 or 65536
    if first > 32767 and seen.max() < first:
        # Some transfer syntaxes do not store the sign; a table for negative values starts at a negative one.
        first -= 65536
    outputs = table_entries(item.LUTData, entries, data).astype(np.float64)
    place = np.clip(np.rint(seen) - first, 0, len(outputs) - 1).astype(np.intp)
    white = 2.0**bits - 1
    if outputs.max() <= white / 4:
        # Some writers declare a 12-bit table as 16 bits, which would make the image nearly black.
        white = max(float(outputs.max()), 1.0)
    return np.take(outputs, place), white
