"""The part of a file that has come so far: ``NAME.part``, and beside it a note of where it came from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class Part:
    """The bytes fetched so far, from the first on, and what the server called that version of the file.

    Args:
        target: The file that this becomes when it is whole.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def validator(self, url: str) -> str | None:
        """The ETag or date under which `url` handed this out; None where it came from elsewhere, or had none."""
        try:
            note = json.loads(self._note.read_text("utf-8"))
            return str(note["validator"]) if note["url"] == url and note["validator"] else None
        except (OSError, ValueError, TypeError, KeyError):
            # Without the note the checksum still tells whether old and new bytes belong together.
            return None

    def remember(self, url: str, validator: str | None) -> None:
        """Note where the bytes come from."""
        self._note.write_text(json.dumps({"url": url, "validator": validator}) + "\n", "utf-8")

    @contextmanager
    def open_at(self, start: int) -> Iterator[BinaryIO]:
        """Open for writing from byte `start` on; what lay behind it is cut off."""
        with self.path.open("r+b" if self.path.is_file() else "w+b") as file:
            file.truncate(start)
            file.seek(start)
            yield file

    def drop(self) -> None:
        """Forget all of it."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give it its own name, which only a whole and verified file may have."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self.path.replace(self._target)
        self._note.unlink(missing_ok=True)
