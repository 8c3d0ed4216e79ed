"""Where images and labels come from: one module a source, all handing over the same thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from placa.errors import PlacaError, unknown_name

#: What an image is labelled that has none of a source's findings.
NO_FINDING = "No Finding"


@dataclass
class Source:
    """What a source hands to `placa.prepare.prepare`.

    Attributes:
        kind: The source's name on the command line.
        images: One row an image that is there: ``image_id``, ``path``, a column a finding, and what is known of
            ``patient_id``, ``group_id``, ``split``, ``sex``, ``age`` (years), ``view``, ``site``, ``label_source``.
        findings: The finding columns of `images`.
        positive: What a positive image has, in words.
        comparison: What it is told apart from, in words.
        label_source: Where the labels come from, in words.
        missing: How many images the source's table names that are not there.
        rejected: ``(path, reason)`` of each image that the source itself left out.
        grouped: Whether patients or groups are known; if not, `prepare` looks for groups.
        tables: The files that the labels were read from; they enter the fingerprint.
        notes: Remarks that the user should read.
        options: The options that made this, to write down.
    """

    kind: str
    images: pd.DataFrame
    findings: list[str]
    positive: str
    comparison: str
    label_source: str
    missing: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list)
    grouped: bool = True
    tables: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


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
        raise PlacaError(f"--positive and --negative are both {positive!r}: two different findings were expected.")
