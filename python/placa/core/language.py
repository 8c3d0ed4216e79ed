"""The language of the terminal: Spanish with ``--lang es``, ``PLACA_LANG`` or a Spanish locale, otherwise English.

Only the command line sets it. Python functions, records and logs of services are in English.

Errors, reasons and progress are made with English texts. ``messages.es.json`` has a translation of each, with ``{0}``,
``{1}`` and so on for the values, which are found in the English text by its template.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

#: Languages of the terminal, reports, tables and figures.
LANGUAGES = ("en", "es")
#: Where the language is looked up, in this order; the last three are those of POSIX.
_VARIABLES = ("PLACA_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
_DEFAULT = re.compile(r"(?:(?P<text>.*) )?\(default: (?P<value>.*)\)", re.DOTALL)

_VALUE = re.compile(r"\{\d+\}")
#: The space between two sentences.
_BETWEEN = re.compile(r"(?<=[.:;]) (?=\S)")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")

_Templates = list[tuple[re.Pattern[str], str]]

_current = "en"


def own_language() -> str:
    """Return the language of the environment: that of ``PLACA_LANG``, such as ``es_ES``, or of the locale."""
    stated = next((value for name in _VARIABLES if (value := os.environ.get(name))), "")
    language = re.split("[-_.@]", stated)[0].lower()
    return language if language in LANGUAGES else "en"


def use_language(arguments: Sequence[str]) -> None:
    """Set the language of the terminal: that of ``--lang`` among the arguments, or of the environment."""
    global _current
    words = [word for one in arguments for word in one.split("=", 1)]
    named = [after for word, after in pairwise(words) if word == "--lang" and after in LANGUAGES]
    _current = named[-1] if named else own_language()


def current_language() -> str:
    """Return the language of the terminal."""
    return _current


def translate(text: str, /, **values: Any) -> str:
    """Return a text of the terminal in its language, with the placeholders ``{name}`` replaced by the values.

    Args:
        text: The English text: a key of ``language.es.json``. A text without a translation is returned as it is.
        values: The values; integers are written with the separator of thousands of the language.
    """
    text = _in_current(text)
    # A name that is translated, such as that of a split, may have braces.
    shown = {name: number(one) if _is_integer(one) else one for name, one in values.items()}
    return text.format(**shown) if shown else text


def translate_help(text: str) -> str:
    """Return a help text, which may have placeholders of argparse and end in ``(default: …)``, in the language."""
    split = None if text in _texts(_current) else _DEFAULT.fullmatch(text)
    if split is None or _current == "en":
        return _in_current(text)
    # A single word is a value to type, but yes and no are not typed.
    value = split["value"]
    if value in ("yes", "no") or not value.isidentifier():
        value = _in_current(value)
    default = f"(por defecto: {value})"
    return f"{_in_current(split['text'])} {default}" if split["text"] else default


def number(value: float, digits: int = 0, sign: bool = False) -> str:
    """Format a number with the separators of the language, and a plus if `sign`."""
    text = f"{value:{'+' if sign else ''},.{digits}f}"
    return text.translate(str.maketrans(",.", "\u00a0,")) if _current == "es" else text


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _in_current(text: str) -> str:
    return _texts(_current).get(text, text)


@lru_cache
def _texts(language: str) -> dict[str, str]:
    if language == "en":
        return {}
    return _read_texts(f"language.{language}.json")


def translate_message(text: str) -> str:
    """Return a message in the language of the terminal.

    A value that is a message itself, such as the reason in brackets, is translated too. A text without a template, such
    as a message of the operating system, is returned as it is.
    """
    return text if _current == "en" else _translate(text, _templates(_current))


def _translate(text: str, templates: _Templates) -> str:
    """Return the translation of a text: of all of it, or of as many of its first sentences as a template has."""
    sentences = _BETWEEN.split(text)
    for end in range(len(sentences), 0, -1):
        head, rest = " ".join(sentences[:end]), " ".join(sentences[end:])
        for pattern, translation in templates:
            if found := pattern.fullmatch(head):
                shown = translation.format(*(_translate_value(one, templates) for one in found.groups()))
                return f"{shown} {_translate(rest, templates)}" if rest else shown
    rest = " ".join(sentences[1:])
    return f"{sentences[0]} {_translate(rest, templates)}" if rest else text


def _translate_value(text: str, templates: _Templates) -> str:
    if _THOUSANDS.fullmatch(text):
        return text.replace(",", "\u00a0")
    # Spaces at an end belong to an optional part, such as " (first: a.png)".
    inner = text.strip()
    return text.replace(inner, _translate(inner, templates), 1) if inner else text


@lru_cache
def _templates(language: str) -> _Templates:
    """Return the patterns and translations, that with the longest fixed text first."""
    texts = _read_texts(f"messages.{language}.json")
    ordered = sorted(texts, key=lambda text: -len(_VALUE.sub("", text)))
    return [(_pattern(text), texts[text]) for text in ordered]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("(.*?)".join(map(re.escape, _VALUE.split(text))), re.DOTALL)


def _read_texts(name: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads(Path(__file__).with_name(name).read_text("utf-8"))
    return texts
