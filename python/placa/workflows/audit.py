"""Audit a prepared data set anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from placa.audit import audit_set
from placa.core.files import write_json
from placa.core.progress import SILENT, Progress
from placa.dataset.prepared import read_prepared


def audit_prepared(directory: Path, progress: Progress = SILENT) -> dict[str, Any]:
    """Audit a prepared data set anew, and write its ``audit.json``.

    Args:
        directory: What ``placa prepare`` wrote.
        progress: Where to show what goes on.

    Returns:
        The audit (see `placa.audit`).

    Raises:
        PlacaError: It is no prepared data set, or cannot be written.
    """
    audit = audit_set(read_prepared(directory), progress)
    write_json(directory / "audit.json", audit)
    return audit
