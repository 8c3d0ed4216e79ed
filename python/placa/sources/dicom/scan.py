"""Sort the files of a DICOM directory into images, rejected files and unused files."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from placa.core.faults import machine_fault, retry_faults
from placa.images.dicom.header import is_dicom, read_header, refuse
from placa.images.read import ImageRejected, refuse_name
from placa.records.codes import Note
from placa.sources.dicom.labels import FileLabels
from placa.sources.dicom.names import public_name
from placa.sources.dicom.patient_key import PatientKey
from placa.sources.dicom.tags import TAGS, DicomTags, contains_identifier, read_tags
from placa.sources.errors import NoUsableFileError
from placa.sources.tables.cells import read_ages
from placa.sources.tables.identifiers import unknown_patients

#: The age, in years, of patients above 89.
OLDEST_STORED = 90.0
_NO_PATIENT = "it has no PatientID, so its images may be in several splits: fill in PatientID"


class Unused(NamedTuple):
    """Why a file is not used: a code, and the modality or view."""

    code: Literal["not_dicom", "other_modality", "other_view", "no_label", "other_series", "no_slice", "scout"]
    value: str = ""


def _unused_text(reason: Unused) -> str:
    return {
        "not_dicom": "that are not DICOM",
        "other_modality": f"of modality {reason.value} (--modalities)",
        "other_view": f"of {reason.value} view (--views)",
        "no_label": "without a label",
        "other_series": "of other series of a study (--series)",
        "no_slice": "that are no CT slices",
        "scout": "that are scouts of a CT",
    }[reason.code]


@dataclass
class FileScan:
    """Sort files into images, rejected files, and unused files with the reason."""

    root: Path
    labels: FileLabels
    views: set[str]
    modalities: set[str]
    images: list[tuple[Path, DicomTags, dict[str, int | None]]] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    unused: Counter[Unused] = field(default_factory=Counter)
    #: The number of files that belong to an image of another file.
    merged: int = 0

    def add(self, file: Path) -> None:
        """Read the header of a file and sort it.

        Raises:
            MachineFaultError: The machine failed, such as by too many open files.
        """
        retry_faults(lambda: self._add(file), str(file))

    def _add(self, file: Path) -> None:
        try:
            refuse_name(file)
            if not file.is_file():
                raise ImageRejected("it is not a regular file: a broken link, a pipe or a device")
            size = file.stat().st_size
            with file.open("rb") as opened:
                head = opened.read(256)
            if not is_dicom(head) and file.suffix.lower() not in {".dcm", ".dicom"}:
                self.unused[Unused("not_dicom")] += 1
                return
            if not head:
                raise ImageRejected("the file is empty: copy it again")
            self._sort(file, size)
        except ImageRejected as rejected:
            self.rejected.append((os.path.abspath(file), str(rejected)))
        except OSError as error:
            if machine_fault(error):
                raise
            self.rejected.append((os.path.abspath(file), f"it cannot be read ({error.strerror or error})"))

    def _sort(self, file: Path, size: int) -> None:
        header = read_header(file, TAGS)
        tags = read_tags(header)
        labels = self._wanted(file, tags)
        if labels is not None:
            refuse(header, size)
            self.images.append((file, tags, labels))

    def _wanted(self, file: Path, tags: DicomTags) -> dict[str, int | None] | None:
        # The label is looked up first, so that the row of an excluded image does not count as a row without image.
        labels = self.labels.label_of(file, tags)
        if tags.modality and tags.modality not in self.modalities:
            self.unused[Unused("other_modality", tags.modality)] += 1
        elif self.views and tags.view not in self.views:
            self.unused[Unused("other_view", tags.view or "unknown")] += 1
        elif labels is None:
            self.unused[Unused("no_label")] += 1
        elif tags.modality == "CT" and tags.scout:
            self.unused[Unused("scout")] += 1
        else:
            return labels
        return None

    def finish(self) -> None:
        """Complete the images when all files were added."""

    def table(self, key: PatientKey) -> tuple[pd.DataFrame, list[Note]]:
        """Return the images, with hashes for patients and sites, and remarks for the user."""
        notes = [
            Note(f"{count:,} files {_unused_text(reason)} are not used", reason.code, files=count, value=reason.value)
            for reason, count in self.unused.most_common()
        ]
        # Whether "ANON^001" or "0" is a patient depends on the other files.
        unknown = unknown_patients(pd.Series([tags.patient for _, tags, _ in self.images], dtype=object))
        self.images = [
            (file, replace(tags, patient="") if is_unknown else tags, labels)
            for (file, tags, labels), is_unknown in zip(self.images, unknown, strict=True)
        ]
        if any(tags.patient for _, tags, _ in self.images):
            without_patient = [file for file, tags, _ in self.images if not tags.patient]
            self.rejected += [(os.path.abspath(file), _NO_PATIENT) for file in without_patient]
            self.images = [row for row in self.images if row[1].patient]
        elif self.images:
            text = "no file has a PatientID, so groups of images are searched by similarity"
            notes.append(Note(text, "no_patient_id"))
        all_tags = [tags for _, tags, _ in self.images]
        renamed, rows = 0, []
        classes = int(self.labels.table is None)
        for file, tags, labels in self.images:
            name = public_name(file.relative_to(self.root), tags.identifiers, key, classes)
            renamed += name != file.relative_to(self.root).as_posix() or contains_identifier(
                os.path.abspath(file), tags.identifiers
            )
            site = f"site-{key.pseudonym('site', tags.institution, 8)}" if tags.institution else None
            rows.append((name, os.path.abspath(file), tags.sex, tags.view, site, *labels.values()))
        columns = ["image_id", "path", "sex", "view", "site", *self.labels.findings]
        images = pd.DataFrame(rows, columns=columns)
        patient_age = read_ages(pd.Series([tags.age for tags in all_tags], dtype=object), notes)
        images["age"] = patient_age.fillna(pd.Series([tags.years for tags in all_tags], dtype="float64"))
        # The Safe Harbor of HIPAA (45 CFR 164.514) has one category for all ages above 89.
        images["age"] = images["age"].mask(images["age"] > 89, OLDEST_STORED)
        if all_tags and all_tags[0].patient:
            self._name_patients(images, all_tags, key, notes)
        if renamed:
            text = (
                f"the paths of {renamed:,} of {len(rows):,} files may contain patient identifiers. image_id has hashes "
                "instead; path and rejected.csv are unchanged: keep them private"
            )
            notes.append(Note(text, "identifiers_in_paths", paths=renamed, files=len(rows)))
        burnt = sum(tags.burnt_text for tags in all_tags)
        if burnt:
            text = (
                f"the headers of {burnt:,} of {len(rows):,} files state that their pixels identify the patient "
                "(BurnedInAnnotation); placa report shows images, unless --no-pictures is given"
            )
            notes.append(Note(text, "burned_in_annotation", images=burnt, files=len(rows)))
        return images, notes

    def dates(self) -> pd.Series:
        """Return the date of each image of the table."""
        days = pd.Series([tags.date for _, tags, _ in self.images], dtype=object)
        return pd.to_datetime(days, errors="coerce")

    def windows(self, images: pd.DataFrame, notes: list[Note]) -> pd.DataFrame | None:
        """Return the window of each CT slice of the table, for the audit; None if all have the same."""
        windows = Counter(tags.window or "none" for _, tags, _ in self.images)
        if len(windows) < 2 or not any(tags.modality == "CT" for _, tags, _ in self.images):
            return None
        common = "; ".join(f"{window} in {count:,} files" for window, count in windows.most_common(3))
        text = f"the slices have {len(windows)} windows ({common}): --window gives all slices the same"
        notes.append(Note(text, "windows_differ", windows=len(windows), most=windows.most_common(1)[0][0]))
        return pd.DataFrame(
            {"image_id": images["image_id"], "window": [tags.window or "none" for _, tags, _ in self.images]}
        )

    @staticmethod
    def _name_patients(images: pd.DataFrame, all_tags: list[DicomTags], key: PatientKey, notes: list[Note]) -> None:
        images["patient_id"] = [key.pseudonym("patient", f"{tags.issuer}\0{tags.patient}") for tags in all_tags]
        pooled = pd.Series([key.pseudonym("group", tags.patient) for tags in all_tags])
        issuers = images["patient_id"].groupby(pooled).transform("nunique")
        if (issuers > 1).any():
            # One id from two issuers may be two patients, or one patient with an issuer that is sometimes missing.
            images["group_id"] = images["patient_id"].where(issuers == 1, pooled)
            count = int((issuers > 1).sum())
            text = f"{count:,} images share a PatientID of several issuers; they stay in one split"
            notes.append(Note(text, "several_issuers", images=count))
        sexes = images["sex"].groupby(images["patient_id"]).nunique()
        if (sexes > 1).any():
            count = int((sexes > 1).sum())
            text = f"{count:,} patients are recorded with both sexes: check PatientID"
            notes.append(Note(text, "both_sexes", patients=count))

    def no_usable_file(self, files: int) -> NoUsableFileError:
        """Return the error for a directory without a usable file."""
        outcomes = [f"{count:,} {_unused_text(reason)}" for reason, count in self.unused.most_common(4)]
        if self.rejected:
            outcomes.append(f"{len(self.rejected):,} rejected (first: {self.rejected[0][0]}: {self.rejected[0][1]})")
        match = self.labels.kind if self.labels.table else None
        how = f" Rows of {self.labels.name} are matched by {match}." if match else ""
        return NoUsableFileError(
            f"None of the {files:,} files in {self.root} can be used: {'; '.join(outcomes) or 'it is empty'}.{how} "
            "Check the labels, --views and --modalities.",
            directory=str(self.root),
            files=files,
            rejected=len(self.rejected),
            unused={_unused_text(reason): count for reason, count in self.unused.items()},
            match=match,
        )
