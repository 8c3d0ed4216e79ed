"""List files under folders: each is listed, or skipped for a reason."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from placa.core.errors import PathNotFoundError
from placa.core.files import explain_os_error
from placa.images.errors import NoFilesFoundError
from placa.images.masks import find_masks
from placa.records.codes import Note

SkipCode = Literal["hidden", "system", "output", "link", "mask", "other_kind", "other_series", "scattered"]

#: Why a path is not listed, for rejected.csv and the terminal.
REASONS: dict[SkipCode, str] = {
    "hidden": "its name begins with a dot, so it is hidden",
    "system": "an operating system or a storage device wrote it",
    "output": "placa wrote it",
    "link": "it is a link to a folder that is listed already",
    "mask": "it is a mask of an image",
    "other_kind": "its name and its content are not of the required kind",
    "other_series": "another series of the same study is used",
    "scattered": "its slices are in several folders: put the files of each series in one folder",
}
#: Folders that systems and storage devices write: macOS, Synology, QNAP, Windows, NetApp, Linux.
_SYSTEM_FOLDERS = frozenset(
    {"__macosx", "@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "~snapshot"}
    | {"$recycle.bin", "recycler", "recycled", "system volume information", "lost+found", "found.000"}
    | {"network trash folder", "temporary items", "@sharebin", "#trash"}
)
#: Files that systems and storage devices write; DICOMDIR is an index without pixels (PS3.10).
_SYSTEM_FILES = frozenset(
    {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "dicomdir", "iconcache.db"}
    | {"autorun.inf", "picasa.ini", "zbthumbnail.info", "synofile_thumb.jpg"}
)
#: Files of a folder that placa wrote, and a text in their beginning.
_OUTPUTS = {
    "source.json": b'"placa_version"',
    "run.json": b'"placa_version"',
    "explain.csv": b"finding,probability,class",
}
#: Number of names that a message shows.
_SHOWN = 3


@dataclass(frozen=True)
class Skipped:
    """A file or folder that is not listed."""

    path: Path
    code: SkipCode

    @property
    def reason(self) -> str:
        """The reason in words."""
        return REASONS[self.code]


@dataclass
class Listing:
    """Hold the files to read, and what is not read.

    Attributes:
        files: The files, in natural order, each once.
        skipped: Files and folders that are not listed; a skipped folder stands for all files in it.
    """

    files: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """Path and reason of what is not listed."""
        return [(str(one.path), one.reason) for one in self.skipped]

    def __iter__(self) -> Iterator[Path]:
        """Iterate over the files."""
        return iter(self.files)


def natural_order(path: str | os.PathLike[str]) -> tuple[object, ...]:
    """Return a sort key that puts ``scan 10`` after ``scan 9``."""
    parts = re.split(r"(\d+)", os.fspath(path).lower())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def list_folder(
    folder: str | os.PathLike[str], wanted: Callable[[Path], bool] | None = None, without: Sequence[Path] = ()
) -> Listing:
    """List the files under a folder, in natural order.

    Hidden files, files of operating systems and storage devices, folders that placa wrote, and masks beside their
    images are skipped. Links to folders are followed, but each folder is listed once, under its own path if it has one
    in `folder`, and no folder that contains `folder`.

    Args:
        folder: The folder.
        wanted: Returns whether a file is of the required kind; all by default.
        without: Paths to skip, such as that of the output.

    Raises:
        OSError: A folder cannot be listed; its files would otherwise be missing without a message.
    """
    walk = _Walk(Path(folder), {os.path.realpath(path) for path in without})
    walk.visit_all()
    files, skipped = [], walk.skipped
    for file in sorted(walk.files, key=natural_order):
        if wanted is None or wanted(file):
            files.append(file)
        else:
            skipped.append(Skipped(file, "other_kind"))
    masks = find_masks(Path(folder), files)
    skipped += [Skipped(file, "mask") for file in files if file in masks]
    return Listing(
        [file for file in files if file not in masks], sorted(skipped, key=lambda one: natural_order(one.path))
    )


class _Walk:
    """Walk a folder; links to folders are followed after all folders that are no links."""

    def __init__(self, top: Path, without: set[str]) -> None:
        self.top, self.without = top, without
        self.real = os.path.realpath(top)
        self.seen: set[str] = set()
        self.links: list[Path] = []
        self.files: list[Path] = []
        self.skipped: list[Skipped] = []

    def visit_all(self) -> None:
        self._visit(self.top)
        # A link can lead to further ones, which are added to the end.
        for link in self.links:
            real = os.path.realpath(link)
            if real in self.seen or self.real.startswith(real.rstrip(os.sep) + os.sep):
                self.skipped.append(Skipped(link, "link"))
            else:
                self._visit(link)

    def _visit(self, folder: Path) -> None:
        def fail(error: OSError) -> None:
            raise error

        for top, folders, names in os.walk(folder, onerror=fail):
            real = os.path.realpath(top)
            if real in self.seen:
                folders.clear()
                continue
            self.seen.add(real)
            kept = []
            for name in sorted(folders):
                path = Path(top, name)
                code = self._code_of_folder(path)
                if code:
                    self.skipped.append(Skipped(path, code))
                elif path.is_symlink():
                    self.links.append(path)
                else:
                    kept.append(name)
            folders[:] = kept
            for name in names:
                code = self._code_of_file(name)
                if code is None and os.path.join(top, name) in self.without:
                    code = "output"
                if code:
                    self.skipped.append(Skipped(Path(top, name), code))
                else:
                    self.files.append(Path(top, name))

    def _code_of_folder(self, path: Path) -> SkipCode | None:
        if path.name.casefold() in _SYSTEM_FOLDERS:
            return "system"
        if path.name.startswith("."):
            return "hidden"
        return "output" if os.path.realpath(path) in self.without or _is_output(path) else None

    @staticmethod
    def _code_of_file(name: str) -> SkipCode | None:
        if name.casefold() in _SYSTEM_FILES:
            return "system"
        return "hidden" if name.startswith(".") else None


def _is_output(folder: Path) -> bool:
    for name, text in _OUTPUTS.items():
        place = folder / name
        # Opening a pipe would wait forever.
        with suppress(OSError):
            if place.is_file() and text in _head(place):
                return True
    return False


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(4096)


def find_files(
    places: Iterable[str | os.PathLike[str]],
    wanted: Callable[[Path], bool],
    noun: str,
    nouns: str,
    endings: Iterable[str],
    without: Sequence[Path] = (),
) -> Listing:
    """List files of a kind: given files, and all files of the kind under given folders in natural order.

    Args:
        places: Files and folders.
        wanted: Returns whether a file in a folder is of the kind.
        noun: Name of the kind in the singular, for messages.
        nouns: Name of the kind in the plural, for messages.
        endings: Extensions of the kind, for messages.
        without: Paths to skip in folders, such as that of the output.

    Raises:
        PathNotFoundError: A place does not exist.
        NoFilesFoundError: The places contain no file of the kind.
        PlacaError: A folder cannot be listed (see `placa.core.files.explain_os_error`).
    """
    found: dict[Path, None] = {}
    skipped: dict[Path, Skipped] = {}
    given = [Path(place) for place in places]
    for place in given:
        try:
            if place.is_dir():
                listing = list_folder(place, wanted, without)
                found.update(dict.fromkeys(listing.files))
                skipped.update((one.path, one) for one in listing.skipped)
            elif place.exists():
                found[place] = None
            else:
                message = f"{place} does not exist. Pass {nouns} or folders that contain some."
                raise PathNotFoundError(message, path=str(place))
        except OSError as error:
            raise explain_os_error(error, error.filename or place) from error
    left = [one for path, one in skipped.items() if path not in found]
    if not found:
        raise no_files_found(noun, given, endings, left)
    return Listing(list(found), left)


def no_files_found(
    noun: str, given: Sequence[Path], endings: Iterable[str], skipped: Sequence[Skipped]
) -> NoFilesFoundError:
    """Return the error for places without a file of a kind (see `find_files`)."""
    where = f" in {', '.join(map(str, given))}" if given else ""
    endings = list(endings)
    notes = "".join(f" {note[0].upper()}{note[1:]}." for note in skipped_notes(skipped))
    message = f"No {noun} found{where}.{notes} Pass files with the extensions {', '.join(endings)}."
    return NoFilesFoundError(message, kind=noun, places=list(map(str, given)), endings=endings)


def skipped_notes(skipped: Sequence[Skipped]) -> list[Note]:
    """Return a remark for each reason, with the first names."""
    counts = Counter(one.code for one in skipped)
    notes = []
    for code, count in counts.most_common():
        names = [str(one.path.name) for one in skipped if one.code == code][:_SHOWN]
        more = f" and {count - len(names):,} more" if count > len(names) else ""
        shown = f"{', '.join(names)}{more}"
        text = f"{count:,} paths are skipped ({REASONS[code]}): {shown}"
        if count == 1:
            text = f"{count:,} path is skipped ({REASONS[code]}): {shown}"
        notes.append(Note(text, f"skipped_{code}", files=count))
    return notes
