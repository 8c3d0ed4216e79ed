"""Logistic regression by Newton's method."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from placa.models.calibration import fit_recalibration, sigmoid
from placa.models.calibration.fits import smoothed
from placa.models.calibration.regression import fit_logistic


def test_platt_converges() -> None:
    """Against the solution of the score equations; BFGS stopped at a relative error of 1e-5."""
    random = np.random.default_rng(4)
    truth = (random.random(500) < 0.1).astype(float)
    logits = random.normal(2 * truth - 4, 1.5)
    ours = fit_recalibration(logits, truth)
    x, target = smoothed(logits, truth)
    residual = sigmoid(ours.apply(x)) - target
    assert abs(residual.sum()) < 1e-9 and abs((residual * x).sum()) < 1e-9
    # Another scale of the logits gives the same probabilities.
    scaled = fit_recalibration(100 * logits + 7, truth)
    assert scaled.slope * 100 == pytest.approx(ours.slope, rel=1e-9)


@pytest.mark.parametrize(
    ("data", "slope", "intercept"), [("vandyke", 1.5865394488, -5.0867246617), ("franken", 0.9964128435, -2.2404323192)]
)
def test_platt_converges_on_ratings_of_readers(shared_data: Path, data: str, slope: float, intercept: float) -> None:
    """Values of a Newton iteration in NumPy, to 1e-13."""
    ratings = pd.read_csv(shared_data / "readers-mrmc" / f"{data}.csv")
    ours = fit_recalibration(ratings["rating"].to_numpy(float), ratings["truth"].to_numpy(float))
    assert ours.slope == pytest.approx(slope, abs=1e-6) and ours.intercept == pytest.approx(intercept, abs=1e-6)


def test_the_penalty_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(1)
    x = random.normal(size=(300, 3))
    truth = (random.random(300) < sigmoid(x @ [1.0, -1.0, 0.5])).astype(float)
    theirs = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-12, solver="newton-cholesky").fit(x, truth)
    assert fit_logistic(x, truth, np.full(3, 2.0)) == pytest.approx(theirs.coef_[0], abs=1e-7)
