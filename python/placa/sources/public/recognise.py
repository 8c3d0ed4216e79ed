"""Recognise a data set by its files, for users who name another one."""

from __future__ import annotations

from pathlib import Path

from placa.sources.errors import WrongSourceError
from placa.sources.public.files import find_tables

#: Names of files or folders that only one source has.
_SIGNS = {
    "nih": ("Data_Entry_2017*.csv",),
    "rsna": ("stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"),
    "siim": ("*train-rle*.csv",),
    "mimic": ("mimic-cxr-2*.csv",),
    "padchest": ("PADCHEST_chest_x_ray_images_labels*.csv",),
    "vindr": ("image_labels_train.csv", "annotations_train.csv"),
    "openi": ("NLMCXR_reports*",),
    "chexpert": ("CheXpert-v1.0*/train.csv",),
    "cohen": ("metadata.csv",),
}
_FOLDERS = {
    "nlm-tb": ("CXR_png", "ChinaSet_AllFiles", "MontgomerySet"),
    "tbx11k": ("imgs/tb", "TBX11K/imgs/tb"),
    "kermany": ("chest_xray/train/PNEUMONIA", "train/PNEUMONIA"),
    "stoic": ("data/mha",),
    "openi": ("ecgen-radiology",),
}


def recognise(root: Path, expected: str) -> WrongSourceError | None:
    """Return the error that names the data set that a directory has, or None if it is not known or is the expected."""
    found = [kind for kind, names in _SIGNS.items() if find_tables(root, *names)]
    found += [kind for kind, names in _FOLDERS.items() if any((root / name).is_dir() for name in names)]
    found = [kind for kind in dict.fromkeys(found) if kind != expected]
    if not found:
        return None
    tries = " or ".join(f"placa prepare {kind}" for kind in found)
    return WrongSourceError(
        f"{root} looks like another data set. Try {tries} {root}.", directory=str(root), expected=expected, found=found
    )
