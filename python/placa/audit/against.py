"""Compare two data sets: which images and patients they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from placa.dataset.groups.likeness import duplicates_between
from placa.dataset.prepared import Prepared
from placa.records.audit import NearRule
from placa.records.reading import collapse
from placa.sources.overlaps import NIH_PREFIX, shared_images


@dataclass(frozen=True)
class SetOverlap:
    """What two data sets share.

    Attributes:
        known: What their sources share by name, or None.
        pairs: One row per pair: ``image_id`` and ``split`` of the first set, ``other_image_id`` and ``other_split``,
            ``kind`` (``"exact"`` or ``"near"``) and ``correlation`` (missing for exact ones).
        patients: The patients that both sets have, if their ids can be compared.
        rule: The definition of a near duplicate.
    """

    known: str | None
    pairs: pd.DataFrame
    patients: list[str]
    rule: NearRule


def compare_sets(first: Prepared, second: Prepared) -> SetOverlap:
    """Find the images and patients that two prepared data sets share.

    Args:
        first: A data set, for example the one that a model was trained on.
        second: Another, for example the one for external validation.

    Returns:
        The pairs (see `placa.dataset.groups.likeness.duplicates_between`). Patients are compared if both sets have the
        same source, or if both have NIH's patients.
    """
    left, right = (collapse(prepared.manifest, prepared.reading) for prepared in (first, second))
    found = duplicates_between(first.reading.middle_rows(first.pixels), second.reading.middle_rows(second.pixels))
    pairs = np.concatenate([found.exact, found.near])
    table = pd.DataFrame(
        {
            "image_id": left["image_id"].to_numpy()[pairs[:, 0]],
            "split": left["split"].to_numpy()[pairs[:, 0]],
            "other_image_id": right["image_id"].to_numpy()[pairs[:, 1]],
            "other_split": right["split"].to_numpy()[pairs[:, 1]],
            "kind": ["exact"] * len(found.exact) + ["near"] * len(found.near),
            "correlation": np.concatenate([np.full(len(found.exact), np.nan), found.correlation]),
        }
    )
    kinds = first.facts["kind"], second.facts["kind"]
    shared = set(_patients(left, kinds[0])) & set(_patients(right, kinds[1]))
    return SetOverlap(shared_images(*kinds), table, sorted(shared), found.rule)


def _patients(manifest: pd.DataFrame, kind: str) -> list[str]:
    """Return patients in a form that can be compared between sources: their source, and their number in it."""
    known = [str(patient) for patient in manifest["patient_id"].dropna().unique()]
    return [
        f"nih/{name.removeprefix(NIH_PREFIX)}" if kind == "nih" or name.startswith(NIH_PREFIX) else f"{kind}/{name}"
        for name in known
    ]
