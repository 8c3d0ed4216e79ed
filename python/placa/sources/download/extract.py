"""Extract an untrusted archive of radiographs: names, types, numbers and sizes of its members are checked.

The checksum identifies the archive, but a mirror may have its own list of checksums, and MD5 can be forged.
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

from rich import filesize

from placa.core.files import atomic_directory
from placa.core.json_files import write_json
from placa.core.progress import Advance
from placa.sources.download.errors import DamagedArchiveError, UnsafeArchiveError
from placa.sources.download.remote import RemoteFile, check_stop

#: The name of an image in the archives, as on disk.
_IMAGE = re.compile(r"(?:\./)?images/(\d{8}_\d{3}\.png)")
_FOLDERS = {".", "images", "./images"}
#: Hidden files that a desktop creates in a folder; they are ignored.
_HIDDEN_FILE = re.compile(r"(?:\./)?images/\.[^/]+")
#: 1024×1024 pixels of four bytes are 4.2 MB before compression; no radiograph is larger after compression.
LARGEST_IMAGE = 16 << 20
#: Bytes allowed for the headers between two members, and for the unpacked archive beyond twice its own size. PNGs are
#: already compressed, so an archive of them unpacks to about its own size.
_SLACK = 1 << 20
#: The file that marks a folder extracted by placa.
MARKER = ".placa.json"


class _LimitedReader(io.RawIOBase):
    """Limit the bytes of a stream, so that a small archive cannot fill the disk or the memory.

    tarfile reads long names and extended headers completely into memory before it returns a member; the limit includes
    them.
    """

    def __init__(self, stream: gzip.GzipFile, total: int) -> None:
        self._stream = stream
        self._left = total
        self._member_limit = 0

    def allow(self, count: int) -> None:
        self._member_limit = count

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(min(size, _SLACK) if size >= 0 else _SLACK)
        self._member_limit -= len(block)
        self._left -= len(block)
        if min(self._member_limit, self._left) < 0:
            raise _RefusedArchiveError("it unpacks to more bytes than its images can have", "size")
        return block


class _RefusedArchiveError(Exception):
    """An archive is not safe to extract.

    Args:
        reason: The reason, as a part of a sentence.
        problem: The reason as a code.
        member: The name of the member concerned, or None.
        received: The number of images, members or bytes found, or None.
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
    """Extract an archive of images to ``FOLDER/images/``; the folder appears only when it is complete.

    Args:
        archive: A gzipped tar archive whose members are ``images/00000001_000.png`` and so on.
        folder: The output directory. An existing one that is not empty is replaced only if it has placa's marker.
        file: The expected archive; ``images`` is its number of images.
        advance: Receives the number of processed bytes of the archive.
        stop: An event that stops the extraction.

    Raises:
        DamagedArchiveError: The archive cannot be decompressed.
        UnsafeArchiveError: The archive has other contents than the expected images.
        PlacaError: The disk is full, or `folder` exists.
        Stopped: `stop` was set.
    """
    clear_leftovers(folder)
    with atomic_directory(folder) as partial:
        images = partial / "images"
        images.mkdir()
        try:
            with archive.open("rb") as raw:
                total = _extract_members(raw, images, file, archive.stat().st_size, advance, stop or threading.Event())
        except _RefusedArchiveError as error:
            raise UnsafeArchiveError(
                f"{archive} is not safe to extract: {error}. Delete it, and download it from a trusted server.",
                file=str(archive),
                **error.values,
            ) from error
        # BadGzipFile is an OSError; other OSErrors are errors of the disk.
        # tarfile passes other errors of damaged headers on, such as a size of a sparse file that is no number.
        except (
            *(tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile),
            *(ValueError, KeyError, IndexError, OverflowError),
        ) as error:
            raise DamagedArchiveError(
                f"{archive} is damaged ({error}). Delete it and run the same command again.", file=str(archive)
            ) from error
        digest = file.editions[0].digest
        write_json(partial / MARKER, {"archive": file.name, "digest": digest, "images": file.images, "bytes": total})


def clear_leftovers(folder: Path) -> None:
    """Remove the remains of an interrupted extraction of `folder`, and an old folder with placa's marker."""
    for left in folder.parent.glob(f".{folder.name}.partial-*"):
        shutil.rmtree(left, ignore_errors=True)
    if (folder / MARKER).is_file():
        shutil.rmtree(folder)


def _extract_members(
    raw: BinaryIO, images: Path, file: RemoteFile, size: int, advance: Advance | None, stop: threading.Event
) -> int:
    stream = _LimitedReader(gzip.GzipFile(fileobj=raw), 2 * size + _SLACK)
    stream.allow(_SLACK)
    count = total = reported = 0
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for members, member in enumerate(tar, 1):
            check_stop(stop)
            # Folders and hidden files use memory too.
            if members > 2 * file.images + 100:
                raise _RefusedArchiveError("it has too many members that are not images", "members", received=members)
            name = _require_image(member, images)
            stream.allow(member.size + _SLACK)
            if name:
                count += 1
                if count > file.images:
                    raise _RefusedArchiveError(
                        f"it has more than the expected {file.images:,} images", "images", received=count
                    )
                total += _write(tar, member, images / name)
            if advance is not None:
                advance(raw.tell() - reported, file.name)
                reported = raw.tell()
    if count != file.images:
        raise _RefusedArchiveError(f"it has {count:,} images, expected {file.images:,}", "images", received=count)
    if advance is not None:
        advance(size - reported, file.name)
    return total


def _require_image(member: tarfile.TarInfo, images: Path) -> str | None:
    """Return the file name of an image, or None for an ignored member; raise an error for any other member."""
    if member.type == tarfile.DIRTYPE and member.name.rstrip("/") in _FOLDERS:
        return None
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise _RefusedArchiveError(
            f"its member {member.name!r} is not a file or the folder images, but a link, a device or another type",
            "member type",
            member.name,
        )
    match = _IMAGE.fullmatch(member.name)
    if match is None and not _HIDDEN_FILE.fullmatch(member.name):
        raise _RefusedArchiveError(
            f"its member {member.name!r} has no image name such as images/00000001_000.png", "member name", member.name
        )
    if member.size > LARGEST_IMAGE:
        raise _RefusedArchiveError(
            f"its member {member.name!r} has {filesize.decimal(member.size)}, more than an image can have",
            "member size",
            member.name,
            member.size,
        )
    # Python 3.11.3 and older have no filter; the checks above are stricter.
    if hasattr(tarfile, "data_filter"):
        try:
            tarfile.data_filter(member, str(images.parent))
        except tarfile.FilterError as error:
            raise _RefusedArchiveError(str(error), "member name", member.name) from error
    return match[1] if match else None


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> int:
    source = tar.extractfile(member)
    if source is None:
        raise _RefusedArchiveError(f"its member {member.name!r} has no contents", "member type", member.name)
    try:
        # Mode "x" fails for a repeated name.
        with path.open("xb") as output:
            shutil.copyfileobj(source, output, 1 << 18)
    except FileExistsError as error:
        raise _RefusedArchiveError(f"its member {member.name!r} is repeated", "repeated member", member.name) from error
    written = path.stat().st_size
    if written != member.size:
        raise tarfile.ReadError(f"{member.name} ends early")
    return written
