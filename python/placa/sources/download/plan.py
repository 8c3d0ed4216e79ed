"""What a download still has to do in a directory, and whether its disk has room for that."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from placa.core.errors import unknown_name
from placa.sources.download.errors import DiskSpaceError, PathInUseError
from placa.sources.download.extract import MARKER
from placa.sources.download.part import Part
from placa.sources.download.remote import RemoteFile

#: Files take whole blocks on a disk: 112,120 images lose 2 kB each, half a percent.
_BLOCKS = 1.02
#: What the names of groups stand for.
_GROUPS = {"images": True, "tables": False}


@dataclass(frozen=True)
class Task:
    """A file that is not done.

    Args:
        file: Which one.
        fetched: Bytes of it that are here: all of them where the archive itself is.
        archive: Whether the archive is here under its own name, to be verified and extracted.
    """

    file: RemoteFile
    fetched: int
    archive: bool


def choose(files: Sequence[RemoteFile], only: str | Iterable[str] | None) -> list[RemoteFile]:
    """Choose files by name, with or without its ending, or by group: ``tables``, ``images``.

    Raises:
        PlacaError: There is no such file.
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
    """Find out what is to be done in `to`.

    Returns:
        What is to be done, and the folders that look whole but were not made by placa: they are taken as they are.

    Raises:
        PlacaError: Something else lies where a file or folder should.
    """
    tasks, taken = [], []
    for file in files:
        target = to / file.name
        if file.images:
            whole = _folder_is_whole(to / file.stem, file)
            if whole is None:
                taken.append(file.stem)
            if whole is False:
                there = target.is_file()
                tasks.append(Task(file, target.stat().st_size if there else Part(target).size, there))
        elif not target.exists():
            tasks.append(Task(file, Part(target).size, False))
        elif not file.optional and not (target.is_file() and file.matches(target)):
            raise PathInUseError(
                f"{target} is there and is not the file expected ({file.size:,} bytes, of another checksum): move it "
                "away, or fetch the others with --only.",
                path=str(target),
            )
    return tasks, taken


def _folder_is_whole(folder: Path, file: RemoteFile) -> bool | None:
    """Whether nothing is to be done for a folder; None where that is so but for placa's marker."""
    if not os.path.lexists(folder):
        return False
    count, size = _contents(folder / "images")
    marker = folder / MARKER
    if marker.is_file():
        try:
            made = json.loads(marker.read_text("utf-8"))
            return bool(made["digest"] in file.digests and (made["images"], made["bytes"]) == (count, size))
        except (OSError, ValueError, TypeError, KeyError):
            return False
    if count == file.images:
        return None
    if folder.is_dir() and not any(folder.iterdir()):
        return False
    raise PathInUseError(
        f"{folder} is there with {count:,} of {file.images:,} images, and placa did not make it: move it away, or "
        "fetch the others with --only.",
        path=str(folder),
        images=count,
        expected=file.images,
    )


def _contents(images: Path) -> tuple[int, int]:
    """Count the images of a folder and their bytes: quick, and enough to see that one is missing or cut short."""
    if not images.is_dir():
        return 0, 0
    with os.scandir(images) as entries:
        sizes = [entry.stat().st_size for entry in entries if entry.name.endswith(".png")]
    return len(sizes), sum(sizes)


def require_space(to: Path, tasks: Sequence[Task], jobs: int, keep_archives: bool) -> None:
    """Refuse to begin what the disk has no room for.

    An archive that is not kept is deleted once it is extracted, so that as many lie there at a time as there are jobs.

    Raises:
        PlacaError: There is too little room; the message has both figures.
    """
    tables = sum(task.file.size - task.fetched for task in tasks if not task.file.images)
    archives = [task for task in tasks if task.file.images]
    extracted = _BLOCKS * sum(task.file.size for task in archives)
    sizes = sorted((task.file.size for task in archives), reverse=True)
    lying = sum(sizes if keep_archives else sizes[:jobs])
    fetched = min(lying, sum(task.fetched for task in archives))
    needed = max(0, tables) + lying - fetched + extracted
    place = to.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise DiskSpaceError(
            f"{to} needs {needed / 1e9:.1f} GB of free disk ({extracted / 1e9:.1f} GB of images, "
            f"{(needed - extracted) / 1e9:.1f} GB of archives and tables) and has {free / 1e9:.1f} GB: free some, "
            "choose another --to, or fetch a part with --only.",
            directory=str(to),
            needed=round(needed),
            images=round(extracted),
            free=free,
        )
