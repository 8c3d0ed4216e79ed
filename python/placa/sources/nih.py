"""NIH ChestX-ray14, in the layout that the NIH Clinical Center hands out (Wang et al. 2017)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from placa.errors import PlacaError
from placa.files import explain_os_error
from placa.sources import NO_FINDING, Source, require_two_findings

_COLUMNS = ["Image Index", "Finding Labels", "Patient ID", "Patient Age", "Patient Gender", "View Position"]
#: The oldest person on record died at 122; NIH's table has ages up to 414.
OLDEST = 122.0


def read_nih(root: Path, positive: str, negative: str = NO_FINDING) -> Source:
    """Read NIH's tables and find the images that are there.

    An image is positive when its labels name `positive`, a comparison image when they name `negative` and not
    `positive`; the others are not used.

    Args:
        root: A directory with ``Data_Entry_2017*.csv`` and ``images/``, or ``images_001/images/`` and so on.
        positive: A finding of the table, ``"Pneumonia"``.
        negative: The finding to tell it from; images without any by default.

    Returns:
        The images that are there and have either label. ``split`` is taken from ``train_val_list.txt`` and
        ``test_list.txt`` where both lie in `root`: ``test``, or missing for an image still to be dealt to training or
        validation.

    Raises:
        PlacaError: There is no table, a column is missing, a finding is unknown, or no image is there.
    """
    table_path = _find_table(root)
    table = _read_table(table_path)
    labels = table["Finding Labels"].str.split("|").map(lambda names: {name.strip() for name in names})
    known = sorted(set().union(*labels))
    require_two_findings(positive, negative, known)
    has_positive = np.array([positive in names for names in labels])
    has_negative = np.array([negative in names for names in labels])
    wanted = table[has_positive | has_negative]
    folders = _image_folders(root)
    paths = wanted["Image Index"].map(_index_images(folders))
    there = paths.notna().to_numpy()
    if not there.any():
        looked = ", ".join(map(str, folders)) or f"{root}/images, {root}/images_001/images, …"
        raise PlacaError(
            f"None of the {len(wanted):,} images with {positive} or {negative} is in {looked}: unpack them there."
        )
    kept = wanted[there]
    images = pd.DataFrame(
        {
            "image_id": kept["Image Index"],
            "path": paths[there],
            "patient_id": kept["Patient ID"].str.strip(),
            positive: has_positive[kept.index].astype(int),
            "sex": kept["Patient Gender"].str.strip().where(lambda sex: sex.isin(["F", "M"])),
            "age": _years(kept["Patient Age"]),
            "view": kept["View Position"].str.strip().where(lambda view: view.isin(["PA", "AP"])),
            "site": "NIH Clinical Center",
            "label_source": _label_source(table_path),
        }
    ).reset_index(drop=True)
    notes: list[str] = []
    lists = _official_lists(root)
    if lists:
        images["split"], notes = _official_split(images, lists)
    return Source(
        kind="nih",
        images=images,
        findings=[positive],
        positive=positive,
        comparison=negative,
        label_source=_label_source(table_path),
        missing=int((~there).sum()),
        tables=[str(path) for path in (table_path, *lists)],
        notes=notes,
        options={"root": str(root), "positive": positive, "negative": negative},
    )


def _find_table(root: Path) -> Path:
    if not root.is_dir():
        raise PlacaError(f"{root} is not a directory: name the one that holds NIH's Data_Entry_2017*.csv and images.")
    tables = sorted(root.glob("Data_Entry_2017*.csv"))
    if not tables:
        raise PlacaError(f"{root} holds no Data_Entry_2017*.csv: put NIH's table there, beside the images.")
    # Data_Entry_2017_v2020.csv sorts last and is the newer of NIH's two.
    return _follow(tables[-1])


def _follow(path: Path) -> Path:
    """Follow a symbolic link that came as a text file, as git writes them where links are not to be had."""
    if path.stat().st_size < 4096:
        target = path.parent / path.read_text("utf-8", errors="replace").strip()
        if "\n" not in str(target) and target.is_file() and target.suffix == path.suffix:
            return target
    return path


def _read_table(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise explain_os_error(error, path) from error
    except (ValueError, UnicodeDecodeError) as error:
        raise PlacaError(f"{path} cannot be read as a table ({error}): download it again from NIH.") from error
    table.columns = table.columns.str.strip()
    missing = [name for name in _COLUMNS if name not in table]
    if missing:
        raise PlacaError(
            f"{path} lacks the column {missing[0]!r}, which NIH's own table has; it has {', '.join(table.columns[:8])}."
        )
    table["Image Index"] = table["Image Index"].str.strip()
    twice = table["Image Index"][table["Image Index"].duplicated()]
    if len(twice):
        raise PlacaError(f"{path} names the image {twice.iloc[0]!r} more than once: download it again from NIH.")
    return table


def _label_source(table: Path) -> str:
    version = "v2020" if "2020" in table.name else "v2017"
    return f"NIH ChestX-ray14 {version}"


def _image_folders(root: Path) -> list[Path]:
    candidates = [root / "images", *sorted(root.glob("images_*/images")), *sorted(root.glob("images_*"))]
    return [folder for folder in candidates if folder.is_dir()]


def _index_images(folders: list[Path]) -> dict[str, str]:
    # One listing a folder, not one question a file: a network disk answers 112,120 of those slowly.
    index: dict[str, str] = {}
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.lower().endswith(".png"):
                    index.setdefault(entry.name, os.path.abspath(entry.path))
    return index


def _years(age: pd.Series) -> pd.Series:
    # The 2017 table writes 058Y, 006M and 012D; the 2020 one plain years.
    parts = age.str.strip().str.extract(r"^(\d+)\s*([YMWD]?)$")
    unit = parts[1].map({"": 1.0, "Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25})
    years = pd.to_numeric(parts[0], errors="coerce") * unit
    return years.where(years <= OLDEST)


def _official_lists(root: Path) -> list[Path]:
    lists = [root / "train_val_list.txt", root / "test_list.txt"]
    return [_follow(path) for path in lists] if all(path.is_file() for path in lists) else []


def _official_split(images: pd.DataFrame, lists: list[Path]) -> tuple[pd.Series, list[str]]:
    train_val, test = ({line.strip() for line in path.read_text("utf-8-sig").splitlines()} for path in lists)
    split = images["image_id"].map(lambda name: "test" if name in test else None).astype("string")
    unlisted = int((~images["image_id"].isin(train_val | test)).sum())
    notes = ["test is NIH's official test list"]
    if unlisted:
        notes.append(f"{unlisted} images are in neither official list and were dealt to training and validation")
    return split, notes
