"""The process that R starts answers calls by files, and its answers are JSON that R reads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from placa.core.processes import environment
from placa.workflows import r_calls, r_worker


def ask(path: Path, function: str, *arguments: object) -> dict:
    """Return the answer to a call."""
    path.write_text(json.dumps({"function": function, "arguments": arguments}))
    done = subprocess.run(
        [sys.executable, "-m", r_worker.__name__],
        input=f"{path}\n",
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "answered\n", done.stderr
    return json.loads(path.read_text())


def test_a_call_is_answered_by_its_file_and_an_error_by_its_class(tmp_path: Path) -> None:
    error = ask(tmp_path / "é call.json", "find_as_lists", str(tmp_path / "no run"), [str(tmp_path)])
    assert error["error"].startswith("placa.records.errors.") and "no run" in error["message"]


def test_numbers_beyond_json_keep_their_value_in_r(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(r_calls, "made", lambda x: {"numbers": [x, float("nan"), float("-inf")], "text": "NaN"}, False)
    reply = r_worker.answer({"function": "made", "arguments": [0.1]})
    assert json.loads(r_worker._as_json(reply), parse_constant=pytest.fail) == {
        "value": {"numbers": [0.1, "NaN", "-Inf"], "text": "NaN"}
    }


def test_r_starts_this_module() -> None:
    assert f'"{r_worker.__name__}"' in (ROOT / "R" / "R" / "python.R").read_text()
