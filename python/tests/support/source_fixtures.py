"""What the tests of the sources share: NIH's layout in small, and a configuration of their own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def nih(tmp_path: Path) -> Path:
    """NIH's layout in small: a table, two image folders, one image that is not there."""
    from made_nih import write_nih

    return write_nih(tmp_path / "nih")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of its own, for tests must not make a key in the user's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"
