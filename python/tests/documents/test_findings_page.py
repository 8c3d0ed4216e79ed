"""The page of the vocabulary shows the vocabulary, and both languages have its names."""

import subprocess
import sys
from pathlib import Path

from conftest import ROOT

from placa.reporting.words import Words
from placa.sources.vocabulary import FINDINGS


def test_the_page_of_findings_is_up_to_date() -> None:
    checked = subprocess.run([sys.executable, str(ROOT / "tools" / "findings"), "--check"], cwd=Path(ROOT), check=False)
    assert checked.returncode == 0


def test_reports_know_each_finding_in_both_languages() -> None:
    english, spanish = Words("en"), Words("es")
    for finding in FINDINGS:
        assert english.has(f"finding.{finding.name}"), finding.name
        assert spanish.has(f"finding.{finding.name}"), finding.name
