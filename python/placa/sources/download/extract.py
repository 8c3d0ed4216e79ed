"""Extract an untrusted archive of radiographs: names, types, numbers and sizes of its members are checked.

The checksum identifies the archive, but a mirror may have its own list of checksums, and MD5 can be forged.
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import stat
import tarfile
import threading
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from rich import filesize

from placa.core.files import atomic_directory
from placa.core.json_files import write_json
from placa.core.progress import Advance
from placa.sources.download.errors import DamagedArchiveError, UnsafeArchiveError
from placa.sources.download.remote import RemoteFile, check_stop

_FOLDERS = {".", "images", "./images"}
#: Hidden files that a desktop creates in a folder; they are ignored.
_HIDDEN_FILE = re.compile(r"(?:\./)?images/\.[^/]+")
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
    """Extract an archive of images, such as to ``FOLDER/images/``; the folder appears only when it is complete.

    Args:
        archive: A gzipped tar archive, or a ZIP archive, with the members of `file`.
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
        job = _Extraction(partial, file, archive.stat().st_size, advance, stop or threading.Event())
        try:
            with archive.open("rb") as raw:
                total = job.from_zip(raw) if archive.suffix == ".zip" else job.from_tar(raw)
        except _RefusedArchiveError as error:
            raise UnsafeArchiveError(
                f"{archive} is not safe to extract: {error}. Delete it, and download it from a trusted server.",
                file=str(archive),
                **error.values,
            ) from error
        # BadGzipFile is an OSError; other OSErrors are errors of the disk.
        # tarfile passes other errors of damaged headers on, such as a size of a sparse file that is no number.
        except (
            *(tarfile.TarError, zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error, gzip.BadGzipFile),
            *(ValueError, KeyError, IndexError, OverflowError),
        ) as error:
            raise DamagedArchiveError(
                f"{archive} is damaged ({error}). Delete it and run the same command again.", file=str(archive)
            ) from error
        digest = file.editions[0].digest if file.editions else None
        write_json(partial / MARKER, {"archive": file.name, "digest": digest, "images": file.images, "bytes": total})


def clear_leftovers(folder: Path) -> None:
    """Remove the remains of an interrupted extraction of `folder`, and an old folder with placa's marker."""
    for left in folder.parent.glob(f".{folder.name}.partial-*"):
        shutil.rmtree(left, ignore_errors=True)
    if (folder / MARKER).is_file():
        shutil.rmtree(folder)


@dataclass
class _Extraction:
    """Extract the members of an archive, and count the images and their bytes."""

    folder: Path
    file: RemoteFile
    size: int
    advance: Advance | None
    stop: threading.Event
    members: int = 0
    images: int = 0
    total: int = 0
    reported: int = field(default=0, init=False)

    def from_tar(self, raw: BinaryIO) -> int:
        """Extract a gzipped tar archive."""
        stream = _LimitedReader(gzip.GzipFile(fileobj=raw), 2 * self.size + _SLACK)
        stream.allow(_SLACK)
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                self._begin()
                name = self._require_member(member)
                stream.allow(member.size + _SLACK)
                if name:
                    self._write(tar.extractfile(member), name, member.name, member.size)
                self._report(raw.tell())
        return self._finish()

    def from_zip(self, raw: BinaryIO) -> int:
        """Extract a ZIP archive; each member is read to its end, where its CRC is compared."""
        with zipfile.ZipFile(raw) as archive:
            left = 2 * self.size + _SLACK
            for member in archive.infolist():
                self._begin()
                name = self._path_of(member.filename, member.file_size)
                kind = stat.S_IFMT(member.external_attr >> 16)
                if name is None or member.is_dir():
                    continue
                if kind not in (0, stat.S_IFREG) or member.flag_bits & 1:
                    raise _RefusedArchiveError(
                        f"its member {member.filename!r} is a link, a device, encrypted or another type",
                        "member type",
                        member.filename,
                    )
                left -= member.file_size
                if left < 0:
                    raise _RefusedArchiveError("it unpacks to more bytes than its images can have", "size")
                with archive.open(member) as source:
                    self._write(source, name, member.filename, member.file_size)
                self._report(min(self.reported + member.compress_size, self.size))
        return self._finish()

    def _begin(self) -> None:
        check_stop(self.stop)
        self.members += 1
        # Folders, hidden files and others use memory too.
        if self.members > (4 if self.file.members.others else 2) * self.file.images + 100:
            raise _RefusedArchiveError("it has too many members that are not images", "members", received=self.members)

    def _report(self, position: int) -> None:
        if self.advance is not None:
            self.advance(position - self.reported, self.file.name)
        self.reported = position

    def _finish(self) -> int:
        if self.images != self.file.images:
            raise _RefusedArchiveError(
                f"it has {self.images:,} images, expected {self.file.images:,}", "images", received=self.images
            )
        self._report(self.size)
        return self.total

    def _require_member(self, member: tarfile.TarInfo) -> str | None:
        """Return the path of a file to extract, or None for an ignored member; raise an error for any other member."""
        folder = member.type == tarfile.DIRTYPE and (member.name.rstrip("/") in _FOLDERS or self.file.members.others)
        if folder:
            return None
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            raise _RefusedArchiveError(
                f"its member {member.name!r} is not a file or the folder images, but a link, a device or another type",
                "member type",
                member.name,
            )
        name = self._path_of(member.name, member.size)
        # Python 3.11.3 and older have no filter; the checks above are stricter.
        if name and hasattr(tarfile, "data_filter"):
            try:
                tarfile.data_filter(member, str(self.folder))
            except tarfile.FilterError as error:
                raise _RefusedArchiveError(str(error), "member name", member.name) from error
        return name

    def _path_of(self, name: str, size: int) -> str | None:
        match = re.fullmatch(self.file.members.pattern, name)
        if match is None and not self.file.members.others and not _HIDDEN_FILE.fullmatch(name):
            raise _RefusedArchiveError(
                f"its member {name!r} has no image name such as images/00000001_000.png", "member name", name
            )
        if size > self.file.members.largest and (match or not self.file.members.others):
            raise _RefusedArchiveError(
                f"its member {name!r} has {filesize.decimal(size)}, more than an image can have",
                "member size",
                name,
                size,
            )
        return match[1] if match else None

    def _write(self, source: IO[bytes] | None, path: str, name: str, size: int) -> None:
        if source is None:
            raise _RefusedArchiveError(f"its member {name!r} has no contents", "member type", name)
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Mode "x" fails for a repeated name.
            with target.open("xb") as output:
                shutil.copyfileobj(source, output, 1 << 18)
        except FileExistsError as error:
            raise _RefusedArchiveError(f"its member {name!r} is repeated", "repeated member", name) from error
        written = target.stat().st_size
        if written != size:
            raise tarfile.ReadError(f"{name} ends early")
        if path.endswith(self.file.members.counted):
            self.images += 1
            self.total += written
            if self.images > self.file.images:
                raise _RefusedArchiveError(
                    f"it has more than the expected {self.file.images:,} images", "images", received=self.images
                )
