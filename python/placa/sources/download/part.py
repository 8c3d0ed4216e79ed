"""A partly downloaded file: ``NAME.part``, and beside it a JSON file with its origin."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from placa.core.json_files import parse_json


class Part:
    """Manage the bytes received so far, and the server's validator of that version of the file.

    Args:
        target: The path of the complete file.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.with_name(f"{target.name}.part")
        self._origin = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        """The number of bytes received."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def validator(self, url: str) -> str | None:
        """Return the ETag or date of the part if it is from `url`; None if it is unknown."""
        try:
            origin = parse_json(self._origin.read_text("utf-8"))
            return str(origin["validator"]) if origin["url"] == url and origin["validator"] else None
        except (OSError, ValueError, TypeError, KeyError):
            # Without the origin, the checksum still detects that old and new bytes do not match.
            return None

    def save_origin(self, url: str, validator: str | None) -> None:
        """Save the origin of the bytes."""
        self._origin.write_text(json.dumps({"url": url, "validator": validator}) + "\n", "utf-8")

    @contextmanager
    def open_at(self, start: int) -> Iterator[BinaryIO]:
        """Open the part for writing at byte `start`; later bytes are removed."""
        # A kill loses what is in the buffer, which has 128 KiB by default on Python 3.14.
        with self.path.open("r+b" if self.path.is_file() else "w+b", buffering=2**13) as file:
            file.truncate(start)
            file.seek(start)
            yield file

    def delete(self) -> None:
        """Delete the part and its origin."""
        self.path.unlink(missing_ok=True)
        self._origin.unlink(missing_ok=True)

    def finish(self) -> None:
        """Rename the complete, verified part to its target."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self.path.replace(self._target)
        self._origin.unlink(missing_ok=True)
