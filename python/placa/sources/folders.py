"""Class folders: one folder per class, patients unknown."""

from __future__ import annotations

import argparse
import os
from collections.abc import Container, Sequence
from pathlib import Path

import pandas as pd

from placa.core.errors import require_known
from placa.core.files import explain_os_errors
from placa.core.language import translate
from placa.core.progress import Progress
from placa.core.text import as_list
from placa.images.listing import Listing, Skipped, list_folder, skipped_notes
from placa.images.read import EXTENSIONS, looks_like_image
from placa.records.codes import Note
from placa.records.source import REST, compared_with
from placa.sources.errors import DividedPatientError, EmptyClassFolderError, MissingOptionError, TooFewClassesError
from placa.sources.source import Source, require_directory
from placa.sources.tables.cells import split_word
from placa.sources.tables.identifiers import patients_in_paths

SPLIT_CHOICES = ("folders", "seeded")
PATIENT_CHOICES = ("names", "folders", "none")
#: Folders in a class folder that are not patients.
_IMAGE_FOLDERS = frozenset({"images", "image", "imgs", "img", "png", "jpg", "jpeg", "imagenes", "imágenes"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare folders``."""
    add = parser.add_argument
    add("root", type=Path, metavar="ROOT", help="directory with one folder per class; images at any depth")
    add(
        "--positive",
        required=True,
        nargs="+",
        metavar="FOLDER",
        help="the positive class; several are findings of their own; all others are the comparison",
    )
    add(
        "--split",
        choices=SPLIT_CHOICES,
        default="folders",
        help="folders: keep the split of ROOT/train/CLASS, ROOT/test/CLASS and so on (default); seeded: a random split",
    )
    add(
        "--patients",
        choices=PATIENT_CHOICES,
        default="names",
        help="names: names such as person12_3.jpeg name patients, as far as they do (default); folders: each folder in "
        "a class folder is a patient; none: all patients are unknown",
    )


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Read the source that the command line names."""
    progress.say(translate("listing the class folders"))
    return read_folders(options.root, options.positive, options.split, options.patients)


def read_folders(
    root: str | Path, positive: str | Sequence[str], split: str = "folders", patients: str = "names"
) -> Source:
    """List the images of class folders.

    Args:
        root: A directory with one folder per class, at least two; or with folders ``train``, ``val`` and ``test`` of
            which each has the class folders.
        positive: The folder of the positive class, or several, each of which is a finding; all others are the
            comparison. Findings of class folders exclude each other.
        split: ``"folders"`` to keep the split of the folders, if they have one; ``"seeded"`` for a random split.
        patients: ``"names"`` to take patients from names such as ``person12_3.jpeg``; ``"folders"`` if each folder in a
            class folder is a patient; ``"none"`` if all patients are unknown.

    Returns:
        Every image under the class folders at any depth, in natural file order within each; ``image_id`` is the path
        relative to `root`. Unless all patients are known, `prepare` searches for images that belong together
        (`placa.dataset.groups.group_images`), and keeps those of a known patient together. ``rejected`` has the images
        outside the class folders. ``skipped`` has the other files (see `placa.images.listing.list_folder`).

    Raises:
        MissingDirectoryError: `root` is not a directory.
        TooFewClassesError: There are fewer than two class folders.
        UnknownNameError: `positive` is not one of them, or an option is unknown.
        EmptyClassFolderError: A class folder has no image.
        DividedPatientError: The split of the folders divides a patient.
    """
    root = Path(root)
    for option, value, choices in (("split", split, SPLIT_CHOICES), ("patients", patients, PATIENT_CHOICES)):
        require_known(option, value, choices)
    require_directory(root, "one folder per class")
    with explain_os_errors():
        listing = list_folder(root)
    absent = {one.path for one in listing.skipped}
    parts = split_folders(root, absent)
    # The classes are in the folders of the splits, or in `root`.
    depth = 0 if parts == [""] else 1
    classes = sorted({name for part in parts for name in class_folders(root / part, absent)})
    in_classes, outside, skipped = _sort_files(root, listing, classes, depth)
    # A folder of masks beside the classes is no class.
    masks = {one.path.relative_to(root).parts[depth] for one in skipped if one.code == "mask"}
    classes = [name for name in classes if in_classes[name] or name not in masks]
    if len(classes) < 2:
        found = repr(classes[0]) if classes else "none"
        raise TooFewClassesError(
            f"{root} must have at least two class folders, found {found}.",
            directory=str(root),
            classes=classes,
        )
    findings = list(dict.fromkeys(as_list(positive)))
    for name in findings:
        require_known("class folder", name, classes)
    for name in classes:
        if not in_classes[name]:
            raise _empty_class(root, name, parts, listing.skipped)
    rejected = [(str(file), "it is outside the class folders: move it into one") for file in outside]
    rows = [
        (file.relative_to(root).as_posix(), os.path.abspath(file), name)
        for name in classes
        for file in in_classes[name]
    ]
    images = pd.DataFrame(rows, columns=["image_id", "path", "class"])
    counts = images["class"].value_counts()
    text = f"{len(classes)} classes: {', '.join(f'{counts[name]:,} {name}' for name in classes)}"
    notes = [Note(text, "classes", **{name: int(counts[name]) for name in classes})]
    notes += skipped_notes(skipped)
    by_folder = depth == 1 and split == "folders"
    if by_folder:
        images["split"] = images["image_id"].str.split("/").str[0].map(split_word)
    grouped = _name_patients(images, root, depth + 1, patients, notes)
    if by_folder:
        counted = images["split"].value_counts()
        parts_of_split = ", ".join(f"{n:,} {part}" for part, n in counted.items())
        text = f"the split of the folders is kept: {parts_of_split}"
        notes.append(Note(text, "split_of_folders", **{str(part): int(n) for part, n in counted.items()}))
        _require_undivided(images, root)
    others = [name for name in classes if name not in findings]
    of_class = images.pop("class")
    for name in findings:
        images[name] = (of_class == name).astype(int)
    images["label_source"] = "folders"
    return Source(
        kind="folders",
        images=images,
        findings=findings,
        comparison=compared_with(*others) if others else REST,
        label_source="folders",
        rejected=rejected,
        skipped=[(str(one.path), one.reason) for one in skipped],
        grouped=grouped,
        given_split={"by": "column", "name": None} if by_folder else None,
        keeps_split=by_folder,
        labelled_by_name=True,
        notes=notes,
        options={
            "root": str(root),
            "positive": findings[0] if len(findings) == 1 else findings,
            "split": split,
            "patients": patients,
        },
    )


def split_folders(root: Path, absent: Container[Path] = ()) -> list[str]:
    """List the folders of `root` that are splits and have class folders; ``[""]`` if `root` has the class folders."""
    folders = class_folders(root, absent)
    splits = [name for name in folders if split_word(name)]
    if len(splits) < 2 or len(splits) < len(folders) or not all(class_folders(root / name, absent) for name in splits):
        return [""]
    return splits


def _name_patients(images: pd.DataFrame, root: Path, depth: int, patients: str, notes: list[Note]) -> bool:
    """Add the column ``patient_id`` if patients are known; return whether all are.

    Args:
        images: The images.
        root: The directory.
        depth: The number of folders in ``image_id`` up to that of the class.
        patients: One of `PATIENT_CHOICES`.
        notes: Receives remarks.
    """
    inner = images["image_id"].str.split("/").str[depth:-1]
    in_folder = (inner.str.len() > 0) & ~inner.str[0].map(lambda name: str(name).casefold() in _IMAGE_FOLDERS)
    if patients == "none":
        return False
    if patients == "folders":
        known = inner.str[0].where(in_folder)
    else:
        named = images["image_id"].str.split("/").str[depth:].str.join("/")
        known = patients_in_paths(named)
        known = known.where(known != "")
    if not known.notna().any():
        if patients == "folders":
            raise MissingOptionError(
                f"The class folders in {root} have no folder per patient. Omit --patients folders.",
                option="--patients",
                given=["folders"],
            )
        if in_folder.all():
            text = "every image is in a folder of its class folder; if each is a patient, pass --patients folders"
            notes.append(Note(text, "folders_in_classes", folders=int(inner.str[0].nunique())))
        return False
    images["patient_id"] = known
    count = int(known.nunique())
    text = (
        f"patients by {'folder' if patients == 'folders' else 'name'}: {count:,}, in {int(known.notna().sum()):,} of "
        f"{len(images):,} images; --patients none ignores them"
    )
    notes.append(Note(text, "patients_by_name", patients=count, images=int(known.notna().sum())))
    return bool(known.notna().all())


def _require_undivided(images: pd.DataFrame, root: Path) -> None:
    if "patient_id" not in images:
        return
    splits = images.groupby("patient_id")["split"].nunique()
    divided = sorted(splits.index[splits > 1])
    if divided:
        raise DividedPatientError(
            f"The folders of {root} divide {len(divided):,} patients between splits (first: {divided[0]!r}), so "
            "results would be too optimistic. Pass --split seeded for a split by patient, or --patients none if "
            "equal names are different patients.",
            directory=str(root),
            patient=str(divided[0]),
            count=len(divided),
        )


def class_folders(root: Path, absent: Container[Path] = ()) -> list[str]:
    """List the folders in `root`, without hidden ones and those in `absent`: the classes."""
    folders = (folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    return sorted(folder.name for folder in folders if folder not in absent)


def _sort_files(
    root: Path, listing: Listing, classes: list[str], depth: int
) -> tuple[dict[str, list[Path]], list[Path], list[Skipped]]:
    """Return the images of each class, the images outside the class folders, and what is skipped."""
    in_classes: dict[str, list[Path]] = {name: [] for name in classes}
    outside: list[Path] = []
    skipped = list(listing.skipped)
    for file in listing:
        parts = file.relative_to(root).parts
        name = parts[depth] if len(parts) > depth + 1 else None
        if not looks_like_image(file):
            if name is not None:
                skipped.append(Skipped(file, "other_kind"))
        elif name is None:
            outside.append(file)
        else:
            in_classes[name].append(file)
    return in_classes, outside, skipped


def _empty_class(root: Path, name: str, parts: list[str], skipped: list[Skipped]) -> EmptyClassFolderError:
    folder = next(root / part / name for part in parts if (root / part / name).is_dir())
    why = "".join(
        f" {note[0].upper()}{note[1:]}." for note in skipped_notes([s for s in skipped if folder in s.path.parents])
    )
    return EmptyClassFolderError(
        f"{folder} holds no image.{why} Add image files ({', '.join(sorted(EXTENSIONS))}) or remove the folder.",
        directory=str(folder),
        extensions=sorted(EXTENSIONS),
    )
