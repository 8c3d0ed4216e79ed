"""The result of reading a source: images, labels, and what is known about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from placa.core.errors import require_known
from placa.records.codes import Note
from placa.records.reading import STRETCH, Reading
from placa.records.source import REST, Comparison, GivenSplit, LabelPolicy, compared_with
from placa.sources.errors import (
    ConflictingOptionsError,
    DatesUnknownError,
    MissingDirectoryError,
    PositiveNegativeOverlapError,
)

#: The codes of remarks that are shown as warnings.
WARNINGS = frozenset(
    {"no_patient_column", "patients_unknown", "labels_not_understood", "labels_similar", "split_divides_groups"}
    | {"copies_contradict", "images_uniform", "no_patient_id"}
    | {"few_squares_with_lung", "nih_table_renamed", "images_resized"}
    | {"text_in_pixels", "burned_in_annotation"}
)
#: The label of an image without any finding of the source.
NO_FINDING = "No Finding"
#: Keywords of ``--positive``, and the finding of ``any``: at least one of the set's findings.
ANY, ALL, ANY_FINDING = "any", "all", "Any Finding"
#: The keyword of ``--negative``: every image without the finding.
REST_WORD = "rest"
#: The split by date, of sources with dates.
TEMPORAL = "temporal"
SPLIT_HELP = "seeded: random, by patient; temporal: by date"


@dataclass
class Source:
    """Hold the images and labels of a source, the input of `placa.workflows.prepare.prepare`.

    Attributes:
        kind: The source's name on the command line.
        images: One row per existing image: ``image_id``, ``path``, one column per finding (1, 0 or missing), and any of
            ``patient_id``, ``study_id``, ``group_id``, ``split``, ``sex``, ``age`` (years), ``view``, ``site``,
            ``label_source``. A missing ``split`` means that `prepare` assigns the image to training or validation.
            With `temporal`, it also has ``date``, which `prepare` does not store.
        findings: The finding columns of `images`.
        comparison: The images that findings are compared with.
        label_source: The origin of the labels: ``phantom``, ``folders``, or the name of a table or data set.
        positive_alone: Whether positive images have no other finding.
        rows: The number of rows or files read: the sum of `images`, `rejected`, `missing` and `unused`.
        unused: The number of rows or files without any of the requested labels.
        missing: The number of images in the source's table whose file does not exist.
        missing_files: ``(row, path)`` of images in the source's table whose file does not exist.
        rejected: ``(path or row, reason)`` of each image that the source rejects.
        skipped: ``(path, reason)`` of each file or folder that is no image of the data set, such as masks and files of
            the operating system; they are not counted.
        grouped: Whether patients or groups are known; if not, `prepare` searches for groups.
        given_split: The origin of the column ``split`` of `images`; None if it has no such column.
        keeps_split: Whether the given split is kept although it may divide groups of similar images.
        labelled_by_name: Whether the labels are folder names, so that the paths contain the labels.
        tables: The label files; they are part of the fingerprint.
        notes: Remarks for the user.
        options: The options used, as recorded in ``source.json``.
        boxes: Lesion boxes: ``image_id``, ``finding``, and ``x``, ``y``, ``width``, ``height`` as fractions (0 to 1)
            of the image's width and height.
        other_labels: A second set of labels, one row per image and finding: ``image_id``, ``patient_id``,
            ``finding``, ``label_source``, ``subset``, ``truth`` (0 or 1); images whose file is missing are included.
        table: Every row of the source's own table, also of images whose file is missing: ``image_id``,
            ``patient_id``, ``sex``, ``age``, ``view``, ``official`` (``train_val``, ``test`` or missing), and one
            column per finding: 1 where the label is present, 0 otherwise.
        acquisition: How images were acquired and read: ``image_id`` and any of ``maker``, ``model``, ``reader``
            (several separated by spaces), ``follow_up`` (number of the patient's image), ``days`` (since the first
            image of the set), ``site``, ``window`` (of a CT slice); the audit probes them.
        label_policy: What uncertain and blank labels mean; None if the source has none.
        temporal: Whether `prepare` assigns images to splits by date.
        reading: The method that turns a file of this source into square grey images.
    """

    kind: str
    images: pd.DataFrame
    findings: list[str]
    comparison: Comparison
    label_source: str
    positive_alone: bool = False
    rows: int | None = None
    unused: int = 0
    missing: int = 0
    missing_files: list[tuple[str, str]] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    grouped: bool = True
    given_split: GivenSplit | None = None
    keeps_split: bool = False
    labelled_by_name: bool = False
    tables: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    boxes: pd.DataFrame | None = None
    other_labels: pd.DataFrame | None = None
    table: pd.DataFrame | None = None
    acquisition: pd.DataFrame | None = None
    label_policy: LabelPolicy | None = None
    temporal: bool = False
    reading: Reading = STRETCH

    def __post_init__(self) -> None:
        accounted = len(self.images) + len(self.rejected) + self.missing + self.unused
        if self.rows is None:
            self.rows = accounted
        if self.rows != accounted:
            raise AssertionError(f"{self.rows} rows were read, but {accounted} are kept, rejected, missing or unused")


def require_directory(root: Path, contents: str) -> None:
    """Check that the directory of a source exists.

    Args:
        root: The directory that the user named.
        contents: What it should have, for the message.

    Raises:
        MissingDirectoryError: `root` is not a directory.
    """
    if not root.is_dir():
        raise MissingDirectoryError(
            f"{root} is not a directory. Name the directory that has {contents}.", directory=str(root)
        )


def keyword_of(positive: Sequence[str]) -> str | None:
    """Return the keyword of ``--positive``, ``any`` or ``all``; None if it names findings.

    Raises:
        ConflictingOptionsError: A keyword is combined with other names, or there are none.
    """
    keywords = [name.lower() for name in positive if name.lower() in (ANY, ALL)]
    if not positive or (keywords and len(positive) > 1):
        raise ConflictingOptionsError(
            "--positive must be names of findings, or one of the keywords any and all, got "
            f"{' '.join(positive) or 'nothing'}.",
            option="--positive",
            names=list(positive),
        )
    return keywords[0] if keywords else None


def comparison_of(negative: str) -> Comparison:
    """Return the images that findings are compared with, from a label or `REST_WORD`."""
    return REST if negative == REST_WORD else compared_with(negative)


def require_dates(images: pd.DataFrame, title: str) -> None:
    """Check that images have dates.

    Args:
        images: Images, with the column ``date`` if the source has dates.
        title: The name of the source.

    Raises:
        DatesUnknownError: No image has a date.
    """
    if "date" not in images or images["date"].isna().all():
        raise DatesUnknownError(
            f"{title} has no dates that order its patients, so --split temporal is not possible. Use another split.",
            source=title,
        )


def require_different_findings(positive: str, negative: str, known: Iterable[str]) -> None:
    """Check that the two findings are known and different.

    Raises:
        UnknownNameError: A finding is unknown.
        PositiveNegativeOverlapError: Both are the same.
    """
    known = list(known)
    for name in (positive, negative):
        require_known("finding", name, known)
    if positive == negative:
        raise PositiveNegativeOverlapError(
            f"--positive and --negative are both {positive!r}. Name two different findings.", name=positive
        )
