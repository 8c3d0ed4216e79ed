"""Paths as records and pages name them: without the home directory and the name of the user."""

from __future__ import annotations

import getpass
import os
from contextlib import suppress
from pathlib import Path

#: The word that replaces the name of the user.
_USER = "USER"


def public_path(path: str | os.PathLike[str]) -> str:
    """Return a path for records that leave this machine.

    The R package has the same function.

    Args:
        path: A path, as the user typed it.

    Returns:
        The path relative to the working directory if it is inside it; otherwise below ``~`` if it is inside the home
        directory. ``USER`` replaces the name of the user in every part.
    """
    text = os.path.normpath(os.fspath(path))
    if os.path.isabs(text):
        for base, prefix in ((os.getcwd(), ""), (str(Path.home()), "~/")):
            inside = os.path.relpath(text, base)
            if base != os.sep and inside.split(os.sep)[0] != os.pardir:
                text = f"{prefix}{inside}" if inside != os.curdir else prefix.rstrip("/") or os.curdir
                break
    names = user_names()
    return os.sep.join(_without(part, names) for part in text.split(os.sep))


def public_option(text: str) -> str:
    """Return an option that may be a name or a path: a name unchanged, a path as `public_path` returns it.

    The path of a foundation model follows ``hf:``.
    """
    path = text.removeprefix("hf:")
    return text.removesuffix(path) + public_path(path) if os.sep in path else text


def user_names() -> set[str]:
    """Return the names of the user: that of the login, and that of the home directory."""
    found = {Path.home().name}
    # A container may run under a number without a name.
    with suppress(KeyError, OSError):
        found.add(getpass.getuser())
    return found - {"", "root"}


def _without(part: str, names: set[str]) -> str:
    for name in names:
        if part == name:
            return _USER
        # A short name is also a part of many words.
        if len(name) > 3 and name in part:
            part = part.replace(name, _USER)
    return part
