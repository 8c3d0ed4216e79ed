"""Where images and labels come from: one module a source, all handing over the same thing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from placa.core.errors import unknown_name
from placa.records.reading import STRETCH, Reading
from placa.sources.errors import PositiveNegativeOverlapError

#: What an image is labelled that has none of a source's findings.
NO_FINDING = "No Finding"


@dataclass
class Source:
    """What a source hands to `placa.workflows.prepare.prepare`.

    Attributes:
        kind: The source's name on the command line.
        images: One row an image that is there: ``image_id``, ``path``, a column a finding, and what is known of
            ``patient_id``, ``group_id``, ``split``, ``sex``, ``age`` (years), ``view``, ``site``, ``label_source``.
            Where ``split`` is missing, the image is still to be dealt to training or validation.
        findings: The finding columns of `images`.
        positive: What a positive image has, in words.
        comparison: What it is told apart from, in words.
        label_source: Where the labels come from, in words.
        rows: How many rows or files the source began with: those of `images`, `rejected`, `missing` and `unused`.
        unused: How many of them have none of the labels that were asked for.
        missing: How many images the source's table names that are not there.
        rejected: ``(path or row, reason)`` of each image that the source itself left out.
        grouped: Whether patients or groups are known; if not, `prepare` looks for groups.
        given_split: Who gave the column ``split`` of `images`, in words, where it is there.
        labelled_by_name: Whether the labels are the names of folders, so that these spell them by construction.
        tables: The files that the labels were read from; they enter the fingerprint.
        notes: Remarks that the user should read.
        options: The options that made this, to write down.
        boxes: Where lesions lie: ``image_id``, ``finding``, and ``x``, ``y``, ``width``, ``height`` as shares (0 to 1)
            of the image's width and height.
        other_labels: A second source of labels, one row an image and finding: ``image_id``, ``patient_id``,
            ``finding``, ``label_source``, ``subset``, ``truth`` (0 or 1), whether the image is there or not.
        table: Every row of the source's own table, whether its image is there or not: ``image_id``, ``patient_id``,
            ``sex``, ``age``, ``view``, ``official`` (``train_val``, ``test`` or missing), and for each finding whether
            its label is named (1 or 0), whatever it was to be compared with.
        reading: How a file of this source becomes squares of grey levels.
    """

    kind: str
    images: pd.DataFrame
    findings: list[str]
    positive: str
    comparison: str
    label_source: str
    rows: int | None = None
    unused: int = 0
    missing: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list)
    grouped: bool = True
    given_split: str = "split column of the source"
    labelled_by_name: bool = False
    tables: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    boxes: pd.DataFrame | None = None
    other_labels: pd.DataFrame | None = None
    table: pd.DataFrame | None = None
    reading: Reading = STRETCH

    def __post_init__(self) -> None:
        accounted = len(self.images) + len(self.rejected) + self.missing + self.unused
        if self.rows is None:
            self.rows = accounted
        if self.rows != accounted:
            raise AssertionError(f"{self.rows} rows came in and {accounted} are accounted for")


def listed(values: str | Sequence[str] | None) -> list[str]:
    """One name, several or none, as a list."""
    return [values] if isinstance(values, str) else list(values or [])


def require_two_findings(positive: str, negative: str, known: Iterable[str]) -> None:
    """Make sure that two different findings of those known were asked for.

    Raises:
        PlacaError: One is unknown, or both are the same.
    """
    known = list(known)
    for name in (positive, negative):
        if name not in known:
            raise unknown_name("finding", name, known)
    if positive == negative:
        raise PositiveNegativeOverlapError(
            f"--positive and --negative are both {positive!r}: two different findings were expected.", name=positive
        )
