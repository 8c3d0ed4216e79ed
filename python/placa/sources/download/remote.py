"""A file that lies elsewhere, and how to know that it came whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_ARCHIVE = ".tar.gz"


@dataclass(frozen=True)
class Edition:
    """One form in which a file is handed out.

    Args:
        size: Bytes.
        digest: ``"md5:…"`` or ``"sha256:…"`` in hexadecimal; None where none is published, and the size alone tells.
    """

    size: int
    digest: str | None


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch.

    Args:
        name: What it is called here, and on a mirror.
        url: Where its makers have it.
        editions: What may come; the first is what its makers hand out.
        images: How many images it holds, for an archive; 0 for any other file.
        optional: Whether a data set is whole without it.
    """

    name: str
    url: str
    editions: tuple[Edition, ...]
    images: int = 0
    optional: bool = False

    @property
    def size(self) -> int:
        """Bytes to expect."""
        return self.editions[0].size

    @property
    def sizes(self) -> set[int]:
        """Every size, in bytes, that the whole file may have."""
        return {edition.size for edition in self.editions}

    @property
    def digests(self) -> set[str | None]:
        """Every digest that the whole file may have."""
        return {edition.digest for edition in self.editions}

    @property
    def stem(self) -> str:
        """The name without ``.tar.gz``: the folder that an archive is extracted to."""
        return self.name.removesuffix(_ARCHIVE)

    def matches(self, path: Path, on_block: Callable[[], None] = lambda: None) -> bool:
        """Whether the file at `path` has the size and the digest of an edition.

        Args:
            path: A file.
            on_block: Called every few megabytes; it may raise to stop.
        """
        size = path.stat().st_size
        wanted = [edition.digest for edition in self.editions if edition.size == size]
        if not wanted or None in wanted:
            return bool(wanted)
        kinds = {str(digest).partition(":")[0] for digest in wanted}
        found = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                on_block()
                for digest in found.values():
                    digest.update(block)
        return any(f"{kind}:{digest.hexdigest()}" in wanted for kind, digest in found.items())


class Stopped(Exception):
    """Whoever asked for the work wants it to end; what is half done is kept or cleared away."""


def human_size(size: float) -> str:
    """Write a number of bytes as people do, in powers of ten: ``"4.2 GB"``."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
