"""Find masks beside their images, such as those of the lungs: they are no radiographs."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

_WORDS = frozenset(
    {"mask", "masks", "mascara", "mascaras", "segmentation", "segmentations", "segmentacion", "segmentaciones"}
    | {"seg", "segs"}
)
_SUFFIX = re.compile(
    r"(?:[-_ .]+(?:left|right))?[-_ .]*(?:masks?|mascaras?|seg|segmentation|segmentacion)(?:[-_ ]*\d+)?$"
)
#: Smallest share of the files in a folder of masks whose names must be those of images beside it.
_SHARE = 0.5


def find_masks(root: Path, files: Sequence[Path]) -> set[Path]:
    """Return the files that are masks of other files.

    A folder whose name says that it has masks is one if at least half of its files have the names of files in the
    folder above it. A file whose name ends in ``_mask`` or similar is one if the file without this ending is beside it.

    Args:
        root: The folder of all files; the names of the folders that contain it are not considered.
        files: All files under `root`.
    """
    folders: dict[Path, list[Path]] = defaultdict(list)
    others: list[Path] = []
    known: dict[Path, bool] = {}
    for file in files:
        folder = _mask_folder(root, file.parent, known)
        if folder is None:
            others.append(file)
        else:
            folders[folder].append(file)
    masks = _beside(others)
    above: dict[Path, set[str]] = {folder.parent: set() for folder in folders}
    for file in others:
        for parent in file.parents:
            if parent in above:
                above[parent].add(_key(file))
            if parent == root:
                break
    for folder, found in folders.items():
        names = above[folder.parent]
        same = sum(_key(file) in names or _SUFFIX.sub("", _key(file)) in names for file in found)
        if same >= _SHARE * len(found):
            masks.update(found)
    return masks


def _mask_folder(root: Path, folder: Path, known: dict[Path, bool]) -> Path | None:
    """Return the highest folder below `root` that contains `folder` and whose name is that of a folder of masks."""
    found = None
    while folder != root and root in folder.parents:
        if folder not in known:
            known[folder] = not _WORDS.isdisjoint(_words(folder.name))
        if known[folder]:
            found = folder
        folder = folder.parent
    return found


def _beside(files: Sequence[Path]) -> set[Path]:
    suspects = [(file, _SUFFIX.sub("", _key(file))) for file in files]
    suspects = [(file, name) for file, name in suspects if name and name != _key(file)]
    if not suspects:
        return set()
    names = {(file.parent, _key(file)) for file in files}
    return {file for file, name in suspects if (file.parent, name) in names}


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", _plain(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)))


def _key(file: Path) -> str:
    return _plain(file.stem)


def _plain(name: str) -> str:
    """Return a name without accents and capital letters."""
    letters = unicodedata.normalize("NFD", name)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
