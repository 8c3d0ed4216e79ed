"""Messages in the language of the terminal.

Errors, reasons and progress are made with English texts. ``messages.es.json`` has a translation of each, with ``{0}``,
``{1}`` and so on for the values, which are found in the English text by its template.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

from placa.core.language import current_language

_VALUE = re.compile(r"\{\d+\}")
#: The space between two sentences.
_BETWEEN = re.compile(r"(?<=[.:;]) (?=\S)")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")

_Templates = list[tuple[re.Pattern[str], str]]


def translate_message(text: str) -> str:
    """Return a message in the language of the terminal.

    A value that is a message itself, such as the reason in brackets, is translated too. A text without a template, such
    as a message of the operating system, is returned as it is.
    """
    language = current_language()
    return text if language == "en" else _translate(text, _templates(language))


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
    texts: dict[str, str] = json.loads(Path(__file__).with_name(f"messages.{language}.json").read_text("utf-8"))
    ordered = sorted(texts, key=lambda text: -len(_VALUE.sub("", text)))
    return [(_pattern(text), texts[text]) for text in ordered]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("(.*?)".join(map(re.escape, _VALUE.split(text))), re.DOTALL)
