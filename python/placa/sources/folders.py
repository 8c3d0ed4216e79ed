"""Class folders: one folder a class, nothing known of the patients."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from placa.errors import PlacaError, unknown_name
from placa.images import EXTENSIONS, natural_order
from placa.sources import Source


def read_folders(root: Path, positive: str) -> Source:
    """List the images of class folders.

    Args:
        root: A directory with one folder a class, two at least.
        positive: The folder with the diseased ones; all others are the comparison.

    Returns:
        Every image under the class folders, in natural file order within each. The patients are unknown, so `prepare`
        looks for the images that belong together.

    Raises:
        PlacaError: There are not two class folders, `positive` is none of them, or one has no image.
    """
    if not root.is_dir():
        raise PlacaError(f"{root} is not a directory: name the one that holds a folder for each class.")
    classes = sorted(folder.name for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    if len(classes) < 2:
        found = f"only {classes[0]!r}" if classes else "none"
        raise PlacaError(f"{root} was to hold a folder for each class, two at least, and holds {found}.")
    if positive not in classes:
        raise unknown_name("class folder", positive, classes)
    rows: list[tuple[str, str, int]] = []
    for name in classes:
        files = _images_under(root / name)
        if not files:
            raise PlacaError(
                f"{root / name} holds no image: files ending in {', '.join(sorted(EXTENSIONS))} were expected there."
            )
        rows += [
            (f"{name}/{file.relative_to(root / name)}", os.path.abspath(file), int(name == positive)) for file in files
        ]
    images = pd.DataFrame(rows, columns=["image_id", "path", positive])
    images["label_source"] = "class folders"
    others = [name for name in classes if name != positive]
    return Source(
        kind="folders",
        images=images,
        findings=[positive],
        positive=positive,
        comparison=" or ".join(others),
        label_source="class folders",
        grouped=False,
        options={"root": str(root), "positive": positive},
    )


def _images_under(folder: Path) -> list[Path]:
    files = [Path(top, name) for top, _, names in os.walk(folder) for name in names if not name.startswith(".")]
    return sorted((file for file in files if file.suffix.lower() in EXTENSIONS), key=natural_order)
