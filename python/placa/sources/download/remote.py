"""A file on a server, with the size and checksum that identify it."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_ARCHIVES = (".tar.gz", ".tgz", ".zip")


@dataclass(frozen=True)
class Members:
    """Describe the files of an archive that are extracted.

    Args:
        pattern: The names of the files in the archive; group 1 is the path below the folder of the archive.
        counted: The ending of the files that `RemoteFile.images` counts.
        others: Whether other files are left out; otherwise they are an error.
        largest: The largest size of a file in bytes.
    """

    pattern: str
    counted: str = ".png"
    others: bool = False
    largest: int = 16 << 20


#: The images of NIH's archives. 1024×1024 pixels of four bytes are 4.2 MB before compression; no radiograph is larger
#: after compression.
NIH_IMAGES = Members(r"(?:\./)?(images/\d{8}_\d{3}\.png)")


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
        editions: The accepted versions; the first is the original server's. Without any, the server states the size.
        images: The number of images in an archive; 0 for any other file.
        optional: Whether the data set is complete without it.
        members: The files of an archive.
        folder: The folder of the extracted archive; by default the name without its ending.
        page: A web page about the files, for messages.
    """

    name: str
    url: str
    editions: tuple[Edition, ...]
    images: int = 0
    optional: bool = False
    members: Members = NIH_IMAGES
    folder: str = ""
    page: str = "https://nihcc.app.box.com/v/ChestXray-NIHCC"

    @property
    def size(self) -> int:
        """The expected size in bytes; 0 if it is unknown."""
        return self.editions[0].size if self.editions else 0

    @property
    def sizes(self) -> set[int]:
        """All accepted sizes in bytes."""
        return {edition.size for edition in self.editions}

    @property
    def digests(self) -> set[str | None]:
        """All accepted digests."""
        return {edition.digest for edition in self.editions} or {None}

    @property
    def stem(self) -> str:
        """The folder of the extracted archive: by default the name without ``.tar.gz``."""
        ending = next((ending for ending in _ARCHIVES if self.name.endswith(ending)), "")
        return self.folder or self.name.removesuffix(ending)

    def address(self, base_url: str | None) -> str:
        """Return the address of the file on a mirror, which has each file under its name, or its own address."""
        return f"{base_url.rstrip('/')}/{self.name}" if base_url else self.url

    def matches(self, path: Path, on_block: Callable[[], None] = lambda: None) -> bool:
        """Return whether the file at `path` has the size and the digest of an edition, if any is known.

        Args:
            path: A file.
            on_block: Called every 4 MiB; it may raise to stop.
        """
        size = path.stat().st_size
        if not self.editions:
            return size > 0
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
