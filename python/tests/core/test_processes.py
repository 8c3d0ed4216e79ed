"""Modules that are started by name exist, and start in any directory."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from placa.core.processes import MODULES, command, environment


@pytest.mark.parametrize("name", MODULES)
def test_every_module_started_by_name_can_be_imported(name):
    assert import_module(MODULES[name]).__name__ == MODULES[name]


def test_a_started_module_is_found_in_any_working_directory(tmp_path: Path):
    (tmp_path / "placa.py").write_text("raise SystemExit(3)")
    found = subprocess.run(
        [sys.executable, "-P", "-c", "import placa; print(placa.__file__)"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert Path(found.strip()).parent.name == "placa"
    assert command("dicom")[:3] == [sys.executable, "-P", "-m"]
