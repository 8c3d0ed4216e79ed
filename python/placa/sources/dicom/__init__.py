"""DICOM files, labelled by a table or by the folders that they lie in; nothing that names a patient is passed on."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from placa.core.files import explain_os_error
from placa.core.progress import SILENT, Progress
from placa.images.dicom.header import is_dicom, read_header, refuse
from placa.images.read import ImageRejected, files_under, refuse_name
from placa.sources.dicom.labels import MATCHES, FileLabels, LabelOptions, TableLabels, read_labels
from placa.sources.dicom.patient_key import PatientKey, patient_key
from placa.sources.dicom.tags import TAGS, Described, describe, spelled
from placa.sources.errors import MissingDirectoryError, NoUsableFileError
from placa.sources.source import Source, listed
from placa.sources.tables.cells import read_ages

#: Computed and digital radiography.
MODALITIES = ("CR", "DX")
_NO_PATIENT = (
    "it has no PatientID, so that its patient may be in another split too: put an id there, one for each patient"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare dicom``."""
    add = parser.add_argument
    add("root", type=Path, metavar="ROOT", help="holds DICOM files, in any folders, with any names")
    add("--labels", type=Path, metavar="TABLE", help="CSV, TSV or parquet (default: each folder in ROOT is a class)")
    add("--label", nargs="+", metavar="COLUMN", help="TABLE's label; several, each a finding of 0 and 1")
    add(
        "--positive",
        nargs="+",
        metavar="NAME",
        help="the positive folder, or the label's values (default: 1, yes, true)",
    )
    add("--negative", nargs="+", metavar="NAME", help="the comparison's folders or values (default: all others)")
    add("--finding", metavar="NAME", help="what to call the finding")
    add("--match", choices=list(MATCHES), help="by what a row names its file (default: the first that TABLE has)")
    add("--match-column", metavar="COLUMN", help="the column that does so (default: of a usual name)")
    add("--views", nargs="+", metavar="VIEW", help="use these only: PA AP leaves out the laterals (default: all)")
    add("--modalities", nargs="+", default=list(MODALITIES), metavar="CODE", help="use these only (default: CR DX)")
    add("--key", type=Path, metavar="FILE", help="the secret key of patient ids (default: one of your own, made once)")


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Make the source that the command line asks for."""
    names = ("labels", "label", "positive", "negative", "finding", "match", "match_column", "views", "modalities")
    given = {name: getattr(options, name) for name in names}
    return read_dicom(options.root, **given, key=patient_key(options.key), progress=progress)


def read_dicom(
    root: Path,
    labels: Path | None = None,
    label: Sequence[str] | None = None,
    positive: Sequence[str] | None = None,
    negative: Sequence[str] | None = None,
    finding: str | None = None,
    match: str | None = None,
    match_column: str | None = None,
    views: Sequence[str] | None = None,
    modalities: Sequence[str] = MODALITIES,
    key: PatientKey | None = None,
    progress: Progress = SILENT,
) -> Source:
    """Read the headers of DICOM files, and find their labels.

    Patients are named by a keyed hash of PatientID and its issuer, sites by one of InstitutionName; where a path spells
    who the patient is, ``image_id`` has a hash in that place. ``path`` itself stays, for the files have to be found;
    a note says how many of them spell a patient.

    Args:
        root: A directory. Every file under it is looked at, whatever its name.
        labels: A table of labels; by default each folder in `root` is a class.
        label: The table's label column, or several findings.
        positive: The positive class folder; or the label's positive values, by default 1, yes, true and the like.
        negative: The folders or values of the comparison; by default all others.
        finding: What to call the finding; by default the folder, or as `placa.sources.table.read_table` does.
        match: By what the table's rows name files: ``path`` (from `root`, or from where the table lies), ``file``,
            ``SOPInstanceUID``, ``AccessionNumber`` or ``PatientID``; by default the first that it has a column of.
        match_column: That column, where it has no usual name.
        views: Views to use (``PA``, ``AP``, ``LATERAL``, …); all by default.
        modalities: Modalities to use; files that do not say theirs are used as well.
        key: The key of the hashes; the user's own by default.
        progress: Where to show the bar.

    Returns:
        A row a file. Files without a PatientID are set aside; where no file has one, patients are unknown, and
        `prepare` looks for groups. ``age`` is PatientAge, or else the years between birth and study.

    Raises:
        PlacaError: `root` or the table cannot be read, options contradict each other, or no file is left.
    """
    if not root.is_dir():
        raise MissingDirectoryError(
            f"{root} is not a directory: name the one that holds the DICOM files.", directory=str(root)
        )
    key = key or patient_key()
    asked = [listed(one) for one in (label, positive, negative, views)]
    lookup = read_labels(root, LabelOptions(labels, asked[0], asked[1], asked[2], finding, match, match_column), key)
    found = _Found(root, lookup, {view.upper() for view in asked[3]}, {code.upper() for code in modalities})
    try:
        own = os.path.realpath(labels) if labels is not None else None
        files = [file for file in files_under(root) if os.path.realpath(file) != own]
    except OSError as error:
        raise explain_os_error(error, error.filename or root) from error
    with progress.bar("reading headers", len(files)) as advance:
        for file in files:
            found.look_at(file)
            advance()
    missing, unasked = lookup.left_over()
    images, notes = found.table(key)
    if not len(images):
        raise found.nothing_usable(len(files))
    images["label_source"] = lookup.name
    return Source(
        kind="dicom",
        images=images,
        findings=lookup.findings,
        positive=lookup.positive,
        comparison=lookup.comparison,
        label_source=lookup.name,
        rows=len(files) + missing + unasked + len(lookup.rejected),
        unused=sum(found.unused.values()) + unasked,
        missing=missing,
        rejected=found.rejected + lookup.rejected,
        grouped="patient_id" in images,
        labelled_by_name=labels is None,
        tables=[str(path) for path in lookup.tables],
        notes=[key.note] * bool(key.note) + lookup.notes + notes,
        options={
            "root": str(root),
            "labels": str(labels) if labels else None,
            **dict(zip(("label", "positive", "negative", "views"), asked, strict=True)),
            "finding": finding,
            "match": lookup.kind if isinstance(lookup, TableLabels) else None,
            "match_column": lookup.column if isinstance(lookup, TableLabels) else None,
            "modalities": list(modalities),
        },
    )


@dataclass
class _Found:
    """What became of each file: an image, rejected, or not used and why."""

    root: Path
    labels: FileLabels
    views: set[str]
    modalities: set[str]
    images: list[tuple[Path, Described, dict[str, int | None]]] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    unused: Counter[str] = field(default_factory=Counter)

    def look_at(self, file: Path) -> None:
        """Give a file its place in one of the three."""
        try:
            refuse_name(file)
            if not file.is_file():
                raise ImageRejected("it is no file: a broken link, a pipe or a device")
            size = file.stat().st_size
            with file.open("rb") as opened:
                head = opened.read(256)
            if not is_dicom(head) and file.suffix.lower() not in {".dcm", ".dicom"}:
                self.unused["that are no DICOM"] += 1
                return
            if not head:
                raise ImageRejected("the file is empty: copy it again")
            header = read_header(file, TAGS)
            described = describe(header)
            labels = self._wanted(file, described)
            if labels is not None:
                refuse(header, size)
                self.images.append((file, described, labels))
        except ImageRejected as rejected:
            self.rejected.append((os.path.abspath(file), str(rejected)))
        except OSError as error:
            self.rejected.append((os.path.abspath(file), f"it cannot be read ({error.strerror or error})"))

    def _wanted(self, file: Path, described: Described) -> dict[str, int | None] | None:
        # The label is asked for first, so that a row whose image is not wanted does not count as one without image.
        labels = self.labels.of(file, described)
        if described.modality and described.modality not in self.modalities:
            self.unused[f"of modality {described.modality} (--modalities)"] += 1
        elif self.views and described.view not in self.views:
            self.unused[f"of {described.view or 'unknown'} view (--views)"] += 1
        elif labels is None:
            self.unused["without a label"] += 1
        else:
            return labels
        return None

    def table(self, key: PatientKey) -> tuple[pd.DataFrame, list[str]]:
        """The images, with hashes where patients and sites would be named, and remarks for the user."""
        notes = [f"{count:,} files {reason} were not used" for reason, count in self.unused.most_common()]
        if any(one.patient for _, one, _ in self.images):
            nobody = [file for file, one, _ in self.images if not one.patient]
            self.rejected += [(os.path.abspath(file), _NO_PATIENT) for file in nobody]
            self.images = [row for row in self.images if row[1].patient]
        elif self.images:
            notes.append("no file has a PatientID, so images that belong together are looked for by their likeness")
        described = [one for _, one, _ in self.images]
        hidden, rows = 0, []
        for file, one, labels in self.images:
            name = _image_id(file.relative_to(self.root), one, key)
            hidden += name != file.relative_to(self.root).as_posix() or spelled(os.path.abspath(file), one.telling)
            site = f"site-{key.name('site', one.institution, 8)}" if one.institution else None
            rows.append((name, os.path.abspath(file), one.sex, one.view, site, *labels.values()))
        columns = ["image_id", "path", "sex", "view", "site", *self.labels.findings]
        images = pd.DataFrame(rows, columns=columns)
        written = read_ages(pd.Series([one.age for one in described], dtype=object), notes)
        images["age"] = written.fillna(pd.Series([one.years for one in described], dtype="float64"))
        if described and described[0].patient:
            self._name_patients(images, described, key, notes)
        if hidden:
            notes.append(
                f"the paths of {hidden:,} of {len(rows):,} files spell who the patient is; image_id has a hash there, "
                "but path and rejected.csv do not: keep these to yourself, or rename the files and prepare again"
            )
        return images, notes

    @staticmethod
    def _name_patients(images: pd.DataFrame, described: list[Described], key: PatientKey, notes: list[str]) -> None:
        images["patient_id"] = [key.name("patient", f"{one.issuer}\0{one.patient}") for one in described]
        bare = pd.Series([key.name("group", one.patient) for one in described])
        issuers = images["patient_id"].groupby(bare).transform("nunique")
        if (issuers > 1).any():
            # One id from two issuers may be two patients, or one whose issuer was not always written down.
            images["group_id"] = images["patient_id"].where(issuers == 1, bare)
            notes.append(f"{(issuers > 1).sum():,} images share a PatientID of several issuers; no split parts them")
        sexes = images["sex"].groupby(images["patient_id"]).nunique()
        if (sexes > 1).any():
            notes.append(f"{int((sexes > 1).sum()):,} patients are recorded with both sexes: is PatientID right?")

    def nothing_usable(self, files: int) -> NoUsableFileError:
        """Make the error for a directory of which no image is left."""
        became = [f"{count:,} {reason}" for reason, count in self.unused.most_common(4)]
        if self.rejected:
            became.append(f"{len(self.rejected):,} rejected, the first: {self.rejected[0][0]}: {self.rejected[0][1]}")
        match = self.labels.kind if isinstance(self.labels, TableLabels) else None
        how = f"; rows of {self.labels.name} name files by {match}" if match else ""
        return NoUsableFileError(
            f"None of the {files:,} files under {self.root} can be used: {'; '.join(became) or 'there is none'}{how}.",
            directory=str(self.root),
            files=files,
            rejected=len(self.rejected),
            unused=dict(self.unused),
            match=match,
        )


def _image_id(path: Path, described: Described, key: PatientKey) -> str:
    parts = [
        f"{key.name('path', part, 12)}{Path(part).suffix if Path(part).suffix in {'.dcm', '.dicom'} else ''}"
        if spelled(part, described.telling)
        else part
        for part in path.parts
    ]
    return "/".join(parts)
