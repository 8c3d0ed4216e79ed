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

from placa.images.grey import ImageRejected

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Quantiles of the pixels that become black and white if a file has no window.
TAILS = (0.005, 0.995)
#: Enhanced objects with a single frame store rescaling and window in these (PS3.3 C.7.6.16.2.9 and 10).
_FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_MACROS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")


def displayed(stored: NDArray[Any], data: Dataset) -> NDArray[np.uint8]:
    """Convert stored values to the grey levels that a viewer displays first.

    Args:
        stored: Integers of up to 16 bits, signed or not, shape ``(rows, columns)``.
        data: The data set of the values.

    Returns:
        Grey levels 0-255, shape ``(rows, columns)``; air and padding are black.

    Raises:
        ImageRejected: The values need more than 16 bits, or are rescaled by zero.
    """
    low, high = int(stored.min()), int(stored.max())
    if high - low > 65535:
        raise ImageRejected("its pixels have more than 16 bits")
    # 16-bit integers wrap around, so the index counts from the lowest value, signed or not.
    index = stored.astype(np.uint16) - np.uint16(low % 65536)
    values = np.arange(low, high + 1)
    padding = _padding(values, data)
    counts = np.bincount(index.ravel(), minlength=len(values))
    if not counts[~padding].any():
        padding[:] = False
    levels = _levels(values, np.where(padding, 0, counts), data)
    inverse = str(data.get("PresentationLUTShape", "")).strip().upper() == "INVERSE"
    if data.PhotometricInterpretation == "MONOCHROME1" or inverse:
        levels = 255.0 - levels
    # Padding is black whatever the polarity: it does not pass through the pipeline (PS3.3 C.7.5.1.1.2).
    levels[padding] = 0
    table = np.clip(levels + 0.5, 0, 255).astype(np.uint8)
    return np.take(table, index)


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
    if data.get("VOILUTSequence"):
        outputs, white = _look_up(seen, data.VOILUTSequence[0], data)
        return outputs * np.float64(255.0 / white)
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


def _spread_functional_groups(data: Dataset) -> None:
    for group in _FUNCTIONAL_GROUPS:
        for macro in _MACROS:
            for item in data.get(group) or []:
                for element in (item.get(macro) or [{}])[0]:
                    data.setdefault(element.tag, element)


def _modality(values: NDArray[np.int64], data: Dataset) -> NDArray[np.float64]:
    if data.get("ModalityLUTSequence"):
        return _look_up(values.astype(np.float64), data.ModalityLUTSequence[0], data)[0]
    slope, intercept = data.get("RescaleSlope"), data.get("RescaleIntercept")
    if slope is None and intercept is None:
        return values.astype(np.float64)
    slope, intercept = (float(1 if slope is None else slope), float(intercept or 0))
    if slope == 0 or not np.isfinite([slope, intercept]).all():
        raise ImageRejected(f"its rescale slope is {slope:g}, so all pixels are equal: export it again")
    return values * np.float64(slope) + np.float64(intercept)


def _window(data: Dataset) -> Dataset | None:
    """Return the first window if it is valid, as a data set with which pydicom scales to 0-255."""
    from pydicom.dataset import Dataset

    center, width = (_first(data.get(name)) for name in ("WindowCenter", "WindowWidth"))
    function = str(data.get("VOILUTFunction") or "LINEAR").strip().upper()
    if center is None or width is None or not width > 0 or (function == "LINEAR" and width < 1):
        return None
    window = Dataset()
    window.WindowCenter, window.WindowWidth = center, width
    window.VOILUTFunction = function if function in {"LINEAR_EXACT", "SIGMOID"} else "LINEAR"
    # pydicom scales to the range of the stored bits: 8 unsigned bits give 0-255.
    window.PhotometricInterpretation = "MONOCHROME2"
    window.BitsStored, window.PixelRepresentation = 8, 0
    return window


def _first(value: Any) -> float | None:
    values = value if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    numbers = [float(one) for one in values if one not in (None, "")]
    return numbers[0] if numbers and np.isfinite(numbers[0]) else None


def _look_up(seen: NDArray[np.float64], item: Dataset, data: Dataset) -> tuple[NDArray[np.float64], float]:
    """Return the outputs of a LUT for values, and its white (PS3.3 C.11.1.1, C.11.2.1.1).

    `apply_voi` of pydicom 3.0 counts the entries of an 8-bit table with 8 bits, which wraps around for long tables.
    """
    entries, first, bits = (int(part) for part in item.LUTDescriptor)
    entries = entries % 65536 or 65536
    if first > 32767 and seen.min() < 0:
        # Some transfer syntaxes do not store the sign; a table for negative values starts at a negative one.
        first -= 65536
    outputs = item.LUTData
    if isinstance(outputs, bytes):
        order = "<" if data.original_encoding[1] is not False else ">"
        outputs = np.frombuffer(outputs, dtype=np.uint8 if len(outputs) < 2 * entries else f"{order}u2")
    outputs = np.atleast_1d(np.asarray(outputs, dtype=np.float64))[:entries]
    place = np.clip(np.rint(seen) - first, 0, len(outputs) - 1).astype(np.intp)
    white = 2.0**bits - 1
    if outputs.max() <= white / 4:
        # Some writers declare a 12-bit table as 16 bits, which would make the image nearly black.
        white = max(float(outputs.max()), 1.0)
    return np.take(outputs, place), white
