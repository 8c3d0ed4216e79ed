"""NIH ChestX-ray14, in the layout that the NIH Clinical Center hands out (Wang et al. 2017)."""

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
from placa.sources.errors import ImagesNotFoundError, MissingFileError, SingleClassError
from placa.sources.nih.findings import Question, ask
from placa.sources.nih.tables import (
    ADJUDICATED,
    BOXES,
    LISTS,
    Entries,
    find_table,
    read_adjudicated,
    read_boxes,
    read_entries,
    read_official,
    stems,
    table_version,
)
from placa.sources.source import NO_FINDING, Source
from placa.sources.tables import follow_link
from placa.sources.tables.cells import read_ages, read_sexes

_SPLITS = ("auto", "official", "seeded")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare nih``."""
    parser.add_argument(
        "root", type=Path, metavar="ROOT", help="holds Data_Entry_2017*.csv and images/ or images_001/ …"
    )
    parser.add_argument(
        "--positive",
        required=True,
        nargs="+",
        metavar="FINDING",
        help="the finding to tell; several, each for itself; any (diseased against healthy); all (the fourteen)",
    )
    parser.add_argument(
        "--negative",
        default=NO_FINDING,
        metavar="FINDING",
        help="from what: %(default)s (the default), rest (every image without it), or another finding",
    )
    parser.add_argument("--only", action="store_true", help="positive images have that finding alone")
    parser.add_argument("--table", choices=("v2017", "v2020"), help="which of NIH's tables (default: the newer there)")
    parser.add_argument(
        "--split",
        choices=_SPLITS,
        default="auto",
        help="official: NIH's test list; seeded: patient-wise by lot; auto: official where the lists are there",
    )


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Make the source that the command line asks for."""
    progress.say("reading NIH's tables")
    positive = options.positive[0] if len(options.positive) == 1 else options.positive
    return read_nih(options.root, positive, options.negative, options.only, options.table, options.split)


