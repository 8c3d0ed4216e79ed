"""Runs whose files a test changes on purpose."""

from __future__ import annotations

import json
from pathlib import Path

from record_fixtures import reseal

from placa.core.files import fingerprint


def stamp(run: Path) -> Path:
    """Write the fingerprints of a run's files to its ``run.json`` again, after a test has changed them."""
    facts = json.loads((run / "run.json").read_text("utf-8"))
    facts["files"] = {name: fingerprint(run / name) for name in facts.get("files", {})}
    reseal(run / "run.json", facts)
    return run
