"""Valid records for tests; the tests of R read the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from placa.records.files import RECORDS, write_record

FIXTURES = Path(__file__).parents[3] / "R" / "tests" / "testthat" / "fixtures" / "records"


def good_record(kind: str) -> dict[str, Any]:
    """A new copy of the valid record of a kind: one of `placa.records.files.RECORDS`."""
    content: dict[str, Any] = json.loads((FIXTURES / f"{kind}.json").read_text("utf-8"))
    return content


def reseal(path: Path, content: Any) -> None:
    """Write a record that a test has changed on purpose, with a new digest."""
    write_record(path, content, next(kind.type for kind in RECORDS.values() if kind.file == path.name))
