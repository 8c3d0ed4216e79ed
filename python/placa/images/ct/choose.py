"""Find the CT series among DICOM files, and choose one per study."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from placa.images.ct.geometry import MIN_LENGTH, letters, spacing
from placa.images.ct.series import SeriesVoxels, assemble
from placa.images.ct.slices import Slice
from placa.images.grey import ImageRejected
from placa.images.listing import REASONS
from placa.images.pixel_format import PixelFormat

_CHEST = re.compile(r"chest|thora|torax|tórax|lung|pulm", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"head|brain|skull|neck|abd|pelv|liver|spine|extrem|cabeza|cr[aá]neo|cuello|h[ií]gado|columna",
    re.IGNORECASE,
)
#: Sharp kernels of Siemens (B50 and more), GE, Philips and Canon; they have more noise.
_SHARP = re.compile(r"[A-Z]+[5-9]\d[a-z]?\b|lung|bone|edge|sharp|detail|\bFC[58]\d|\bY[A-D]\b|\b[DEL]\b", re.IGNORECASE)


@dataclass(frozen=True)
class Series:
    """The slices of one series, in the order of their files.

    Attributes:
        slices: The slices.
        scattered: Whether its files are in several folders.
    """

    slices: tuple[Slice, ...]
    scattered: bool = False

    @property
    def study(self) -> tuple[str, str]:
        """Patient and study."""
        return self.slices[0].study

    @cached_property
    def _volume(self) -> tuple[PixelFormat, SeriesVoxels] | str:
        """The volume, or why the series is none."""
        if self.scattered:
            return REASONS["scattered"]
        try:
            return assemble(self.slices)
        except ImageRejected as rejected:
            return str(rejected)

    @property
    def problem(self) -> str:
        """Why the series is no volume; ``""`` if it is one."""
        return self._volume if isinstance(self._volume, str) else ""

    @property
    def path(self) -> str:
        """The file that stands for the series: that of its first slice by position, or its first file."""
        return (self.slices if isinstance(self._volume, str) else self._volume[1].slices)[0].path

    @property
    def title(self) -> str:
        """Number, description, kernel and thickness, for the manifest."""
        one = self.slices[0]
        thickness = f"{float(one.thickness):g} mm" if re.fullmatch(r"\d+(\.\d*)?", one.thickness) else ""
        return ", ".join(part for part in (one.number, one.title, one.kernel, thickness) if part)

    @cached_property
    def rank(self) -> tuple[object, ...]:
        """The order of preference; see `choose`."""
        one = self.slices[0]
        if isinstance(self._volume, str):
            return (True,)
        found, _ = self._volume
        distances = spacing(found.axes)
        axial = letters(found.axes)[2] in "SI"
        length = max(count * distance for count, distance in zip(found.size, distances, strict=True) if count)
        along = float(found.size[2] * distances[2]) if axial else float(length)
        words = 0 if _CHEST.search(one.description) else 2 if _ELSEWHERE.search(one.description) else 1
        number = int(one.number) if one.number.isdecimal() else 0
        return (
            *(False, along < MIN_LENGTH, words, not axial, "ORIGINAL" not in one.image_type),
            *(round(float(distances[2]), 2), bool(_SHARP.search(one.kernel)), -len(self.slices), number, one.series),
        )

    def has(self, text: str) -> bool:
        """Return whether a text is the number of the series, or a part of its description or kernel."""
        one = self.slices[0]
        return text == one.number or text.casefold() in f"{one.description} {one.kernel}".casefold()


def group_series(slices: Iterable[Slice]) -> list[Series]:
    """Group slices by SeriesInstanceUID; of copies of a series in several folders, one is used."""
    grouped: dict[str, dict[str, list[Slice]]] = {}
    for one in slices:
        grouped.setdefault(one.series, {}).setdefault(os.path.dirname(one.path), []).append(one)
    found = []
    for folders in grouped.values():
        largest = max(folders.values(), key=len)
        complete = {one.uid for one in largest} >= {one.uid for members in folders.values() for one in members}
        found.append(Series(tuple(largest), not complete))
    return found


def choose(series: Sequence[Series], text: str | None = None) -> list[tuple[Series, list[Series]]]:
    """Choose one series per study.

    The order of preference: evenly spaced volumes; of at least 100 mm; of which the description names the chest, or at
    least no other part of the body; axial; original images; the smallest distance of slices; a kernel that is not
    sharp; the most slices; the lowest number.

    Args:
        series: The series of any number of studies.
        text: The number of a series, or a part of its description or kernel: studies with such a series use only those.

    Returns:
        The chosen series of each study, and the others.
    """
    studies: dict[tuple[str, str], list[Series]] = {}
    for one in series:
        studies.setdefault(one.study, []).append(one)
    chosen = []
    for members in studies.values():
        named = [one for one in members if text is not None and one.has(text)]
        best = min(named or members, key=lambda one: one.rank)
        chosen.append((best, [one for one in members if one is not best]))
    return chosen
