"""NIH ChestX-ray14, in the layout of the NIH Clinical Center (Wang et al. 2017)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from placa.core.errors import UnknownNameError
from placa.core.language import translate
from placa.core.progress import Progress
from placa.core.text import as_list
from placa.records.codes import Note
from placa.sources.errors import ImagesNotFoundError
from placa.sources.nih.findings import define_classes, truth_of
from placa.sources.nih.images import find_images, image_folders, mark_official, reject_split_conflicts
from placa.sources.nih.tables import (
    ADJUDICATED,
    BOXES,
    LISTS,
    VERSIONS,
    Entries,
    find_table,
    plain_or_compressed,
    read_adjudicated,
    read_boxes,
    read_entries,
    table_version,
    version_by_boxes,
)
from placa.sources.public.remarks import require_both
from placa.sources.recognise import naming_another_source
from placa.sources.source import NO_FINDING, TEMPORAL, Source, comparison_of, require_dates
from placa.sources.tables import follow_link
from placa.sources.tables.cells import read_ages, read_sexes
from placa.sources.views import VIEWS_HELP, select_views

_SPLITS = ("auto", "official", "seeded", TEMPORAL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare nih``."""
    add = parser.add_argument
    add("root", type=Path, metavar="ROOT", help="directory with Data_Entry_2017*.csv and images/ or images_001/ …")
    add(
        "--positive",
        required=True,
        nargs="+",
        metavar="FINDING",
        help="a finding; several findings; any (any finding against none); or all (the fourteen)",
    )
    add(
        "--negative",
        default=NO_FINDING,
        metavar="FINDING",
        help="the comparison: %(default)s (the default), rest (every image without the finding), or another finding",
    )
    add("--only", action="store_true", help="positive images have no other finding")
    add(
        "--table",
        metavar="VERSION",
        help="v2017, v2020 or the path of NIH's table, beside its lists and boxes (default: the newest in ROOT)",
    )
    add("--views", nargs="+", default=["all"], metavar="VIEW", help=f"{VIEWS_HELP} (default: all)")
    add(
        "--split",
        choices=_SPLITS,
        default="auto",
        help="official: NIH's test list; seeded: random, by patient; auto: official if both lists exist (default)",
    )


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Read the source that the command line names."""
    progress.say(translate("reading NIH's tables"))
    positive = options.positive[0] if len(options.positive) == 1 else options.positive
    return read_nih(options.root, positive, options.negative, options.only, options.table, options.split, options.views)


def read_nih(
    root: str | Path,
    positive: str | Sequence[str],
    negative: str = NO_FINDING,
    only: bool = False,
    table: str | None = None,
    split: str = "auto",
    views: str | Sequence[str] = "all",
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
        table: ``"v2017"``, ``"v2020"``, or the path of NIH's table if it is in another directory, with its lists and
            boxes; by default the newest in `root`.
        split: ``"official"`` for NIH's test list, ``"seeded"`` for a random split by patient, ``"auto"`` for the
            official one if both lists exist. ``"temporal"`` is an error, because `Follow-up #` orders the images of
            one patient only.
        views: ``"PA"``, ``"AP"``, ``"frontal"`` (both) or ``"all"``.

    Returns:
        The existing images with a truth. With the official lists ``split`` is ``test``, or missing for an image that
        `prepare` assigns to training or validation. ``rejected`` has each row of the table that contradicts itself or
        another row, ``boxes`` the lesion boxes, ``other_labels`` the adjudicated labels.

    Raises:
        UnknownNameError: A finding or `split` is unknown.
        DatesUnknownError: `split` is temporal.
        MissingFileError: The table, or a list that `split` needs, is missing.
        MissingColumnError: The table lacks a column.
        ImagesNotFoundError: None of the images exists.
        SingleClassError: All existing images have the same label.
    """
    root = Path(root)
    positive = positive if isinstance(positive, str) else list(positive)
    findings, comparison = define_classes(positive, negative)
    if split not in _SPLITS:
        raise UnknownNameError(
            f"`split` must be one of {', '.join(_SPLITS)}, got {split!r}.",
            kind="split",
            name=split,
            known=list(_SPLITS),
        )
    if split == TEMPORAL:
        require_dates(pd.DataFrame(), "NIH ChestX-ray14")
    if table in (None, *VERSIONS):
        with naming_another_source(root, "nih"):
            path = find_table(root, table)
    else:
        path = follow_link(Path(str(table)))
    # NIH's lists, boxes and adjudicated labels are beside its table.
    beside = path.parent if table not in (None, *VERSIONS) else root
    entries = read_entries(path)
    of_boxes: list[Note] = []
    boxes = read_boxes(beside, of_boxes)
    version = version_by_boxes(entries, boxes) or table_version(path)
    notes = [*entries.rows.notes, *_table_notes(path, version), *of_boxes]
    official = mark_official(beside, entries.table, split, notes)
    truth = truth_of(entries.table, findings, comparison, only)
    wanted = select_views(entries.table["view"], as_list(views), entries.table.index, notes)
    selected = entries.table[truth.notna().any(axis=1) & wanted]
    folders = image_folders(root)
    paths = find_images(folders, selected["image_id"], entries, notes)
    kept = selected[paths.notna()]
    rejected = list(entries.rejected)
    if official:
        kept, conflicts = reject_split_conflicts(kept, entries, notes)
        rejected += conflicts
    label_source = f"NIH ChestX-ray14 {version}"
    images = _images(kept, paths, truth, entries, notes).assign(label_source=label_source)
    if official:
        images["split"] = kept["official"].where(kept["official"] == "test").reset_index(drop=True)
    searched = list(map(str, folders or [root / "images", root / "images_001" / "images"]))
    where = ", ".join(searched)
    if images.empty:
        shown = ", ".join(findings) + (" only" if only else "")
        raise ImagesNotFoundError(
            f"None of the {len(selected):,} images selected ({shown} against {comparison}) exists in {where}. Unpack "
            "them there.",
            images=len(selected),
            searched=searched,
        )
    require_both(images, findings, where, notes)
    others = [plain_or_compressed(beside / name) for name in (*LISTS, BOXES, ADJUDICATED)]
    other_labels = read_adjudicated(beside, notes)
    return Source(
        kind="nih",
        images=images,
        findings=findings,
        comparison=comparison_of(comparison),
        label_source=label_source,
        rows=len(entries.rows),
        unused=len(entries.table) - len(selected),
        missing=int(paths.isna().sum()),
        missing_files=[
            (entries.rows.location(int(str(row))), str(name))
            for row, name in selected.loc[paths.isna(), "image_id"].items()
        ],
        rejected=rejected,
        given_split={"by": "official", "name": None},
        positive_alone=only,
        tables=[str(follow_link(file)) for file in (path, *others) if file.is_file()],
        notes=notes,
        options={
            "root": str(root),
            "positive": positive,
            "negative": negative,
            "only": only,
            "table": version,
            "views": as_list(views),
            "split": "official" if official else "seeded",
        },
        boxes=boxes,
        other_labels=other_labels,
        # The number of each image in the order of its patient's images, for the audit.
        acquisition=kept[["image_id", "follow_up"]].reset_index(drop=True) if "follow_up" in kept else None,
        table=entries.table.drop(columns="follow_up", errors="ignore")
        .assign(official=entries.table["official"].replace("both", pd.NA))
        .reset_index(drop=True),
    )


def _table_notes(path: Path, version: str) -> list[Note]:
    text = f"labels of {path.name} ({version})"
    if version == "v2020":
        text = (
            f"labels of {path.name} ({version}): those of images with lesion boxes include the findings of the readers "
            "who drew the boxes"
        )
    notes = [Note(text, f"nih_table_{version}", file=path.name)]
    if version != table_version(path):
        text = f"{path.name} has the labels of {version}, by the lesion boxes; its name is that of another version"
        notes.append(Note(text, "nih_table_renamed", file=path.name, version=version))
    return notes


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
