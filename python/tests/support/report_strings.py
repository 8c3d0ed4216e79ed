"""The texts of the report, by key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

#: The words files of the R package.
WORDS = Path(__file__).parents[3] / "R" / "inst" / "words"


@cache
def strings(lang: str) -> dict[str, str]:
    def flat(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
        for name, value in tree.items():
            key = f"{above}{name}"
            if isinstance(value, dict):
                yield from flat(value, f"{key}.")
            else:
                yield key, value

    # The loader in Python takes half a second.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(flat(yaml.load((WORDS / f"{lang}.yml").read_text(encoding="utf-8"), loader)))


def shows(text: str, lang: str, key: str, **values: str) -> bool:
    """Return whether a text has the sentence of a key with these values; other placeholders match any text."""
    pattern = ""
    for piece in re.split(r"(\{\w+\})", strings(lang)[key]):
        gap = piece.startswith("{")
        pattern += re.escape(values.get(piece.strip("{}"), "") if gap else piece) or ".*?" * gap
    return re.search(pattern, text, re.DOTALL) is not None
