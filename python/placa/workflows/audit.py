"""Repeat the audit of a prepared data set."""

from __future__ import annotations

from pathlib import Path

from placa.audit import audit_set
from placa.audit.against import SetOverlap, compare_sets
from placa.core.files import atomic_file
from placa.core.progress import Progress, show
from placa.dataset.prepared import read_prepared, warn_if_changed
from placa.records.audit import Audit
from placa.records.files import write_record
from placa.reporting.datasheet import write_datasheet


def audit_prepared(directory: str | Path, progress: Progress | bool = True) -> Audit:
    """Audit a prepared data set again, and write its ``audit.json`` and its datasheet.

    Args:
        directory: A directory from ``placa prepare``.
        progress: Progress display.

    Returns:
        The audit (see `placa.audit`).

    Raises:
        PlacaError: The directory is not a prepared data set, or cannot be written.
    """
    directory, progress = Path(directory), show(progress)
    prepared = read_prepared(directory)
    warn_if_changed(directory, prepared.facts, progress)
    audit = audit_set(prepared, progress)
    audit["fingerprint"] = prepared.facts["fingerprint"]
    write_record(directory / "audit.json", audit, Audit)
    write_datasheet(directory)
    return audit


def audit_against(directory: str | Path, other: str | Path) -> tuple[SetOverlap, Path]:
    """Find the images that two prepared data sets share, and write the pairs beside the first one's audit.

    Args:
        directory: A directory from ``placa prepare``.
        other: Another.

    Returns:
        What they share; and the CSV file with the pairs, ``overlap-OTHER.csv`` in `directory`.

    Raises:
        PlacaError: A directory is not a prepared data set, or the first cannot be written.
    """
    directory, other = Path(directory), Path(other)
    overlap = compare_sets(read_prepared(directory), read_prepared(other))
    path = directory / f"overlap-{other.absolute().name}.csv"
    with atomic_file(path) as partial:
        overlap.pairs.to_csv(partial, index=False, encoding="utf-8", float_format="%.4f")
    return overlap, path
