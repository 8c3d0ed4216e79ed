"""Print what a data set contains once it is prepared."""

from __future__ import annotations

import pandas as pd

from placa.audit.precision import report_splits
from placa.core.language import current_language, translate
from placa.core.progress import Progress
from placa.dataset.splits import SplitMethod
from placa.records.reading import collapse
from placa.reporting.words import Words, split_text
from placa.sources.source import WARNINGS, Source


def report_prepared(
    manifest: pd.DataFrame, source: Source, rejected: list[tuple[str, str]], method: SplitMethod, progress: Progress
) -> None:
    """Print missing and rejected images, remarks, the split, and the number of images in each part.

    Args:
        manifest: All images.
        source: The source.
        rejected: Path and reason of each rejected image.
        method: How the images were split.
        progress: Prints the lines.
    """
    if source.missing:
        seen = ", see missing.csv" if source.missing_files else ""
        progress.warn(translate("{n} images in the table were not found" + seen, n=source.missing))
    if rejected:
        message = "{n} images rejected, see rejected.csv; first: "
        if len(rejected) == 1:
            message = "{n} image rejected, see rejected.csv: "
        progress.warn(translate(message, n=len(rejected)) + ": ".join(rejected[0]))
    for note in method.notes:
        (progress.warn if note.code in WARNINGS else progress.say)(note)
    manifest = collapse(manifest, source.reading)
    units = translate("{n} patients" if source.grouped else "{n} groups", n=manifest["group_id"].nunique())
    split = split_text(Words(current_language()), method.facts)
    progress.say(f"{translate('{n} images', n=len(manifest))}, {units}; {split}")
    report_splits(manifest, source.findings, progress)
