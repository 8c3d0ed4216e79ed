"""The terminal in Spanish: help, usage errors, results."""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import placa
from placa.cli import main, parser
from placa.core import language
from placa.core.arguments import LateParser
from placa.workflows.evaluate import headline

PACKAGE = Path(placa.__file__).parent
SPANISH: dict[str, str] = json.loads((PACKAGE / "core" / "language.es.json").read_text("utf-8"))
#: Titles of data sets, lists of values, and descriptions that are put together from translated parts.
_UNCHANGED = re.compile(r".*\b(19|20)\d\d\)|[\w., /%()-]*\d|.*, Figure 1, .*|.*\. Layout: .*", re.DOTALL)


def _texts(one: argparse.ArgumentParser) -> Iterator[str]:
    if isinstance(one, LateParser):
        one.add_missing()
    yield from (text for text in (one.description, one.epilog) if text)
    for group in one._action_groups:
        yield from (text for text in (group.title, group.description) if text)
    for action in one._actions:
        if action.help and action.help != argparse.SUPPRESS:
            yield action.help
        if isinstance(action, argparse._SubParsersAction):
            yield from (choice.help for choice in action._choices_actions if choice.help)
            for command in action.choices.values():
                yield from _texts(command)


def test_every_help_text_is_translated() -> None:
    missing, used = set(), set()
    for text in _texts(parser()):
        split = None if text in SPANISH else re.fullmatch(r"(?:(.*) )?\(default: (.*)\)", text, re.DOTALL)
        parts = [part for part in split.groups() if part] if split else [text]
        used.update(parts)
        missing.update(one for one in parts if one not in SPANISH and not _UNCHANGED.fullmatch(one) and " " in one)
    assert not missing
    code = "\n".join(file.read_text("utf-8") for file in PACKAGE.rglob("*.py"))
    code = re.sub(r'"\n\s*f?"', "", code).replace('\\"', '"')
    argparse_code = Path(argparse.__file__).read_text("utf-8")
    of_code = [key for key in SPANISH if key not in used]
    unused = [key for key in of_code if key.replace("\n", "\\n") not in code and key not in argparse_code]
    assert set(unused) == {"{n} images in the table were not found, see missing.csv"}


def test_translations_have_the_same_placeholders() -> None:
    for english, spanish in SPANISH.items():
        found = [sorted(re.findall(r"\{\w+\}|%\(\w+\)\w|%s", text)) for text in (english, spanish)]
        assert found[0] == found[1], english


@pytest.mark.parametrize(
    ("variables", "options", "expected"),
    [
        ({}, [], "options:"),
        ({"LANG": "es_ES.UTF-8"}, [], "opciones:"),
        ({"LANG": "es_ES.UTF-8", "LC_ALL": "C"}, [], "options:"),
        ({"LANG": "de_DE.UTF-8", "PLACA_LANG": "es"}, [], "opciones:"),
        ({"PLACA_LANG": "es_MX"}, ["--lang", "en"], "options:"),
        ({}, ["--lang=es"], "opciones:"),
    ],
)
def test_the_language_is_that_of_the_option_or_the_environment(
    variables: dict[str, str],
    options: list[str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("PLACA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main(["report", *options, "--help"])
    assert expected in capsys.readouterr().out.splitlines()


def test_usage_errors_are_in_spanish(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PLACA_LANG", "es")
    for words, expected in (
        (["evaluate", "x", "--splt"], "--split"),
        (["prepare", "phantom", "--out", "x", "--seed", "a"], "entero"),
        (["train", "x"], "--out"),
        (["trian"], "train"),
        (["runs", "--lang", "es", "x", "y"], "y"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        message = capsys.readouterr().err.splitlines()[-1]
        assert stopped.value.code == 2 and expected in message
        assert not re.search(r"\b(unrecognized|required|Unknown|argument )\b", message)


def test_the_result_has_the_numbers_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"auroc": 0.9159, "auroc_lower": 0.825, "auroc_upper": 0.96, "method": "score"}
    one |= {"n_images": 1020, "n_patients": 73, "n_positive": 53}
    summary: Any = {"headline": {"Pneumonia": one}, "split": "test", "patients_known": True}
    english = headline(summary)[0]
    assert language.translate("{a split}") == "{a split}"
    monkeypatch.setattr(language, "_current", "es")
    spanish = headline(summary)[0]
    assert re.findall(r"\d+(?:[.,]\d+)*", english) == ["0.916", "0.825", "0.960", "1,020", "73", "53"]
    assert re.findall(r"\d+(?:[,\u00a0]\d+)*", spanish) == ["0,916", "0,825", "0,960", "1\u00a0020", "73", "53"]
