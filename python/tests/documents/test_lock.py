"""The lock files list all packages, with the same versions, and no host names."""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# Part of R, replaced by nanoparquet (see tools/restore-renv), or metafor, without which results are the same.
LEFT_OUT = {"R", "arrow", "grDevices", "graphics", "grid", "metafor", "methods", "parallel", "stats", "tools", "utils"}


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


def _pinned(name: str) -> dict[str, set[str]]:
    """Return the pinned versions of each package, without the conditions."""
    versions: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        package, version = line.split(" ;")[0].strip().split("==")
        versions.setdefault(package, set()).add(version)
    return versions


def test_both_lock_files_of_python_pin_the_same_versions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    setup, dev = _pinned("requirements.lock"), _pinned("requirements-dev.lock")
    assert all(versions <= dev[package] for package, versions in setup.items())

    def names(requirements: list[str]) -> set[str]:
        found = {re.split(r"[^\w.-]", one)[0].lower() for one in requirements}
        return found - {"placa"}

    extras = project["optional-dependencies"]
    assert names([*project["dependencies"], *extras["r"], *extras["setup"]]) <= set(setup)
    assert names(extras["dev"]) <= set(dev)
    assert not {"ruff", "mypy", "pytest-xdist", "simpleitk", "distributed"} & set(setup)
