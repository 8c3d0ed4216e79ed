"""The datasheet of a prepared data set has its counts in and out, and the verdicts of its audit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from record_fixtures import good_record
from report_audits import make_audit

from placa.core.json_files import write_json
from placa.reporting.datasheet import write_datasheet


def _numbers(text: str, heading: str) -> list[list[str]]:
    section = text[text.index(f"## {heading}") :].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line][2:]


@pytest.mark.parametrize(
    ("file", "counts", "thousands"),
    [("datasheet.md", "Images in and out", ","), ("datasheet.es.md", "Imágenes de entrada y salida", "\u00a0")],
)
def test_the_counts_add_up(tmp_path: Path, file: str, counts: str, thousands: str) -> None:
    facts = {**good_record("source"), "rows": 5000, "missing": 4000, "unused": 750, "rejected": 10}
    audit = make_audit(("Pneumonia",))
    used = sum(side["images"] for side in audit["splits"].values())
    facts["unused"] = 5000 - 4000 - 10 - used
    write_json(tmp_path / "source.json", {**facts, "findings": ["Pneumonia"]})
    write_json(tmp_path / "audit.json", audit)
    paths = write_datasheet(tmp_path)
    assert [path.name for path in paths] == ["datasheet.md", "datasheet.es.md"]
    text = (tmp_path / file).read_text(encoding="utf-8")
    rows = [int(row[1].replace(thousands, "")) for row in _numbers(text, counts)]
    assert rows[0] == 5000 and rows[0] == sum(rows[1:]) and rows[-1] == used
    assert facts["fingerprint"] in text and not re.search(r"\{\w+\}", text)
