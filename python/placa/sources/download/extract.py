"""Extract an archive of radiographs that nobody has to trust: names, kinds, numbers and sizes are all checked.

The archive's checksum says that it is the one expected. This holds where that is no comfort: for a mirror with a list
of its own, or a checksum that can be forged, as MD5 can.
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import tarfile
import threading
import zlib
from pathlib import Path
from typing import BinaryIO

from placa.core.files import whole_directory, write_json
from placa.core.progress import Advance
from placa.sources.download.errors import DamagedArchiveError, UnsafeArchiveError
from placa.sources.download.remote import RemoteFile, Stopped, human_size

#: What an image is called in the archives, as on disk.
_IMAGE = re.compile(r"(?:\./)?images/(\d{8}_\d{3}\.png)")
_FOLDERS = {".", "images", "./images"}
#: What a desktop leaves in a folder. It is passed over.
_DEBRIS = re.compile(r"(?:\./)?images/\.[^/]+")
#: 1024×1024 pixels of four bytes are 4.2 MB before compression, and no radiograph compresses to more than it was.
LARGEST_IMAGE = 16 << 20
#: Bytes that headers between two members may take, and an archive may unpack to beyond twice its own size. PNGs are
#: compressed already, so that an archive of them unpacks to about what it is.
_SLACK = 1 << 20
#: What an extracted folder keeps to know itself by.
MARKER = ".placa.json"


class _Rationed(io.RawIOBase):
    """A stream that gives no more than it was allowed, so that a few kilobytes cannot unpack to a full disk or memory.

    tarfile reads long names and extended headers into memory whole, before anyone sees the member; the ration ends
    that too.
    """

    def __init__(self, stream: gzip.GzipFile, total: int) -> None:
        self._stream = stream
        self._left = total
        self._ration = 0

    def allow(self, count: int) -> None:
        self._ration = count

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(min(size, _SLACK) if size >= 0 else _SLACK)
        self._ration -= len(block)
        self._left -= len(block)
        if min(self._ration, self._left) < 0:
            raise _HostileError("it unpacks to far more than its images can be", "size")
        return block


class _HostileError(Exception):
    """Why an archive is refused.

    Args:
        reason: In words.
        problem: The same as a code.
        member: The member of the archive, where it is one.
        received: The number of images or bytes found.
    """

    def __init__(self, reason: str, problem: str, member: str | None = None, received: int | None = None) -> None:
        super().__init__(reason)
        self.values = {"problem": problem, "member": member, "received": received}


def extract(
    archive: Path,
    folder: Path,
    file: RemoteFile,
    advance: Advance | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Extract an archive of images to ``FOLDER/images/``, all of it or nothing.

    Args:
        archive: A gzipped tar archive whose members are ``images/00000001_000.png`` and so on.
        folder: The directory to make. One that is there and not empty is replaced only if it has placa's marker.
        file: What the archive should be: ``images`` is how many it holds.
        advance: Told how many of the archive's bytes are done.
        stop: Set it to end the work early.

    Raises:
        PlacaError: The archive is damaged, holds something other than the images expected, or the disk is full.
        Stopped: `stop` was set.
    """
    clear_leftovers(folder)
    with whole_directory(folder) as partial:
        images = partial / "images"
        images.mkdir()
        try:
            with archive.open("rb") as raw:
                total = _extract_members(raw, images, file, archive.stat().st_size, advance, stop or threading.Event())
        except _HostileError as error:
            raise UnsafeArchiveError(
                f"{archive} was not extracted: {error}; delete it, and fetch it from a server that you trust.",
                file=str(archive),
                **error.values,
            ) from error
        # BadGzipFile is an OSError, which otherwise means the disk.
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DamagedArchiveError(
                f"{archive} is damaged ({error}): delete it and give the same command again.", file=str(archive)
            ) from error
        digest = file.editions[0].digest
        write_json(partial / MARKER, {"archive": file.name, "digest": digest, "images": file.images, "bytes": total})


def clear_leftovers(folder: Path) -> None:
    """Remove what an extraction of `folder` that was killed left beside it, and an old one that placa made."""
    for left in folder.parent.glob(f".{folder.name}.partial-*"):
        shutil.rmtree(left, ignore_errors=True)
    if (folder / MARKER).is_file():
        shutil.rmtree(folder)


def _extract_members(
    raw: BinaryIO, images: Path, file: RemoteFile, size: int, advance: Advance | None, stop: threading.Event
) -> int:
    stream = _Rationed(gzip.GzipFile(fileobj=raw), 2 * size + _SLACK)
    stream.allow(_SLACK)
    count = total = told = 0
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for members, member in enumerate(tar, 1):
            if stop.is_set():
                raise Stopped
            # Folders and debris cost memory too.
            if members > 2 * file.images + 100:
                raise _HostileError("it has far more members than images", "members", received=members)
            name = _require_image(member, images)
            stream.allow(member.size + _SLACK)
            if name:
                count += 1
                if count > file.images:
                    raise _HostileError(
                        f"it holds more than the {file.images:,} images expected", "images", received=count
                    )
                total += _write(tar, member, images / name)
            if advance is not None:
                advance(raw.tell() - told, file.name)
                told = raw.tell()
    if count != file.images:
        raise _HostileError(f"it holds {count:,} images, and {file.images:,} were expected", "images", received=count)
    if advance is not None:
        advance(size - told, file.name)
    return total


def _require_image(member: tarfile.TarInfo, images: Path) -> str | None:
    """Return the file name of an image, None for what is passed over; refuse all else."""
    if member.type == tarfile.DIRTYPE and member.name.rstrip("/") in _FOLDERS:
        return None
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise _HostileError(
            f"{member.name!r} in it is neither a file nor the folder images (a link or a device?)",
            "member type",
            member.name,
        )
    match = _IMAGE.fullmatch(member.name)
    if match is None and not _DEBRIS.fullmatch(member.name):
        raise _HostileError(
            f"{member.name!r} in it is not an image's name, such as images/00000001_000.png", "member name", member.name
        )
    if member.size > LARGEST_IMAGE:
        raise _HostileError(
            f"{member.name!r} in it has {human_size(member.size)}, more than any image",
            "member size",
            member.name,
            member.size,
        )
    # Python 3.11.3 and older lack the filter; the checks above refuse all that it would.
    if hasattr(tarfile, "data_filter"):
        try:
            tarfile.data_filter(member, str(images.parent))
        except tarfile.FilterError as error:
            raise _HostileError(str(error), "member name", member.name) from error
    return match[1] if match else None


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> int:
    source = tar.extractfile(member)
    if source is None:
        raise _HostileError(f"{member.name!r} in it has no contents", "member type", member.name)
    try:
        # "x" refuses a name that comes twice.
        with path.open("xb") as output:
            shutil.copyfileobj(source, output, 1 << 18)
    except FileExistsError as error:
        raise _HostileError(f"{member.name!r} is in it twice", "repeated member", member.name) from error
    written = path.stat().st_size
    if written != member.size:
        raise tarfile.ReadError(f"{member.name} ends early")
    return written
