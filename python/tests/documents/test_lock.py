"""renv.lock lists all packages of the R package and the reports, and no host names."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# Part of R, or replaced by nanoparquet (see tools/restore-renv).
LEFT_OUT = {"R", "arrow", "grDevices", "graphics", "grid", "methods", "stats", "tools", "utils"}


def test_the_lock_file_lists_the_installed_packages() -> None:
    text = (ROOT / "renv.lock").read_text()
    packages = json.loads(text)["Packages"]
    description = (ROOT / "R" / "DESCRIPTION").read_text()
    fields = re.findall(r"^(?:Depends|Imports|Suggests|VignetteBuilder):((?:.|\n )*)", description, re.MULTILINE)
    used = {name for field in fields for name in re.findall(r"([A-Za-z][\w.]*)\s*(?:\([^)]*\))?\s*(?:,|$)", field)}
    for script in (*(ROOT / "R" / "R").glob("report-*.R"), *(ROOT / "reports").glob("*.qmd")):
        used |= set(re.findall(r"\b([A-Za-z][\w.]*)::[A-Za-z]", script.read_text()))
    assert {"cli", "ggplot2", "pROC", "rms", "yardstick", "rmarkdown"} <= used
    assert used - {"placa"} - LEFT_OUT - set(packages) == set()
    assert "http" not in text and json.loads(text)["R"]["Repositories"] == []
    for name, entry in packages.items():
        assert entry["Package"] == name and re.fullmatch(r"\d+([.-]\d+)+", entry["Version"]), name
        assert (entry["Source"], entry["Repository"]) == ("Repository", "CRAN"), name
