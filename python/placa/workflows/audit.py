"""Repeat the audit of a prepared data set."""

from __future__ import annotations

from pathlib import Path

from placa.audit import audit_set
from placa.core.progress import Progress, show
from placa.dataset.prepared import read_prepared
from placa.records.audit import Audit
from placa.records.files import write_record


def audit_prepared(directory: str | Path, progress: Progress | bool = True) -> Audit:
    """Audit a prepared data set again, and write its ``audit.json``.

    Args:
        directory: A directory from ``placa prepare``.
        progress: Progress display.

    Returns:
        The audit (see `placa.audit`).

    Raises:
        PlacaError: The directory is not a prepared data set, or cannot be written.
    """
    directory, progress = Path(directory), show(progress)
    audit = audit_set(read_prepared(directory), progress)
    write_record(directory / "audit.json", audit, Audit)
    return audit