def read_nih(
    root: Path,
    positive: str | Sequence[str],
    negative: str = NO_FINDING,
    only: bool = False,
    table: str | None = None,
    split: str = "auto",
) -> Source:
    """Read NIH's tables and find the images that are there.

    An image is positive for a finding when its labels name it, and a comparison image when they name `negative` and
    not the finding; for a finding where it is neither, its truth is missing, and images with no truth are not used.

    Args:
        root: A directory with ``Data_Entry_2017*.csv`` and ``images/``, or ``images_001/images/`` and so on; and, where
            they are there, NIH's two official lists, ``BBox_List_2017.csv``, ``adjudicated_labels_google2019.csv``.
        positive: A finding of the table, ``"Pneumonia"``; several; ``"any"``, which makes one finding ``Any Finding``;
            or ``"all"`` for the fourteen.
        negative: What to tell it from: ``"No Finding"``, ``"rest"`` (every image without it) or a finding.
        only: Whether positive images must have the finding alone.
        table: ``"v2017"`` or ``"v2020"``; by default the newer of those there.
        split: ``"official"`` for NIH's test list, ``"seeded"`` for a patient-wise split by lot, ``"auto"`` for the
            official one where both lists are there.

    Returns:
        The images that are there and have a truth. With the official lists ``split`` is ``test``, or missing for an
        image still to be dealt to training or validation. ``rejected`` has each row of the table that contradicts
        itself or another, ``boxes`` the lesion boxes, ``other_labels`` the adjudicated ones.

    Raises:
        PlacaError: There is no table, a column is missing, a finding is unknown, a list is missing that was asked for,
            or no image is there.
    """
    question = ask(positive, negative, only)
    if split not in _SPLITS:
        raise UnknownNameError(
            f"The split is one of {', '.join(_SPLITS)}, and {split!r} came.",
            kind="split",
            name=split,
            known=list(_SPLITS),
        )
    path = find_table(root, table)
    entries = read_entries(path)
    notes = list(entries.rows.notes)
    official = _mark_official(root, entries.table, split, notes)
    truth = question.answer(entries.table)
    wanted = entries.table[truth.notna().any(axis=1)]
    folders = _image_folders(root)
    paths = _find_images(folders, wanted["image_id"], entries, notes)
    kept = wanted[paths.notna()]
    rejected = list(entries.rejected)
    if official:
        kept, strays = _reject_strays(kept, entries, notes)
        rejected += strays
    images = _images(kept, paths, truth, entries, notes).assign(label_source=_label_source(path))
    if official:
        images["split"] = kept["official"].where(kept["official"] == "test").reset_index(drop=True)
    _require_both(images, question, len(wanted), folders or [root / "images", root / "images_001" / "images"], notes)
    used = [path, *(root / name for name in (*LISTS, BOXES, ADJUDICATED) if (root / name).is_file())]
    boxes, other_labels = read_boxes(root, notes), read_adjudicated(root, notes)
    return Source(
        kind="nih",
        images=images,
        findings=list(question.findings),
        positive=question.positive,
        comparison=question.comparison,
        label_source=_label_source(path),
        rows=len(entries.rows),
        unused=len(entries.table) - len(wanted),
        missing=int(paths.isna().sum()),
        rejected=rejected,
        given_split="official test list",
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


def _mark_official(root: Path, table: pd.DataFrame, split: str, notes: list[str]) -> bool:
    """Write into `table` which list names an image; whether the split is to be taken from the lists."""
    lists = read_official(root)
    if lists is None:
        lacks = [name for name in LISTS if not (root / name).is_file()]
        if split == "official":
            raise MissingFileError(
                f"{root} holds no {lacks[0]}: put NIH's two lists there, or take --split seeded.",
                directory=str(root),
                file=lacks[0],
                found=[name for name in LISTS if name not in lacks],
            )
        if len(lacks) == 1 and split == "auto":
            notes.append(f"{lacks[0]} is not there, so the other official list was not used")
        return False
    in_train_val, in_test = (table["image_id"].isin(names).to_numpy() for names in lists)
    named = np.select([in_train_val & in_test, in_train_val, in_test], ["both", "train_val", "test"], "")
    table["official"] = pd.Series(named, index=table.index, dtype="string").replace("", pd.NA)
    return split != "seeded"


def _reject_strays(
    kept: pd.DataFrame, entries: Entries, notes: list[str]
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Set aside the images that the official lists put on both sides."""
    official = kept["official"].fillna("")
    test_patients = entries.table.loc[(entries.table["official"] == "test").fillna(False), "patient_id"]
    both = official == "both"
    stray = (official == "") & kept["patient_id"].isin(test_patients)
    unlisted = int(((official == "") & ~stray).sum())
    if unlisted:
        notes.append(f"images in neither official list: {unlisted:,}; they were dealt to training and validation")
    reasons = {
        row: f"the image {kept.at[row, 'image_id']!r} is in both official lists: take it out of one"
        for row in kept.index[both]
    } | {
        row: f"the image {kept.at[row, 'image_id']!r} is in neither official list, and its patient is in the test list"
        for row in kept.index[stray]
    }
    return kept[~(both | stray)], [(entries.rows.where(row), reason) for row, reason in reasons.items()]


def _images(
    kept: pd.DataFrame, paths: pd.Series, truth: pd.DataFrame, entries: Entries, notes: list[str]
) -> pd.DataFrame:
    raw = entries.rows.frame.loc[kept.index]
    # Read again, for the remarks are to count the images that are there.
    read_ages(raw["Patient Age"], notes)
    read_sexes(raw["Patient Gender"], notes)
    odd = kept["view"].notna() & ~kept["view"].isin(["PA", "AP"])
    if odd.any():
        notes.append(f"views that are neither PA nor AP: {int(odd.sum()):,}, such as {kept['view'][odd].iloc[0]!r}")
    columns = kept[["image_id", "patient_id", "sex", "age", "view"]].assign(
        path=paths[kept.index], site="NIH Clinical Center"
    )
    return columns.join(truth).reset_index(drop=True)


def _require_both(images: pd.DataFrame, question: Question, wanted: int, folders: list[Path], notes: list[str]) -> None:
    looked = ", ".join(map(str, folders))
    if images.empty:
        raise ImagesNotFoundError(
            f"None of the {wanted:,} images asked for ({question.positive} against {question.comparison}) is in "
            f"{looked}: unpack them there.",
            images=wanted,
            searched=list(map(str, folders)),
        )
    for finding in question.findings:
        lacks = [
            (value, words)
            for value, words in ((1, f"with {finding}"), (0, f"to tell {finding} from ({question.comparison})"))
            if not (images[finding] == value).any()
        ]
        if lacks and len(question.findings) == 1:
            raise SingleClassError(
                f"No image {lacks[0][1]} is in {looked}: unpack more of NIH's archives there.",
                finding=finding,
                missing=lacks[0][0],
            )
        notes += [f"there is no image {words}, so its column teaches nothing" for _, words in lacks]


def _image_folders(root: Path) -> list[Path]:
    candidates = [root / "images", *sorted(root.glob("images_*/images")), *sorted(root.glob("images_*"))]
    return [folder for folder in candidates if folder.is_dir()]


def _find_images(folders: list[Path], wanted: pd.Series, entries: Entries, notes: list[str]) -> pd.Series:
    # One listing a folder, not one question a file: a network disk answers 112,120 of those slowly.
    index: dict[str, str] = {}
    twice: list[str] = []
    for folder in folders:
        with os.scandir(folder) as items:
            for item in sorted(items, key=lambda item: item.name):
                if os.path.splitext(item.name)[1].lower() in EXTENSIONS:
                    if item.name in index:
                        twice.append(item.name)
                    index.setdefault(item.name, os.path.abspath(item.path))
    paths = wanted.map(index)
    if len(index) > paths.notna().sum():
        # Some keep the images as JPEG, or shrank them, under the same name but for its ending.
        by_stem = {os.path.splitext(name)[0].lower(): path for name, path in index.items()}
        paths = paths.astype(object).where(paths.notna(), stems(wanted).map(by_stem))
        named = set(stems(entries.rows.frame["Image Index"]))
        strange = [path for stem, path in by_stem.items() if stem not in named]
        if strange:
            notes.append(f"image files that no row of the table names: {len(strange):,}, such as {strange[0]}")
    if twice:
        notes.append(f"images that lie in two folders: {len(twice):,}, such as {twice[0]}; the first was taken")
    return paths
