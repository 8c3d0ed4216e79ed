"""The published mappings of RSNA's and SIIM's images to NIH's, which give the patients."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from placa.core.json_files import parse_json
from placa.records.codes import Note
from placa.sources.errors import TableFormatError
from placa.sources.overlaps import NIH_PREFIX
from placa.sources.public.files import find_tables
from placa.sources.tables import read_text_table

#: Keys of an image in the set, and of its original in ChestX-ray14.
_IMAGE = ("subset_img_id", "SOPInstanceUID", "patientId", "ImageId")
_ORIGINAL = ("img_id", "orig_img_id", "Image Index", "nih_image")


def map_to_nih(root: Path, images: pd.DataFrame, notes: list[Note]) -> list[Path]:
    """Add ``patient_id`` and ``nih_image`` where a file ``*mapping*.json`` or ``.csv`` names NIH's image.

    Args:
        root: The directory of the set.
        images: Its images, changed in place; without a file all patients are unknown.
        notes: Receives a remark.

    Returns:
        The files that were read.
    """
    found = find_tables(root, "*mapping*.json", "*mapping*.csv")
    if not found:
        text = (
            "the image ids are new for each image, so the patients are unknown and groups of similar images are found; "
            "add the published mapping to NIH's images (*mapping*.json) to know them"
        )
        notes.append(Note(text, "no_mapping"))
        return []
    frame = _read(found[0])
    image, original = (next((name for name in names if name in frame), None) for names in (_IMAGE, _ORIGINAL))
    if image is None or original is None:
        raise TableFormatError(
            f"{found[0]} is not a mapping to NIH's images: it needs {_IMAGE[0]} and {_ORIGINAL[0]}.",
            file=str(found[0]),
            format="mapping",
        )
    names = dict(zip(frame[image].astype(str), frame[original].astype(str), strict=True))
    nih = images["image_id"].map(names)
    images["patient_id"] = NIH_PREFIX + nih.str.extract(r"^0*(\d+)_")[0]
    known = int(images["patient_id"].notna().sum())
    text = f"patients by {found[0].name}: {images['patient_id'].nunique():,}, in {known:,} of {len(images):,} images"
    notes.append(Note(text, "patients_by_mapping", images=known, patients=int(images["patient_id"].nunique())))
    return [found[0]]


def _read(path: Path) -> pd.DataFrame:
    if path.suffix != ".json":
        return read_text_table(path).frame
    try:
        read = parse_json(path.read_text("utf-8"))
        return pd.DataFrame(read if isinstance(read, list) else read["dataset"])
    except (ValueError, KeyError, TypeError) as error:
        raise TableFormatError(f"{path} cannot be read as JSON ({error}).", file=str(path), format="json") from error
