"""The wheel is complete: installed alone, it renders the report of the demo in an empty directory."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this checkout."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)], cwd=ROOT, check=True)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_contains_all_modules_reports_and_the_r_source(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    for folder, place, kinds in (
        (ROOT / "python" / "placa", "placa", ("*.py",)),
        (ROOT / "reports", "placa/share/reports", ("*",)),
        *((ROOT / "R" / name, f"placa/share/R/{name}", ("*",)) for name in ("R", "inst", "man")),
        (ROOT / "R" / "src", "placa/share/R/src", ("*.c", "*.h")),
    ):
        files = [
            file for kind in kinds for file in folder.rglob(kind) if file.is_file() and not file.name.startswith(".")
        ]
        assert files and {f"{place}/{file.relative_to(folder)}" for file in files} <= held
    assert {"placa/share/R/DESCRIPTION", "placa/share/R/NAMESPACE"} <= held
    assert "placa/py.typed" in held
    assert not [name for name in held if "/tests/" in name or "/test_" in name or name.endswith((".o", ".so", ".pyc"))]


def test_the_source_distribution_can_be_set_up_and_tested(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    # What make setup and make test read, besides the two packages.
    for pattern in (
        "python/tests/**/*.py",
        "R/tests/**/*.R",
        "tools/*",
        "examples/**/*",
        "docs/**/*.md",
        "*.md",
        "*.lock",
    ):
        files = {str(file.relative_to(ROOT)) for file in ROOT.glob(pattern) if file.is_file()}
        assert files and {name for name in files if not name.endswith(".pyc")} <= held
    assert {"Makefile", "pyproject.toml", "_quarto.yml"} <= held


@pytest.mark.slow
def test_an_installed_wheel_renders_the_report_in_an_empty_directory(wheel: Path, r: str, tmp_path: Path) -> None:
    alone, empty, library = (tmp_path / name for name in ("alone", "empty", "library"))
    for folder in (empty, library):
        folder.mkdir()
    zipfile.ZipFile(wheel).extractall(alone)
    environment = {**os.environ, "PYTHONPATH": str(alone), "R_LIBS": str(library)}

    def placa(*arguments: str) -> str:
        command = [sys.executable, "-m", "placa", *arguments]
        return subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, check=True).stdout

    assert Path(placa("install-r").strip()) == library and (library / "placa" / "DESCRIPTION").is_file()
    placa("demo", "--images", "120", "--epochs", "2")
    assert (empty / "runs" / "demo" / "report" / "evaluation.html").stat().st_size > 100_000
    code = "import placa; print(placa.__file__)"
    found = subprocess.run([sys.executable, "-c", code], cwd=empty, env=environment, capture_output=True, text=True)
    assert Path(found.stdout.strip()).is_relative_to(alone), "the installed wheel was used"
