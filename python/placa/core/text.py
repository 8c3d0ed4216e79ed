"""Names as text for a terminal, a shell and R."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TypeVar

Name = TypeVar("Name", bound="str | os.PathLike[str]")

#: Control characters, marks that change the direction of text, line separators, and bytes that are no UTF-8.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: Characters that are not shown (Default_Ignorable_Code_Point of Unicode), as in the R package.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0]"
)
#: Words that need no quotation marks.
_SAFE = re.compile("[A-Za-z0-9_./:+,@%-]+")
_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def as_list(values: Name | Iterable[Name] | None) -> list[Name]:
    """Return one name or path, several or none as a list."""
    if isinstance(values, str | os.PathLike):
        return [values]
    return list(values or ())


def show_controls(text: object) -> str:
    r"""Return a text in one line, with control characters as escapes such as ``\n`` and ``\u001b``.

    The R package has the same function. A name of a file or of a finding can contain such characters, which would
    change the terminal.

    Args:
        text: A text, or an object that `str` converts, such as a path.
    """
    return _CONTROLS.sub(lambda found: _SHORT.get(found[0], f"\\u{ord(found[0]):04x}"), str(text))


def shell_word(text: str) -> str:
    r"""Return a text as one word of bash and zsh.

    The R package has the same function. A text with control characters is written with escapes, as ``$'\n'``.
    """
    if _SAFE.fullmatch(text):
        return text
    if show_controls(text) != text:
        escaped = re.sub(r"[\\']", r"\\\g<0>", text)
        return f"$'{show_controls(escaped)}'"
    return "'" + text.replace("'", "'\"'\"'") + "'"


def shell_path(path: str) -> str:
    """Return a path as one word of a shell that is no option; the shell replaces a leading ``~/``."""
    if path.startswith("~/") and len(path) > 2:
        return f"~/{shell_word(path[2:])}"
    return shell_word(f"./{path}" if path.startswith("-") else path)


def r_string(text: str) -> str:
    """Return a text as a string of R."""
    escaped = re.sub(r'[\\"]', r"\\\g<0>", text)
    return f'"{show_controls(escaped)}"'
