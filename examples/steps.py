"""Functions of both examples: contact sheets, and subsets of images that are fast enough for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from placa.dataset.pixel_cache import decode
from placa.phantoms.draw import draw_phantoms
from placa.sources.nih import read_nih
from placa.sources.source import Source


def save_sheet(paths: Sequence[str], file: str, across: int = 6, side: int = 170) -> str:
    """Write images side by side into one file, decoded as in placa; return its path."""
    rows = -(-len(paths) // across)
    sheet = Image.new("L", (across * (side + 4) - 4, rows * (side + 4) - 4), 255)
    for place, (levels, _) in enumerate(decode(list(paths), side)):
        if levels is not None:
            sheet.paste(Image.fromarray(levels[0]), ((place % across) * (side + 4), (place // across) * (side + 4)))
    sheet.save(file, optimize=True)
    return file


def as_numbers(paths: Sequence[str], side: int) -> np.ndarray:
    """Return one row per image with its grey levels as columns, as the original notebook did."""
    return np.stack([levels[0] for levels, _ in decode(list(paths), side)]).reshape(len(paths), -1)


def read_some(root: str, positive: str, images: int, drawn: bool) -> Source:
    """Read the images of NIH, or those of randomly selected patients, at most `images` of them.

    Args:
        root: The folder with the table and the images.
        positive: The finding (see `read_nih`).
        images: The maximum number of images.
        drawn: Whether the images are phantoms in the layout of NIH, which are labelled as phantoms.
    """
    source = read_nih(Path(root), positive, split="seeded")
    if drawn:
        phantoms = source.images.assign(site="phantom", label_source="phantom")
        source = replace(source, kind="phantom", label_source="phantom", images=phantoms)
    patients = source.images["patient_id"]
    everyone = np.random.default_rng(0).permutation(patients.unique())
    # Complete patients in random order, up to the maximum number of images.
    sizes = patients.value_counts().reindex(everyone).cumsum()
    kept = source.images[patients.isin(sizes.index[sizes <= images])].reset_index(drop=True)
    return replace(source, images=kept, unused=source.unused + len(source.images) - len(kept))


def draw_in_nih_layout(folder: str, images: int = 300) -> str:
    """Draw phantoms and write a table in the format of NIH; return the folder."""
    root = Path(folder)
    # One process, because the Python inside R cannot start others.
    drawn = draw_phantoms(root / "images", images, 256, seed=0, workers=1)
    # The label of NIH for such an opacity.
    names = {"Pneumothorax": "Pneumothorax", "Opacity": "Infiltration"}
    labels = ["|".join(name for column, name in names.items() if row[column] == 1) for _, row in drawn.iterrows()]
    written = pd.DataFrame(
        {
            "Image Index": [Path(path).name for path in drawn["path"]],
            "Finding Labels": [label or "No Finding" for label in labels],
            "Patient ID": pd.factorize(drawn["patient_id"])[0] + 1,
            "Patient Age": drawn["age"].astype(int),
            "Patient Gender": drawn["sex"],
            "View Position": drawn["view"],
        }
    )
    written.to_csv(root / "Data_Entry_2017_v2020.csv", index=False)
    return str(root)
