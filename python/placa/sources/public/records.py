"""What the tables of a public set record, before label policies and before the files are searched for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from placa.core.progress import Progress
from placa.records.codes import Note

#: Values of a label as written. ``BLANK``: the report does not mention the finding; ``UNKNOWN``: nobody can know.
POSITIVE, NEGATIVE, UNCERTAIN, BLANK, UNKNOWN = 1, 0, -1, -2, -3
#: Columns of `Records.images` that describe how an image was acquired and read; the audit probes them.
ACQUISITION = ("maker", "model", "reader", "follow_up", "days")


@dataclass
class Records:
    """Hold the records of a public set.

    Attributes:
        images: One row per image: ``image_id``; ``file``, the end of the path of its file, without extension; any of
            ``path`` (if the files are known already), ``patient_id``, ``study_id``, ``sex``, ``age``, ``view``,
            ``split`` (``train``, ``validation``, ``test`` or missing), ``site``, ``label_source``, ``date``, and of
            `ACQUISITION`.
        labels: One column per label of the set, in its own words, with the codes above; same index as `images`.
        tables: The files that were read.
        parts: The number of parts of ``file``.
        rejected: ``(row, reason)`` of the rows that cannot be used.
        unused: The number of rows that describe no image of this source, such as CT volumes.
        notes: Remarks for the user.
        boxes: Lesion boxes: ``image_id``, ``label`` (in the set's own words), ``x``, ``y``, ``width``, ``height``; and
            ``image_width``, ``image_height`` where the tables have the size of the image to which the box refers.
        box_side: The width and height to which boxes refer, in pixels; None for those of each image itself.
        other_labels: See `placa.sources.source.Source`.
    """

    images: pd.DataFrame
    labels: pd.DataFrame
    tables: list[Path] = field(default_factory=list)
    parts: int = 1
    rejected: list[tuple[str, str]] = field(default_factory=list)
    unused: int = 0
    notes: list[Note] = field(default_factory=list)
    boxes: pd.DataFrame | None = None
    box_side: float | None = None
    other_labels: pd.DataFrame | None = None


@dataclass(frozen=True)
class Choice:
    """An option of one set: ``--NAME`` with a few values, the first of which is the default."""

    name: str
    values: tuple[str, ...]
    help: str


@dataclass(frozen=True)
class PublicSet:
    """Describe a public set.

    Attributes:
        kind: Its name on the command line.
        title: Its name in publications.
        layout: The files that the directory must have, for help and messages.
        read: Reads its tables: directory, values of `choices`, progress.
        negative: The default comparison: ``"rest"`` or a label.
        uncertain: The default policy for uncertain labels; None if the set has none.
        blank: The default policy for findings that are not mentioned; None if the set has none.
        views: The default views.
        not_findings: Labels that are not findings, so that ``any`` and ``all`` do not include them.
        normal: The label that excludes all findings but `not_findings`; ``""`` if there is none.
        choices: Options of this set alone.
    """

    kind: str
    title: str
    layout: str
    read: Callable[[Path, dict[str, str], Progress], Records]
    negative: str = "rest"
    uncertain: str | None = None
    blank: str | None = None
    views: Sequence[str] = ("all",)
    not_findings: frozenset[str] = frozenset()
    normal: str = ""
    choices: tuple[Choice, ...] = ()

    @property
    def defaults(self) -> dict[str, Any]:
        """The default of each option in `choices`."""
        return {choice.name: choice.values[0] for choice in self.choices}
