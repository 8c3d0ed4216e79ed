"""Class folders: one folder per class, patients unknown."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pandas as pd

from placa.core.errors import unknown_name
from placa.core.files import explain_os_error
from placa.core.progress import Progress
from placa.images.read import EXTENSIONS, files_under, looks_like_image, natural_order
from placa.records.codes import Note
from placa.records.source import compared_with
from placa.sources.errors import EmptyClassFolderError, MissingDirectoryError, TooFewClassesError
from placa.sources.source import Source

_NOT_AN_IMAGE = "its name does not have an image extension: rename it if it is an image"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare folders``."""
    parser.add_argument(
        "root", type=Path, metavar="ROOT", help="directory with one folder per class; images at any depth"
    )
    parser.add_argument(
        "--positive", required=True, metavar="FOLDER", help="the positive class; all others are the comparison"
    )


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Read the source that the command line names."""
    progress.say("listing the class folders")
    return read_folders(options.root, options.positive)


def read_folders(root: str | Path, positive: str) -> Source:
    """List the images of class folders.

    Args:
        root: A directory with one folder per class, at least two.
        positive: The folder of the positive class; all others are the comparison.

    Returns:
        Every image under the class folders at any depth, in natural file order within each; ``image_id`` is the path
        relative to `root`. Patients are unknown, so `prepare` searches for images that belong together
        (`placa.dataset.groups.group_images`). ``rejected`` has the images outside the class folders, and the files in
        them without an image extension.

    Raises:
        MissingDirectoryError: `root` is not a directory.
        TooFewClassesError: `root` has fewer than two folders.
        UnknownNameError: `positive` is not one of them.
        EmptyClassFolderError: A class folder has no image.
    """
    root = Path(root)
    if not root.is_dir():
        raise MissingDirectoryError(
            f"{root} is not a directory. Name the directory that has one folder per class.", directory=str(root)
        )
    classes = class_folders(root)
    if len(classes) < 2:
        found = repr(classes[0]) if classes else "none"
        raise TooFewClassesError(
            f"{root} must have at least two class folders, found {found}.",
            directory=str(root),
            classes=classes,
        )
    if positive not in classes:
        raise unknown_name("class folder", positive, classes)
    rows: list[tuple[str, str, int]] = []
    rejected = [
        (str(file), "it is outside the class folders: move it into one") for file in _images_outside_classes(root)
    ]
    for name in classes:
        images_found, other_files = _files_of_class(root / name)
        rows += [
            (file.relative_to(root).as_posix(), os.path.abspath(file), int(name == positive)) for file in images_found
        ]
        rejected += [(str(file), _NOT_AN_IMAGE) for file in other_files]
    images = pd.DataFrame(rows, columns=["image_id", "path", positive])
    images["label_source"] = "folders"
    others = [name for name in classes if name != positive]
    counts = images["image_id"].str.split("/").str[0].value_counts()
    text = f"{len(classes)} classes: " + ", ".join(f"{counts[name]:,} {name}" for name in classes)
    notes = [Note(text, "classes", **{name: int(counts[name]) for name in classes})]
    return Source(
        kind="folders",
        images=images,
        findings=[positive],
        comparison=compared_with(*others),
        label_source="folders",
        rejected=rejected,
        grouped=False,
        labelled_by_name=True,
        notes=notes,
        options={"root": str(root), "positive": positive},
    )


def class_folders(root: Path) -> list[str]:
    """List the folders in `root`, without hidden ones: the classes."""
    return sorted(folder.name for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _files_of_class(folder: Path) -> tuple[list[Path], list[Path]]:
    """List the images under a class folder at any depth, in natural order, and the other files."""
    try:
        files = files_under(folder)
    except OSError as error:
        raise explain_os_error(error, error.filename or folder) from error
    images = [file for file in files if looks_like_image(file)]
    if not images:
        raise EmptyClassFolderError(
            f"{folder} holds no image. Add image files ({', '.join(sorted(EXTENSIONS))}) or remove the folder.",
            directory=str(folder),
            extensions=sorted(EXTENSIONS),
        )
    known = set(images)
    return images, [file for file in files if file not in known]


def _images_outside_classes(root: Path) -> list[Path]:
    return sorted(
        (file for file in root.iterdir() if file.suffix.lower() in EXTENSIONS and file.is_file()), key=natural_order
    )
