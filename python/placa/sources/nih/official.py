"""Use NIH's official lists as the split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from placa.records.codes import Note
from placa.sources.errors import MissingFileError
from placa.sources.nih.tables import LISTS, Entries, plain_or_compressed
from placa.sources.tables import read_list


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
