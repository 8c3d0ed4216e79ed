"""Messages in Spanish: each text of an error, of a rejected image and of a line of progress is translated."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import placa
from placa.cli import main
from placa.core import language
from placa.core.language import translate_message

PACKAGE = Path(placa.__file__).parent
SPANISH: dict[str, str] = json.loads((PACKAGE / "core" / "messages.es.json").read_text("utf-8"))
#: Fixed texts of the terminal, such as the titles of stages.
FIXED = set(json.loads((PACKAGE / "core" / "language.es.json").read_text("utf-8")))
#: Functions that make an error of their arguments.
_MAKERS = {"unknown_name", "require_known", "unfit", "_damaged"}
#: Calls whose first argument is a line of progress, a remark, or the reason why an image or a transfer is refused.
_LINES = {"say", "warn", "stage", "Note", "ImageRejected", "refuse_format"}
_LINES |= {"_RefusedArchiveError", "RetryError", "RestartError", "UnreliableRangeError"}
#: The beginning of a reason, which tables and dictionaries have too.
_REASON = re.compile(r"its? ")
#: Parts of messages without words, names of columns, and texts of the parser of arguments, which translates its own.
_OTHERS = {"{0} have", "{0} in {1} has", "Patient Gender", "STOIC label", "--views {0}", "{0} of {1} received"}
_OTHERS |= {"--split seeded", "--split-column none", "a {0}", "an {0}", "of {0} bits", "its split"}
_TRANSLATED_ELSEWHERE = "arguments.py"
_VALUES = re.compile(r"\{\d+\}")


@cache
def _modules() -> dict[Path, ast.Module]:
    return {file: ast.parse(file.read_text("utf-8")) for file in sorted(PACKAGE.rglob("*.py"))}


def _error_names() -> set[str]:
    bases = {
        node.name: {ast.unparse(base).split(".")[-1] for base in node.bases}
        for module in _modules().values()
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
    }
    names = {"PlacaError"}
    while found := {name for name, own in bases.items() if own & names} - names:
        names |= found
    return names


def _texts(node: ast.AST | None, assigned: dict[str, list[ast.expr]]) -> Iterator[str]:
    """Yield the templates of the texts that an expression can have, with those of the names in it."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            numbers = iter(range(len(parts)))
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else f"{{{next(numbers)}}}" for part in parts
            )
            for part in parts:
                if isinstance(part, ast.FormattedValue):
                    yield from _texts(part.value, assigned)
        case ast.Name(id=name):
            for value in assigned.pop(name, []):
                yield from _texts(value, assigned)
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            yield from _texts(one, assigned)
            yield from _texts(other, assigned)
        case ast.BoolOp(values=values):
            for value in values:
                yield from _texts(value, assigned)
        case ast.Call(func=ast.Attribute(value=value)):
            yield from _texts(value, assigned)


def _assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.NamedExpr) and node.value:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple):
                    values = [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
                    pairs = [
                        pair
                        for value in values
                        if isinstance(value, ast.Tuple)
                        for pair in zip(target.elts, value.elts, strict=False)
                    ]
                for name, value in pairs:
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, []).append(value)
    return found


def _messages() -> Iterator[str]:
    names = _error_names() | _MAKERS | _LINES
    for file, module in _modules().items():
        if file.name == _TRANSLATED_ELSEWHERE:
            continue
        of_module = _assigned(ast.Module([one for one in module.body if isinstance(one, ast.Assign)], []))
        for function in ast.walk(module):
            if not isinstance(function, ast.FunctionDef):
                continue
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
            makers = [(call, name) for call in calls if (name := _name(call.func)) in names]
            assigned = of_module | _assigned(function) if makers else {}
            for call, name in makers:
                for argument in call.args if name in _MAKERS else call.args[:1]:
                    yield from _texts(argument, dict(assigned))


def _reasons() -> Iterator[str]:
    for module in _modules().values():
        parts = {id(part) for node in ast.walk(module) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(module):
            if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in parts:
                yield from (text for text in _texts(node, {}) if _REASON.match(text))


def _name(function: ast.expr) -> str:
    return getattr(function, "id", getattr(function, "attr", ""))


def test_each_message_is_translated() -> None:
    texts = {
        text.strip()
        for text in (*_messages(), *_reasons())
        if re.search(r"\S \S", text) and re.search("[a-z]", _VALUES.sub("", text))
    }
    assert len(texts) > 800
    assert {text for text in texts if text not in SPANISH and text not in _OTHERS | FIXED} == set()


def test_translations_have_the_same_values() -> None:
    for english, spanish in SPANISH.items():
        found = [set(re.findall(r"\{\d+\}", text)) for text in (english, spanish)]
        assert found[0] == found[1], english


def test_no_shorter_text_is_found_in_a_message() -> None:
    templates = language._templates("es")
    for english, spanish in SPANISH.items():
        values = [f"§{number}" for number in range(len(set(_VALUES.findall(english))))]
        assert language._translate(english.format(*values), templates) == spanish.format(*values)


def test_values_and_reasons_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_current", "es")
    for english, values in (
        ("None of the 1,234 rows of t.csv can be used (first: a.png: it is empty). Correct the table.", "1\u00a0234"),
        ("`epochs` must be an integer ≥ 1, got 0.", "`epochs` debe ser un entero ≥ 1; se recibió 0."),
        ("The run a. b is incomplete: it has no model.keras. Train it again.", "a. b"),
        (
            "a/b.tif was rejected: it is a TIFF with a depth, which is not read: save it as PNG or uncompressed",
            "a/b.tif",
        ),
        ("column 'x' was read as positive: 'Mass' (20); negative: 'No' (3); empty: 4", "'Mass' (20)"),
        ("12 files of modality CT (--modalities) are not used", "12"),
        ("Unknown class folder 'X'. Use one of: A, B.", "(carpeta de clase): 'X'. "),
        ("Unknown training option (in c.toml) 'x'. Use one of: a.", "(opción de entrenamiento (en c.toml)): 'x'. "),
    ):
        spanish = translate_message(english)
        assert values in spanish and not re.search(r"\b(is|the|must|has|it)\b", spanish)
    # A message of another program is unchanged.
    assert translate_message("Segmentation fault in libfoo: see its log. Try it.") == (
        "Segmentation fault in libfoo: see its log. Try it."
    )


def test_errors_of_the_terminal_are_in_spanish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLACA_LANG", "es")
    for words in (
        ["prepare", "nih", str(tmp_path), "--positive", "Pneumonai", "--out", str(tmp_path / "out")],
        ["evaluate", str(tmp_path / "absent")],
        ["report", str(tmp_path)],
        ["runs", str(tmp_path / "absent")],
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            assert main(words) == 2, words
        message = capsys.readouterr().err.splitlines()[-1]
        assert message.startswith("placa: ") and not re.search(r"\b(is|the|not|must|has|it|or)\b", message), message
