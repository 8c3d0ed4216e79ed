"""Names of files and findings are printed as text: no markup, no escape sequence, no line break."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from record_fixtures import good_record

from placa.cli import _print_error
from placa.cli.show_audit import print_audit
from placa.cli.terminal import print_line, print_path, print_predictions
from placa.core.errors import UnknownNameError
from placa.core.progress import RichProgress
from placa.core.text import show_controls
from placa.records.audit import Audit

NAMES = ["[/b]", "[bold]x.png", ":smile:", "a\x1b[31mred", "line1\nline2", "{6 * 7}", "[link=x]y[/link]"]
SHOWN = ["[/b]", "[bold]x.png", ":smile:", r"a\u001b[31mred", r"line1\nline2", "{6 * 7}", "[link=x]y[/link]"]


@pytest.mark.parametrize(("name", "shown"), list(zip(NAMES, SHOWN, strict=True)))
def test_messages_and_bars_show_names_as_text(name: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    progress = RichProgress(2)
    progress.stage(f"stage {name}")
    progress.say(f"say {name}")
    progress.warn(f"warn {name}")
    with progress.bar(f"bar {name}", 1) as advance:
        advance(1, f"at {name}")
    with progress.byte_bars({name: 1}) as bars:
        bars[name](1, name)
    printed = capsys.readouterr().err
    for kind in ("stage", "say", "warn", "bar"):
        assert f"{kind} {shown}" in printed
    assert "\x1b" not in printed


def test_an_error_and_a_line_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert _print_error(UnknownNameError("a\x1b[31m and\nb", kind="", name="", known=[])) == 2
    assert capsys.readouterr().err == "placa: a\\u001b[31m and\\nb\n"
    print_line("a\nb")
    print_path(Path("a\nb"))
    # A program that reads the output gets the path itself.
    assert capsys.readouterr().out == "a\\nb\na\nb\n"
    assert show_controls("\u202eevil \udc80 ñ") == r"\u202eevil \udc80 ñ"


def test_predictions_are_printed_with_any_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    table = pd.DataFrame({"image_id": NAMES, "finding": NAMES[::-1], "probability": 0.5, "class": "positive"})
    print_predictions(table)
    printed = capsys.readouterr().out
    for shown in SHOWN:
        assert printed.count(shown) == 2
    assert "\x1b" not in printed and len(printed.splitlines()) == len(NAMES) + 1


def test_an_audit_is_printed_with_any_name(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = json.dumps(good_record("audit"))
    for name, shown in zip(NAMES, SHOWN, strict=True):
        audit: Audit = json.loads(text.replace('"Opacity"', json.dumps(name)))
        audit["leakage"]["exact_duplicates"].update(across_splits=1, examples=[[name, name]])
        print_audit(audit)
        printed = capsys.readouterr().out
        assert f"such as {shown} and {shown}" in printed and "\x1b" not in printed
