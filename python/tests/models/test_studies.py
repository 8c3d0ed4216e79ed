"""Images of a study are pooled by their mean logit."""

import numpy as np
import pandas as pd
import pytest
from raising import raises

from placa.models.errors import MissingStudyError
from placa.models.outputs import ModelOutputs
from placa.models.studies import pool_studies


@pytest.fixture
def images() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": ["a", "b", "c", "d", "e"],
            "patient_id": ["1", "1", "1", "2", "2"],
            # The study 7 is under two patients, and the last image has no study.
            "study_id": ["7", "8", "7", "7", None],
            "view": ["PA", "AP", "LATERAL", None, "PA"],
            "Mass": pd.array([0, 1, 0, 1, None], dtype="Int8"),
        }
    )


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def test_studies_are_pooled_within_a_patient(images: pd.DataFrame) -> None:
    probability = np.array([[0.2], [0.9], [0.7], [1.0], [0.4]])
    pooled, outputs = pool_studies(images, ["Mass"], ModelOutputs(probability, probability / 2))
    assert pooled["image_id"].tolist() == ["a", "b", "d", "e"]
    assert pooled["view"].fillna("").tolist() == ["LATERAL+PA", "AP", "", "PA"]
    assert pooled["Mass"].fillna(-1).tolist() == [0, 1, 1, -1]
    expected = 1 / (1 + np.exp(-(logit(0.2) + logit(0.7)) / 2))
    assert outputs.probability[:, 0] == pytest.approx([expected, 0.9, 1.0, 0.4], abs=1e-6)
    expected = 1 / (1 + np.exp(-(logit(0.1) + logit(0.35)) / 2))
    assert outputs.score[0, 0] == pytest.approx(expected)


def test_without_studies_nothing_is_pooled(images: pd.DataFrame) -> None:
    outputs = ModelOutputs(np.full((5, 1), 0.5), np.full((5, 1), 0.5))
    with raises(MissingStudyError):
        pool_studies(images.drop(columns="study_id"), ["Mass"], outputs)
