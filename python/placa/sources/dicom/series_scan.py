"""Sort the files of a DICOM directory into CT volumes, one series per study, and the rest."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from placa.images.ct.choose import Series, choose, group_series
from placa.images.ct.slices import SLICE_TAGS, Slice, slices_of
from placa.images.dicom.header import read_header
from placa.records.codes import Note
from placa.sources.dicom.patient_key import PatientKey
from placa.sources.dicom.scan import FileScan, Unused
from placa.sources.dicom.tags import TAGS, DicomTags, read_tags


@dataclass
class SeriesScan(FileScan):
    """Sort files into CT series, of which one per study is an image; the others are unused files.

    Attributes:
        series: The number of a series, or a part of its description or kernel, which is preferred.
    """

    series: str | None = None
    _slices: list[Slice] = field(default_factory=list)
    _labels: dict[str, dict[str, int | None]] = field(default_factory=dict)
    _tags: dict[str, DicomTags] = field(default_factory=dict)
    _titles: dict[Path, str] = field(default_factory=dict)

    def _sort(self, file: Path, size: int) -> None:
        header = read_header(file, [*TAGS, *SLICE_TAGS])
        tags = read_tags(header)
        labels = self.labels.label_of(file, tags)
        if tags.modality and tags.modality not in self.modalities:
            self.unused[Unused("other_modality", tags.modality)] += 1
            return
        found = slices_of(header, os.fspath(file))
        if not found:
            self.unused[Unused("no_slice")] += 1
            return
        self._slices += found
        self._tags[os.fspath(file)] = tags
        if labels is not None:
            self._labels[os.fspath(file)] = labels

    def finish(self) -> None:
        """Choose one series per study, and make it an image."""
        for best, others in choose(group_series(self._slices), self.series):
            for one in others:
                self.unused[Unused("other_series")] += len(_files(one))
            files = _files(best)
            labels = next((self._labels[file] for file in files if file in self._labels), None)
            if labels is None:
                self.unused[Unused("no_label")] += len(files)
                continue
            self.merged += len(files) - 1
            path = Path(best.path)
            if best.problem:
                self.rejected.append((os.path.abspath(path), best.problem))
                continue
            self.images.append((path, self._tags[best.path], labels))
            self._titles[path] = best.title
        self._slices.clear()

    def table(self, key: PatientKey) -> tuple[pd.DataFrame, list[Note]]:
        """See `FileScan.table`; the table also has the column ``series``."""
        images, notes = super().table(key)
        images["series"] = [self._titles[file] for file, _, _ in self.images]
        return images, notes


def _files(series: Series) -> list[str]:
    return sorted({one.path for one in series.slices})
