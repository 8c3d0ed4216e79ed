from pathlib import Path

import pytest

from placa.core.places import public_path
from placa.core.text import shell_path


def test_paths_for_records_have_no_home_and_no_user_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home" / "mgarcia"
    (home / "work" / "data").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LOGNAME", "mgarcia")
    monkeypatch.chdir(home / "work")
    assert public_path("data/x") == "data/x" and public_path(home / "work" / "data") == "data"
    assert public_path(home / "archive 1") == "~/archive 1"
    assert shell_path(public_path(home / "archive 1")) == "~/'archive 1'"
    assert public_path("/mnt/mgarcia/scans_mgarcia/x") == "/mnt/USER/scans_USER/x"
    assert public_path("../../mgarcia/x") == "../../USER/x"
    assert public_path(home) == "~" and public_path(".") == "."
