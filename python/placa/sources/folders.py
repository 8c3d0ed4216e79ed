"""Class folders: one folder a class, nothing known of the patients."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pandas as pd

from placa.core.errors import unknown_name
from placa.core.files import explain_os_error
from placa.core.progress import Progress
from placa.images.read import EXTENSIONS, files_under, looks_like_image, natural_order
from placa.sources.errors import EmptyClassFolderError, MissingDirectoryError, TooFewClassesError
from placa.sources.source import Source

_NO_IMAGE = "its name does not end like an image's: rename it if it is one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare folders``."""
    parser.add_argument("root", type=Path, metavar="ROOT", help="holds one folder a class, with images at any depth")
    parser.add_argument(
        "--positive", required=True, metavar="FOLDER", help="the class to tell; the comparison is all the others"
    )


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Make the source that the command line asks for."""
    progress.say("listing the class folders")
    return read_folders(options.root, options.positive)


def read_folders(root: Path, positive: str) -> Source:
    """List the images of class folders.

    Args:
        root: A directory with one folder a class, two at least.
        positive: The folder with the diseased ones; all others are the comparison.

    Returns:
        Every image under the class folders at any depth, in natural file order within each, named by its path from
        `root`. The patients are unknown, so `prepare` looks for the images that belong together
        (`placa.dataset.groups.group_images`).
        ``rejected`` has images beside the class folders, and other files in them.

    Raises:
        PlacaError: There are not two class folders, `positive` is none of them, or one has no image.
    """
    if not root.is_dir():
        raise MissingDirectoryError(
            f"{root} is not a directory: name the one that holds a folder for each class.", directory=str(root)
        )
    classes = class_folders(root)
    if len(classes) < 2:
        found = f"only {classes[0]!r}" if classes else "none"
        raise TooFewClassesError(
            f"{root} was to hold a folder for each class, two at least, and holds {found}.",
            directory=str(root),
            classes=classes,
        )
    if positive not in classes:
        raise unknown_name("class folder", positive, classes)
    rows: list[tuple[str, str, int]] = []
    rejected = [(str(file), "it lies in no class folder: move it into one") for file in _loose_images(root)]
    for name in classes:
        images_there, others_there = _files_of_class(root / name)
        rows += [
            (file.relative_to(root).as_posix(), os.path.abspath(file), int(name == positive)) for file in images_there
        ]
        rejected += [(str(file), _NO_IMAGE) for file in others_there]
    images = pd.DataFrame(rows, columns=["image_id", "path", positive])
    images["label_source"] = "class folders"
    others = [name for name in classes if name != positive]
    counts = images["image_id"].str.split("/").str[0].value_counts()
    notes = [f"{len(classes)} classes: " + ", ".join(f"{counts[name]:,} {name}" for name in classes)]
    return Source(
        kind="folders",
        images=images,
        findings=[positive],
        positive=positive,
        comparison=" or ".join(others),
        label_source="class folders",
        rejected=rejected,
        grouped=False,
        labelled_by_name=True,
        notes=notes,
        options={"root": str(root), "positive": positive},
    )


def class_folders(root: Path) -> list[str]:
    """The names of the folders in `root`, each of which is a class, without hidden ones."""
    return sorted(folder.name for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _files_of_class(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images under a class folder at any depth, in natural order, and the other files there."""
    try:
        every = files_under(folder)
    except OSError as error:
        raise explain_os_error(error, error.filename or folder) from error
    images = [file for file in every if looks_like_image(file)]
    if not images:
        raise EmptyClassFolderError(
            f"{folder} holds no image: files ending in {', '.join(sorted(EXTENSIONS))} were expected there.",
            directory=str(folder),
            extensions=sorted(EXTENSIONS),
        )
    known = set(images)
    return images, [file for file in every if file not in known]


def _loose_images(root: Path) -> list[Path]:
    return sorted(
        (file for file in root.iterdir() if file.suffix.lower() in EXTENSIONS and file.is_file()), key=natural_order
    )
