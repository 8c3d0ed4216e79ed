"""Read and write JSON files."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from placa.core.errors import DamagedFileError
from placa.core.files import atomic_file, explain_os_error


def write_json(path: Path, content: Any) -> None:
    """Write `content` atomically as indented UTF-8 JSON."""
    with atomic_file(path) as partial:
        partial.write_text(json_text(content), "utf-8")


def json_text(content: Any) -> str:
    """Return `content` as indented JSON."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


class DuplicateKeyError(ValueError):
    """A key occurs twice in a JSON object; readers differ in which value they use."""


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the content of a JSON object, as the ``object_pairs_hook`` of `json.loads`.

    Raises:
        DuplicateKeyError: A key occurs twice.
    """
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise DuplicateKeyError(f"the key {twice!r} occurs twice")
    return content


def parse_json(text: str | bytes, **how: Any) -> Any:
    """Return the content of a JSON text of others.

    Args:
        text: The text.
        how: Other arguments of `json.loads`.

    Raises:
        ValueError: The text is not JSON, or its lists are nested too deeply for `json.loads`.
    """
    try:
        return json.loads(text, **how)
    except RecursionError as error:
        raise ValueError("its lists are nested too deeply") from error


def read_json(path: Path, remedy: str = "Create the file again.") -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        remedy: What to do if it is not JSON, a sentence.

    Raises:
        PathNotFoundError: The file does not exist.
        DamagedFileError: The file is not JSON.
    """
    try:
        return parse_json(path.read_text("utf-8-sig"))
    except OSError as error:
        raise explain_os_error(error, path) from error
    except ValueError as error:
        message = f"{path} is not valid JSON ({error}). {remedy}"
        raise DamagedFileError(message, path=str(path), reason=str(error)) from error
