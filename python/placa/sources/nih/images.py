"""Find NIH's image files."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from placa.images.read import EXTENSIONS
from placa.records.codes import Note
from placa.sources.nih.tables import Entries, file_stems


def image_folders(root: Path) -> list[Path]:
    """List the folders of NIH's images: ``images``, or ``images_001/images`` and so on."""
    candidates = [root / "images", *sorted(root.glob("images_*/images")), *sorted(root.glob("images_*"))]
    return [folder for folder in candidates if folder.is_dir()]


def find_images(folders: list[Path], selected: pd.Series, entries: Entries, notes: list[Note]) -> pd.Series:
    """Return the path of each selected image; missing where there is no file."""
    # One directory listing per folder is faster on a network disk than 112,120 single look-ups.
    index: dict[str, str] = {}
    repeated: list[str] = []
    for folder in folders:
        with os.scandir(folder) as items:
            for item in sorted(items, key=lambda item: item.name):
                if os.path.splitext(item.name)[1].lower() in EXTENSIONS:
                    if item.name in index:
                        repeated.append(item.name)
                    index.setdefault(item.name, os.path.abspath(item.path))
    paths = selected.map(index)
    if len(index) > paths.notna().sum():
        # Copies as JPEG have the same names with another extension.
        by_stem = {os.path.splitext(name)[0].lower(): path for name, path in index.items()}
        paths = paths.astype(object).where(paths.notna(), file_stems(selected).map(by_stem))
        named = set(file_stems(entries.rows.frame["Image Index"]))
        unlisted = [path for stem, path in by_stem.items() if stem not in named]
        if unlisted:
            text = f"image files without a row in the table: {len(unlisted):,}, such as {unlisted[0]}"
            notes.append(Note(text, "files_without_row", files=len(unlisted)))
    if repeated:
        text = f"images in two folders: {len(repeated):,}, such as {repeated[0]}; the first file is used"
        notes.append(Note(text, "images_twice", images=len(repeated)))
    return paths
