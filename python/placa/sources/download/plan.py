"""Plan a download: the files to fetch, and the disk space that they need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from placa.core.errors import unknown_name
from placa.core.json_files import parse_json
from placa.sources.download.errors import DiskSpaceError, PathInUseError
from placa.sources.download.extract import MARKER
from placa.sources.download.part import Part
from placa.sources.download.remote import RemoteFile

#: Files use complete blocks on a disk: 112,120 images lose 2 kB each, half a percent.
_BLOCKS = 1.02
#: The names of file groups, and whether their files are archives of images.
_GROUPS = {"images": True, "tables": False}


@dataclass(frozen=True)
class Task:
    """Describe a file to download or to extract.

    Args:
        file: The file.
        fetched: The number of bytes received; the complete size if the archive exists.
        archive: Whether the complete archive exists, and only needs to be verified and extracted.
    """

    file: RemoteFile
    fetched: int
    archive: bool


def choose(files: Sequence[RemoteFile], only: str | Iterable[str] | None) -> list[RemoteFile]:
    """Select files by name, with or without extension, or by group: ``tables``, ``images``.

    Raises:
        UnknownNameError: No file has that name.
    """
    if only is None:
        return list(files)
    names = [name for given in ([only] if isinstance(only, str) else only) for name in given.split(",") if name]
    chosen: set[str] = set()
    for name in names:
        found = {
            file.name
            for file in files
            if name in (file.name, file.stem, Path(file.name).stem) or _GROUPS.get(name) is (file.images > 0)
        }
        if not found:
            raise unknown_name("file", name, [*_GROUPS, *(file.stem for file in files)])
        chosen |= found
    return [file for file in files if file.name in chosen]


def plan(to: Path, files: Iterable[RemoteFile]) -> tuple[list[Task], list[str]]:
    """List the tasks of a download to `to`.

    Returns:
        The tasks, and the complete folders without placa's marker, which are accepted.

    Raises:
        PathInUseError: Another file or folder exists in place of a file of the data set.
    """
    tasks, existing = [], []
    for file in files:
        target = to / file.name
        if file.images:
            complete = _is_complete(to / file.stem, file)
            if complete is None:
                existing.append(file.stem)
            if complete is False:
                has_archive = target.is_file()
                tasks.append(Task(file, target.stat().st_size if has_archive else Part(target).size, has_archive))
        elif not target.exists():
            tasks.append(Task(file, Part(target).size, False))
        elif not file.optional and not (target.is_file() and file.matches(target)):
            raise PathInUseError(
                f"{target} exists and is not the expected file ({file.size:,} bytes, other checksum). Move it away, or "
                "download the other files with --only.",
                path=str(target),
            )
    return tasks, existing


def _is_complete(folder: Path, file: RemoteFile) -> bool | None:
    """Return whether a folder is complete; None if it is complete but has no marker of placa."""
    if not os.path.lexists(folder):
        return False
    count, size = _contents(folder, file.members.counted)
    marker = folder / MARKER
    if marker.is_file():
        try:
            made = parse_json(marker.read_text("utf-8"))
            return bool(made["digest"] in file.digests and (made["images"], made["bytes"]) == (count, size))
        except (OSError, ValueError, TypeError, KeyError):
            return False
    if count == file.images:
        return None
    if folder.is_dir() and not any(folder.iterdir()):
        return False
    raise PathInUseError(
        f"{folder} exists with {count:,} of {file.images:,} images, and placa did not create it. Move it away, or "
        "download the other files with --only.",
        path=str(folder),
        images=count,
        expected=file.images,
    )


def _contents(folder: Path, counted: str) -> tuple[int, int]:
    """Count the images of a folder and their bytes: a fast check for missing and truncated files."""
    sizes = [
        os.path.getsize(os.path.join(place, name))
        for place, _, names in os.walk(folder)
        for name in names
        if name.endswith(counted)
    ]
    return len(sizes), sum(sizes)


def require_space(to: Path, tasks: Sequence[Task], jobs: int, keep_archives: bool) -> None:
    """Check that the disk has enough free space.

    Archives that are not kept are deleted after extraction, so at most `jobs` of them exist at a time.

    Raises:
        DiskSpaceError: The free space is too small.
    """
    tables = sum(task.file.size - task.fetched for task in tasks if not task.file.images)
    archives = [task for task in tasks if task.file.images]
    extracted = _BLOCKS * sum(task.file.size for task in archives)
    sizes = sorted((task.file.size for task in archives), reverse=True)
    on_disk = sum(sizes if keep_archives else sizes[:jobs])
    fetched = min(on_disk, sum(task.fetched for task in archives))
    needed = max(0, tables) + on_disk - fetched + extracted
    existing_parent = to.absolute()
    while not existing_parent.exists():
        existing_parent = existing_parent.parent
    free = shutil.disk_usage(existing_parent).free
    if needed > free:
        raise DiskSpaceError(
            f"{to} needs {needed / 1e9:.1f} GB of free disk ({extracted / 1e9:.1f} GB of images, "
            f"{(needed - extracted) / 1e9:.1f} GB of archives and tables), and {free / 1e9:.1f} GB are free. Free some "
            "space, choose another --to, or download a part with --only.",
            directory=str(to),
            needed=round(needed),
            images=round(extracted),
            free=free,
        )
