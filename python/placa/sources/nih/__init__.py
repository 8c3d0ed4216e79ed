"""NIH ChestX-ray14, in the layout of the NIH Clinical Center (Wang et al. 2017)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from placa.core.errors import UnknownNameError
from placa.core.progress import Progress
from placa.images.read import EXTENSIONS
from placa.records.codes import Note
from placa.sources.errors import ImagesNotFoundError, MissingFileError, SingleClassError
from placa.sources.nih.findings import ClassDefinition, define_classes
from placa.sources.nih.tables import (
    ADJUDICATED,
    BOXES,
    LISTS,
    Entries,
    file_stems,
    find_table,
    read_adjudicated,
    read_boxes,
    read_entries,
    read_official,
    table_version,
)
from placa.sources.source import NO_FINDING, Source
from placa.sources.tables import follow_link
from placa.sources.tables.cells import read_ages, read_sexes

_SPLITS = ("auto", "official", "seeded")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare nih``."""
    parser.add_argument(
        "root", type=Path, metavar="ROOT", help="directory with Data_Entry_2017*.csv and images/ or images_001/ …"
    )
    parser.add_argument(
        "--positive",
        required=True,
        nargs="+",
        metavar="FINDING",
        help="a finding; several findings; any (any finding against none); or all (the fourteen)",
    )
    parser.add_argument(
        "--negative",
        default=NO_FINDING,
        metavar="FINDING",
        help="the comparison: %(default)s (the default), rest (every image without the finding), or another finding",
    )
    parser.add_argument("--only", action="store_true", help="positive images have no other finding")
    parser.add_argument(
        "--table", choices=("v2017", "v2020"), help="the version of NIH's table (default: the newest found)"
    )
    parser.add_argument(
        "--split",
        choices=_SPLITS,
        default="auto",
        help="official: NIH's test list; seeded: random, by patient; auto: official if both lists exist (default)",
    )


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Read the source that the command line names."""
    progress.say("reading NIH's tables")
    positive = options.positive[0] if len(options.positive) == 1 else options.positive
    return read_nih(options.root, positive, options.negative, options.only, options.table, options.split)


def read_nih(
    root: str | Path,
    positive: str | Sequence[str],
    negative: str = NO_FINDING,
    only: bool = False,
    table: str | None = None,
    split: str = "auto",
) -> Source:
    """Read NIH's tables and find the existing images.

    An image is positive for a finding if its labels include it, and a comparison image if they include `negative` and
    not the finding. Otherwise its truth is missing; images without any truth are not used.

    Args:
        root: A directory with ``Data_Entry_2017*.csv`` and ``images/``, or ``images_001/images/`` and so on; optionally
            NIH's two official lists, ``BBox_List_2017.csv`` and ``adjudicated_labels_google2019.csv``.
        positive: A finding of the table, ``"Pneumonia"``; several; ``"any"``, which makes one finding ``Any Finding``;
            or ``"all"`` for the fourteen.
        negative: The comparison: ``"No Finding"``, ``"rest"`` (every image without the finding) or a finding.
        only: Whether positive images must have no other finding.
        table: ``"v2017"`` or ``"v2020"``; by default the newest found.
        split: ``"official"`` for NIH's test list, ``"seeded"`` for a random split by patient, ``"auto"`` for the
            official one if both lists exist.

    Returns:
        The existing images with a truth. With the official lists ``split`` is ``test``, or missing for an image that
        `prepare` assigns to training or validation. ``rejected`` has each row of the table that contradicts itself or
        another row, ``boxes`` the lesion boxes, ``other_labels`` the adjudicated labels.

    Raises:
        UnknownNameError: A finding or `split` is unknown.
        MissingFileError: The table, or a list that `split` needs, is missing.
        MissingColumnError: The table lacks a column.
        ImagesNotFoundError: None of the images exists.
        SingleClassError: All existing images have the same label.
    """
    root = Path(root)
    classes = define_classes(positive, negative, only)
    if split not in _SPLITS:
        raise UnknownNameError(
            f"`split` must be one of {', '.join(_SPLITS)}, got {split!r}.",
            kind="split",
            name=split,
            known=list(_SPLITS),
        )
    path = find_table(root, table)
    entries = read_entries(path)
    notes = list(entries.rows.notes)
    official = _mark_official(root, entries.table, split, notes)
    truth = classes.truth(entries.table)
    selected = entries.table[truth.notna().any(axis=1)]
    folders = _image_folders(root)
    paths = _find_images(folders, selected["image_id"], entries, notes)
    kept = selected[paths.notna()]
    rejected = list(entries.rejected)
    if official:
        kept, conflicts = _reject_split_conflicts(kept, entries, notes)
        rejected += conflicts
    images = _images(kept, paths, truth, entries, notes).assign(label_source=_label_source(path))
    if official:
        images["split"] = kept["official"].where(kept["official"] == "test").reset_index(drop=True)
    _require_both(images, classes, len(selected), folders or [root / "images", root / "images_001" / "images"], notes)
    used = [path, *(root / name for name in (*LISTS, BOXES, ADJUDICATED) if (root / name).is_file())]
    boxes, other_labels = read_boxes(root, notes), read_adjudicated(root, notes)
    return Source(
        kind="nih",
        images=images,
        findings=list(classes.findings),
        comparison=classes.compared_with,
        label_source=_label_source(path),
        rows=len(entries.rows),
        unused=len(entries.table) - len(selected),
        missing=int(paths.isna().sum()),
        missing_files=[
            (entries.rows.location(int(str(row))), str(name))
            for row, name in selected.loc[paths.isna(), "image_id"].items()
        ],
        rejected=rejected,
        given_split={"by": "official", "name": None},
        positive_alone=classes.only,
        tables=[str(follow_link(path)) for path in used],
        notes=notes,
        options={
            "root": str(root),
            "positive": positive if isinstance(positive, str) else list(positive),
            "negative": negative,
            "only": only,
            "table": table_version(path),
            "split": "official" if official else "seeded",
        },
        boxes=boxes,
        other_labels=other_labels,
        table=entries.table.assign(official=entries.table["official"].replace("both", pd.NA)).reset_index(drop=True),
    )


def _label_source(table: Path) -> str:
    return f"NIH ChestX-ray14 {table_version(table)}"


def _mark_official(root: Path, table: pd.DataFrame, split: str, notes: list[Note]) -> bool:
    """Write the official list of each image into `table`; return whether the lists define the split."""
    lists = read_official(root)
    if lists is None:
        missing = [name for name in LISTS if not (root / name).is_file()]
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
    in_train_val, in_test = (table["image_id"].isin(names).to_numpy() for names in lists)
    named = np.select([in_train_val & in_test, in_train_val, in_test], ["both", "train_val", "test"], "")
    table["official"] = pd.Series(named, index=table.index, dtype="string").replace("", pd.NA)
    return split != "seeded"


def _reject_split_conflicts(
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


def _images(
    kept: pd.DataFrame, paths: pd.Series, truth: pd.DataFrame, entries: Entries, notes: list[Note]
) -> pd.DataFrame:
    raw = entries.rows.frame.loc[kept.index]
    # Read again, because the remarks count the existing images only.
    read_ages(raw["Patient Age"], notes)
    read_sexes(raw["Patient Gender"], notes, "dicom")
    unusual = kept["view"].notna() & ~kept["view"].isin(["PA", "AP"])
    if unusual.any():
        count, first = int(unusual.sum()), str(kept["view"][unusual].iloc[0])
        text = f"views that are neither PA nor AP: {count:,}, such as {first!r}"
        notes.append(Note(text, "views_unusual", images=count, first=first))
    columns = kept[["image_id", "patient_id", "sex", "age", "view"]].assign(
        path=paths[kept.index], site="NIH Clinical Center"
    )
    return columns.join(truth).reset_index(drop=True)


def _require_both(
    images: pd.DataFrame, classes: ClassDefinition, selected: int, folders: list[Path], notes: list[Note]
) -> None:
    searched = ", ".join(map(str, folders))
    if images.empty:
        raise ImagesNotFoundError(
            f"None of the {selected:,} images selected ({classes.positive} against {classes.comparison}) exists in "
            f"{searched}. Unpack them there.",
            images=selected,
            searched=list(map(str, folders)),
        )
    for finding in classes.findings:
        missing = [
            (value, words)
            for value, words in ((1, f"with {finding}"), (0, f"of the comparison ({classes.comparison}) for {finding}"))
            if not (images[finding] == value).any()
        ]
        if missing and len(classes.findings) == 1:
            raise SingleClassError(
                f"No image {missing[0][1]} exists in {searched}. Unpack more of NIH's archives there.",
                finding=finding,
                missing=missing[0][0],
            )
        notes += [
            Note(
                f"no image {words} exists, so this finding cannot be learned",
                "no_positive" if value else "no_negative",
                finding=finding,
            )
            for value, words in missing
        ]


def _image_folders(root: Path) -> list[Path]:
    candidates = [root / "images", *sorted(root.glob("images_*/images")), *sorted(root.glob("images_*"))]
    return [folder for folder in candidates if folder.is_dir()]


def _find_images(folders: list[Path], selected: pd.Series, entries: Entries, notes: list[Note]) -> pd.Series:
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
