"""Find the images of another data set that a model knows from its training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from msgspec import convert
from numpy.typing import NDArray

from placa.dataset.groups.likeness import duplicates_between
from placa.records.reading import Reading
from placa.records.run_facts import LOCAL, RunFacts
from placa.records.source import SourceFacts
from placa.records.validation import LeftOut
from placa.sources.overlaps import NIH_PREFIX, shared_images

#: Sources whose image and patient names are the user's own: equal names in two sets may be different patients.
_OWN_NAMES = ("table", "folders", "phantom", "dicom", "stoic")
#: A hash of a patient ID under a secret key. Equal hashes are the same patient in any two sets.
_HASH = "[0-9a-f]{16,64}"


@dataclass(frozen=True)
class KnownImages:
    """The images of a data set that a model knows.

    Attributes:
        known: Whether the model knows each image, shape ``(n,)``.
        counts: How many images there are for each reason.
        shared: What the two sources are known to share, or None.
    """

    known: NDArray[np.bool_]
    counts: LeftOut
    shared: str | None


def find_known_images(
    images: pd.DataFrame,
    facts: SourceFacts,
    model_images: pd.DataFrame,
    model: RunFacts,
    pixels: NDArray[np.uint8],
    model_pixels: NDArray[np.uint8] | None,
) -> KnownImages:
    """Compare a data set with all images of the data set of a model, its test images included.

    Args:
        images: The images (or volumes) of the data set, with ``image_id`` and ``patient_id``.
        facts: Its ``source.json``.
        model_images: The images of the model's data set, with the same columns.
        model: The content of ``run.json`` of the model.
        pixels: Pixels of the data set, a constant number of consecutive squares per image.
        model_pixels: Pixels of the model's data set at the same size; None if they do not exist.

    Returns:
        The known images. An image is counted once, in the order of `LeftOut`.
    """
    model_data, same_names = model["data"], share_names(facts, model)
    names = ["image_id", "patient_id"]
    model_images = model_images.assign(**{name: model_images[name].str.removeprefix(LOCAL) for name in names})
    reasons = {
        "same_image": images["image_id"].isin(model_images["image_id"]).to_numpy(dtype=bool) & same_names,
        "same_patient": _same_patients(images["patient_id"], model_images["patient_id"], same_names)
        | _same_nih_patients(images["patient_id"], facts["kind"], model_images["patient_id"], model_data["kind"]),
    }
    if model_pixels is not None:
        reading = Reading.from_record(facts["reading"])
        found = duplicates_between(reading.middle_rows(model_pixels), reading.middle_rows(pixels))
        for kind, pairs in (("exact", found.exact), ("near", found.near)):
            reasons[f"{kind}_duplicate"] = np.isin(np.arange(len(images)), pairs[:, 1])
    known = np.zeros(len(images), dtype=bool)
    counts: dict[str, int | None] = {
        name: None for name in ("same_image", "same_patient", "exact_duplicate", "near_duplicate")
    }
    for name, reason in reasons.items():
        counts[name] = int((reason & ~known).sum())
        known |= reason
    return KnownImages(known, convert(counts, LeftOut), shared_images(facts["kind"], model_data["kind"]))


def share_names(facts: SourceFacts, model: RunFacts) -> bool:
    """Return whether equal names are the same image and patient in a data set and in those of a model.

    Args:
        facts: The ``source.json`` of the data set.
        model: The ``run.json`` of the model.
    """
    model_data = model["data"]
    known = [model_data["fingerprint"]] + ([model["update"]["fingerprint"]] if "update" in model else [])
    if facts["fingerprint"] in known:
        return True
    return facts["kind"] == model_data["kind"] and facts["kind"] not in _OWN_NAMES


def _same_nih_patients(patients: pd.Series, kind: str, others: pd.Series, other_kind: str) -> NDArray[np.bool_]:
    """Return which patients of NIH, under a prefix in the sets that took their images from it, are in both sets."""

    def numbers(names: pd.Series, kind: str) -> pd.Series:
        return (
            names
            if kind == "nih"
            else names.where(names.str.startswith(NIH_PREFIX, na=False)).str.removeprefix(NIH_PREFIX)
        )

    theirs = numbers(patients, kind)
    return (theirs.notna() & theirs.isin(numbers(others, other_kind).dropna())).to_numpy(dtype=bool)


def _same_patients(patients: pd.Series, others: pd.Series, same_names: bool) -> NDArray[np.bool_]:
    comparable = patients.notna()
    if not same_names:
        comparable &= patients.astype("string").str.fullmatch(_HASH).fillna(False).astype(bool)
    return (comparable & patients.isin(others.dropna())).to_numpy(dtype=bool)
