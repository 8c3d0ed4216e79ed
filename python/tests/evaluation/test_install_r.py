"""Errors of installing the R package. R is a shell script here."""

from __future__ import annotations

from pathlib import Path

import pytest
from raising import raises

from placa.evaluation import bridge, install_r
from placa.evaluation.errors import MissingSourceError, RInstallError, RNotFoundError, RStartError
from placa.evaluation.install_r import install_r_package


@pytest.fixture
def fake_r(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a command R that prints a library; the script defines what installation does."""
    script = tmp_path / "R"
    script.touch(mode=0o755)
    for module in (install_r, bridge):
        monkeypatch.setattr(module, "find_r", lambda: str(script))
    return script


#: What R prints after the user's profile, and its library.
LIBRARY = f"printf '\\n{bridge._START}\\n/some/library\\n'"


def test_the_package_is_installed_in_the_first_library(fake_r: Path) -> None:
    fake_r.write_text(f'#!/bin/sh\n[ "$1" = CMD ] || {LIBRARY}\n')
    assert install_r_package() == Path("/some/library")


def test_the_lock_of_an_interrupted_installation_is_removed(fake_r: Path, tmp_path: Path) -> None:
    lock = tmp_path / "library" / "00LOCK-placa"
    (lock / "placa").mkdir(parents=True)
    library = LIBRARY.replace("/some/library", str(lock.parent))
    # R refuses to install while there is a lock.
    fake_r.write_text(f'#!/bin/sh\n[ "$1" = CMD ] || {{ {library}; exit; }}\n[ ! -e "{lock}" ]\n')
    assert install_r_package() == lock.parent


def test_installation_without_r_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_r, "find_r", lambda: None)
    with raises(RNotFoundError, needed_by="install-r"):
        install_r_package()


def test_a_missing_r_source_is_an_error(fake_r: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_r, "find_shared", lambda name: None)
    with raises(MissingSourceError, part="R"):
        install_r_package()


def test_an_r_that_does_not_start_is_an_error(fake_r: Path) -> None:
    fake_r.write_text("#!/bin/sh\necho libR.so is missing >&2\nexit 127\n")
    with raises(RStartError, command=str(fake_r), reason="libR.so is missing"):
        install_r_package()


def test_a_failed_installation_reports_its_first_error(fake_r: Path) -> None:
    error = "ERROR: dependency 'cli' is not available for package 'placa'"
    fake_r.write_text(
        f'#!/bin/sh\n[ "$1" = CMD ] || {{ {LIBRARY}; exit; }}\necho "{error}" >&2\n'
        "echo '* removing /some/library/placa' >&2\nexit 1\n"
    )
    with raises(RInstallError, library="/some/library", reason=error.removeprefix("ERROR: ")):
        install_r_package()
