"""Pool the outputs for the images of a study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.models.calibration import logit, sigmoid
from placa.models.errors import MissingStudyError
from placa.models.outputs import ModelOutputs


def require_studies(images: pd.DataFrame) -> None:
    """Check that the studies of images are known.

    Raises:
        MissingStudyError: They are not.
    """
    if "study_id" not in images or not images["study_id"].notna().any():
        raise MissingStudyError(
            "The data set does not know the studies of its images. Omit --unit study, or prepare a source that has "
            "them: chexpert, mimic, padchest or openi."
        )


def pool_studies(
    images: pd.DataFrame, findings: Sequence[str], outputs: ModelOutputs
) -> tuple[pd.DataFrame, ModelOutputs]:
    """Pool the images of each study: the mean logit, as for the slabs of a volume.

    Args:
        images: One row per image, with ``study_id`` and the columns of a manifest; an image without a study is a study
            of its own.
        findings: The names of the findings.
        outputs: The outputs for the images, in the same order.

    Returns:
        One row per study: that of its first image, with all views, and positive where one of its images is; and its
        outputs.

    Raises:
        MissingStudyError: No image has a study.
    """
    require_studies(images)
    # Some sets have one study under two patients.
    key = images["patient_id"].astype("string").fillna("") + "/" + images["study_id"].astype("string")
    codes, _ = pd.factorize(key.fillna(images["image_id"].astype("string")))
    first = np.flatnonzero(~pd.Series(codes).duplicated().to_numpy())
    pooled = images.iloc[first].reset_index(drop=True)
    by_study = images.groupby(codes)
    for finding in findings:
        if finding in images:
            pooled[finding] = by_study[finding].max().astype("Int8")
    if "view" in images:
        pooled["view"] = by_study["view"].agg(_views).astype("string")
    distance = None
    if outputs.distance is not None:
        # A study is as typical as its least typical image.
        distance = np.full(len(first), -np.inf)
        np.maximum.at(distance, codes, outputs.distance)
    return pooled, ModelOutputs(_mean_logit(outputs.probability, codes), _mean_logit(outputs.score, codes), distance)


def _views(views: pd.Series) -> str | None:
    known = sorted(set(views.dropna()))
    return "+".join(known) if known else None


def _mean_logit(values: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    sums = np.zeros((codes.max() + 1 if len(codes) else 0, values.shape[1]))
    np.add.at(sums, codes, logit(values))
    return np.asarray(sigmoid(sums / np.bincount(codes)[:, None]), dtype=np.float64)
