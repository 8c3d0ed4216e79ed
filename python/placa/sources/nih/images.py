"""Find NIH's image files, and use NIH's official lists as the split."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from placa.images.read import EXTENSIONS
from placa.records.codes import Note
from placa.sources.errors import MissingFileError
from placa.sources.nih.tables import LISTS, Entries, file_stems, plain_or_compressed
from placa.sources.tables import read_list


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


def mark_official(root: Path, table: pd.DataFrame, split: str, notes: list[Note]) -> bool:
    """Write the official list of each image into `table`; return whether the lists define the split."""
    paths = {name: plain_or_compressed(root / name) for name in LISTS}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        if split == "official":
            raise MissingFileError(
                f"{root} has no {missing[0]}. Put NIH's two lists there, or use --split seeded.",
                directory=str(root),
                file=missing[0],
                found=[name for name in LISTS if name not in missing],
            )
        if len(missing) == 1 and split == "auto":
            text = f"{missing[0]} is missing, so the other official list is not used"
            notes.append(Note(text, "official_list_missing", file=missing[0]))
        return False
    in_train_val, in_test = (table["image_id"].isin(read_list(path)).to_numpy() for path in paths.values())
    named = np.select([in_train_val & in_test, in_train_val, in_test], ["both", "train_val", "test"], "")
    table["official"] = pd.Series(named, index=table.index, dtype="string").replace("", pd.NA)
    return split != "seeded"


def reject_split_conflicts(
    kept: pd.DataFrame, entries: Entries, notes: list[Note]
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Reject the images that the official lists put on both sides."""
    official = kept["official"].fillna("")
    test_patients = entries.table.loc[(entries.table["official"] == "test").fillna(False), "patient_id"]
    both = official == "both"
    conflict = (official == "") & kept["patient_id"].isin(test_patients)
    unlisted = int(((official == "") & ~conflict).sum())
    if unlisted:
        text = f"images in neither official list: {unlisted:,}; they are assigned to training or validation"
        notes.append(Note(text, "in_no_official_list", images=unlisted))
    reasons = {
        row: f"the image {kept.at[row, 'image_id']!r} is in both official lists: remove it from one"
        for row in kept.index[both]
    } | {
        row: f"the image {kept.at[row, 'image_id']!r} is in neither official list, and its patient is in the test list"
        for row in kept.index[conflict]
    }
    return kept[~(both | conflict)], [(entries.rows.location(row), reason) for row, reason in reasons.items()]
