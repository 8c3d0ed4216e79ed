"""The rows of an evaluation: the labelled images of one split, their clusters, and the check for leaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.dataset.errors import in_two_splits
from placa.evaluation.errors import EmptySplitError, NeedsRError
from placa.evaluation.in_python.proportions import Floats
from placa.records.errors import DuplicateImageError
from placa.sources.tables.identifiers import join_groups


@dataclass(frozen=True)
class FindingRows:
    """The labelled images of one finding.

    Attributes:
        finding: Its name.
        truth: 0 or 1, shape ``(images,)``.
        probability: 0 to 1, same shape.
        cluster: Number of the patient or group of each image, from 0.
        patients: Number of patients; None if a patient is unknown.
    """

    finding: str
    truth: Floats
    probability: Floats
    cluster: NDArray[np.int64]
    patients: int | None


def select_rows(predictions: pd.DataFrame, split: str, warn: Callable[[str], None]) -> pd.DataFrame:
    """Return the labelled rows of a split that have a probability.

    Raises:
        EmptySplitError: The split has no rows, or no labelled ones.
        PatientInTwoSplitsError: A patient, group or image is also in another split.
        DuplicateImageError: An image has several rows of one finding.
        NeedsRError: The predictions are of a cross-validation.
    """
    if predictions["split"].isna().all() and split == "test":
        predictions = predictions.assign(split="test")
    inside = predictions["split"].eq(split).fillna(False)
    chosen = predictions[inside]
    if chosen["truth"].isna().all():
        known = sorted(predictions["split"].dropna().unique())
        problem = f"no labelled rows of the split {split!r}" if len(chosen) else f"no rows of the split {split!r}"
        message = f"The predictions have {problem}. Their splits are {', '.join(known)}."
        raise EmptySplitError(message, split=split, known=known)
    _require_disjoint(chosen, predictions[~inside & predictions["split"].notna()], split)
    if "fold" in chosen and chosen["fold"].nunique(dropna=False) > 1:
        raise NeedsRError(
            "The predictions of a cross-validation are compared within folds, which needs R. Install R.", part="folds"
        )
    rows = chosen[chosen["truth"].notna()]
    twice = rows.duplicated(["image_id", "finding"])
    if twice.any():
        image = str(rows["image_id"][twice].iloc[0])
        message = f"Image {image!r} has several rows of one finding. Average duplicated predictions."
        raise DuplicateImageError(message, image_id=image)
    without = int(rows["probability"].isna().sum())
    if without == len(rows):
        message = f"No labelled row of the split {split!r} has a probability. Complete the column."
        raise EmptySplitError(message, split=split, known=sorted(predictions["split"].dropna().unique()))
    if without:
        warn(f"{without:,} labelled rows of the {split} split without a probability are excluded; report this")
    return rows[rows["probability"].notna()]


def _require_disjoint(inside: pd.DataFrame, others: pd.DataFrame, split: str) -> None:
    for column, unit in (("patient_id", "patient"), ("group_id", "group"), ("image_id", "image")):
        shared = sorted(set(inside[column].dropna()) & set(others[column].dropna()))
        if shared:
            splits = sorted({split, *others.loc[others[column] == shared[0], "split"]})
            raise in_two_splits(unit, shared, splits, "Split by patient and train again.")


def by_finding(rows: pd.DataFrame) -> Iterator[FindingRows]:
    """Yield the rows of each finding, in the order of appearance."""
    for finding, of in rows.groupby("finding", sort=False):
        yield FindingRows(
            str(finding),
            of["truth"].to_numpy(np.float64),
            of["probability"].to_numpy(np.float64),
            cluster_index(of),
            None if of["patient_id"].isna().any() else int(of["patient_id"].nunique()),
        )


def cluster_index(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Return the number of the cluster of each row: its group, otherwise its patient, otherwise the image.

    Groups that share a patient are one cluster.
    """
    names: pd.Series[Any] = rows["group_id"].astype("object")
    for column in ("patient_id", "image_id"):
        names = names.where(names.notna(), column + " " + rows[column].astype("object"))
    return np.asarray(pd.factorize(join_groups(names, rows["patient_id"].astype("object")))[0], dtype=np.int64)
