"""Fixtures of the source tests: a small data set in the layout of NIH, and a separate configuration."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def nih(tmp_path: Path) -> Path:
    """Write a small data set in the layout of NIH: a table, two image folders, one missing image."""
    from made_nih import write_nih

    return write_nih(tmp_path / "nih")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a separate configuration directory, so that tests create no key in that of the user."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture(scope="session")
def foreign_types() -> dict[str, Path]:
    """Return the fixture of R's tests: one table of predictions in the column types of other programs, by name."""
    folder = Path(__file__).parents[3] / "R" / "tests" / "testthat" / "fixtures" / "foreign-types"
    return {path.stem: path for path in sorted(folder.glob("*.parquet"))}
