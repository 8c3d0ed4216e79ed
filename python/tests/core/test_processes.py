"""Modules that are started by name exist, and start in any directory."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from placa.core.processes import MODULES, command, environment, restart_without_r_libraries


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


def test_the_libraries_that_r_adds_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "ldpaths").write_text(
        f': ${{LD_LIBRARY_PATH=}}\nLD_LIBRARY_PATH="{tmp_path}/lib:/usr/lib/other:${{LD_LIBRARY_PATH}}"\n'
    )
    started: list[dict[str, str]] = []
    monkeypatch.setattr("os.execve", lambda program, arguments, environment: started.append(environment))
    monkeypatch.setenv("R_HOME", str(tmp_path))
    monkeypatch.setenv("R_ETC_DIR", "")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/mine")
    restart_without_r_libraries()
    assert not started, "R has added nothing"
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path}/lib:/usr/lib/other:/opt/mine")
    restart_without_r_libraries()
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path}/lib:/usr/lib/other")
    restart_without_r_libraries()
    assert [environment.get("LD_LIBRARY_PATH") for environment in started] == ["/opt/mine", None]
