"""A file on a server, with the size and checksum that identify it."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_ARCHIVE = ".tar.gz"


@dataclass(frozen=True)
class Edition:
    """Describe one published version of a file.

    Args:
        size: Its size in bytes.
        digest: ``"md5:…"`` or ``"sha256:…"`` in hexadecimal; None if none is published and only the size is checked.
    """

    size: int
    digest: str | None


@dataclass(frozen=True)
class RemoteFile:
    """Describe a file to download.

    Args:
        name: The local file name, also used on a mirror.
        url: The original address.
        editions: The accepted versions; the first is the original server's.
        images: The number of images in an archive; 0 for any other file.
        optional: Whether the data set is complete without it.
    """

    name: str
    url: str
    editions: tuple[Edition, ...]
    images: int = 0
    optional: bool = False

    @property
    def size(self) -> int:
        """The expected size in bytes."""
        return self.editions[0].size

    @property
    def sizes(self) -> set[int]:
        """All accepted sizes in bytes."""
        return {edition.size for edition in self.editions}

    @property
    def digests(self) -> set[str | None]:
        """All accepted digests."""
        return {edition.digest for edition in self.editions}

    @property
    def stem(self) -> str:
        """The name without ``.tar.gz``: the folder of the extracted archive."""
        return self.name.removesuffix(_ARCHIVE)

    def matches(self, path: Path, on_block: Callable[[], None] = lambda: None) -> bool:
        """Return whether the file at `path` has the size and the digest of an edition.

        Args:
            path: A file.
            on_block: Called every 4 MiB; it may raise to stop.
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


def public_url(url: str) -> str:
    """Return an address without a user and password: ``https://host/nih`` for ``https://user:secret@host/nih``."""
    return re.sub(r"^([^/]*//)?[^/?#]*@", lambda found: found[1] or "", url)


class Stopped(Exception):
    """The caller stopped the download."""


def check_stop(stop: threading.Event) -> None:
    """Raise `Stopped` if the caller stopped the download."""
    if stop.is_set():
        raise Stopped
