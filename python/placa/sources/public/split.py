"""Use the official split of a public set, without cutting a patient."""

from __future__ import annotations

import pandas as pd

from placa.records.codes import Note
from placa.records.source import GivenSplit
from placa.sources.errors import MissingOptionError
from placa.sources.source import TEMPORAL

#: The later split keeps a patient that two splits have.
_ORDER = {"train": 0, "validation": 1, "test": 2}


def choose_split(
    images: pd.DataFrame, split: str, notes: list[Note]
) -> tuple[pd.DataFrame, GivenSplit | None, list[tuple[str, str]]]:
    """Keep or remove the column ``split`` of the existing images.

    The official test set is kept as it is. If a set has no test images, its validation images are the test set; if it
    has no validation images, `prepare` takes some of the training images. A patient in two official splits remains in
    the test set alone; its other images are rejected.

    Args:
        images: The existing images; ``split`` is ``train``, ``validation``, ``test`` or missing.
        split: ``"official"``, ``"seeded"``, ``"temporal"`` or ``"auto"``.
        notes: Receives remarks.

    Returns:
        The images, the origin of their split, and ``(path, reason)`` of the rejected ones.

    Raises:
        MissingOptionError: `split` is official, and the set has no split.
    """
    found = set(images["split"].dropna()) if "split" in images else set()
    if split == "official" and not found & {"validation", "test"}:
        raise MissingOptionError(
            "The images have no official test or validation set. Add its table and images, or use --split seeded.",
            option="--split seeded",
            given=["--split official"],
        )
    if split in ("seeded", TEMPORAL) or not found & {"validation", "test"}:
        return images.drop(columns="split", errors="ignore"), None, []
    images = images.copy()
    if "test" not in found:
        images["split"] = images["split"].replace("validation", "test")
        text = "the set has no test images here, so its validation images are the test set"
        notes.append(Note(text, "validation_as_test", images=int((images["split"] == "test").sum())))
    if found != {"train", "validation", "test"}:
        images["split"] = images["split"].where(images["split"] == "test")
    kept, rejected = _undivided(images, notes)
    return kept, {"by": "official", "name": None}, rejected


def _undivided(images: pd.DataFrame, notes: list[Note]) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    if "patient_id" not in images or not images["patient_id"].notna().any():
        return images, []
    order = images["split"].map(_ORDER).fillna(0)
    last = order.groupby(images["patient_id"]).transform("max").fillna(order)
    cut = order < last
    if not cut.any():
        return images, []
    patients = sorted(set(images["patient_id"][cut]))
    text = f"patients in two official splits: {len(patients):,}, such as {patients[0]!r}; they remain in the later one"
    notes.append(Note(text, "patients_in_two_splits", patients=len(patients), images=int(cut.sum())))
    reasons = [
        (str(path), f"its patient {patient!r} is also in the official test or validation set")
        for path, patient in zip(images["path"][cut], images["patient_id"][cut], strict=True)
    ]
    return images[~cut], reasons
