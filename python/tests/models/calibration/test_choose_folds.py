"""Recalibrations of the networks of several folds."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

from placa.models.calibration import Recalibration, choose_for_folds, choose_recalibration, fit_recalibration, sigmoid
from placa.models.calibration.shared import INTERCEPT_SPREAD, fit_shared


def _folds(positives: list[int], seed: int = 0, n: int = 120) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Networks of equal quality whose logits differ in location and scale."""
    random = np.random.default_rng(seed)
    truths = [np.r_[np.ones(count), np.zeros(n - count)] for count in positives]
    return [
        (random.normal(2.1 * truth, 1) - 1) * np.exp(random.normal(0, 0.3)) + random.normal(0, 1) for truth in truths
    ], truths


def test_common_findings_keep_a_fit_of_each_fold() -> None:
    logits, truths = _folds([20, 25, 100])
    chosen = choose_for_folds("platt", logits, truths)
    assert chosen.method == "own" and chosen.reasons == [None] * 3
    assert (chosen.positives, chosen.negatives) == ([20, 25, 100], [100, 95, 20])
    for fold, (z, truth) in enumerate(zip(logits, truths, strict=True)):
        assert chosen.choices[fold] == choose_recalibration("platt", z, truth)


def test_each_fold_is_cross_validated_by_group() -> None:
    logits, truths = _folds([30, 25])
    owner = np.repeat(np.arange(40), 3)
    chosen = choose_for_folds("auto", logits, truths, [owner, owner])
    for one, alone, z, truth in zip(
        chosen.choices, choose_for_folds("auto", logits, truths).choices, logits, truths, strict=True
    ):
        assert one == choose_recalibration("auto", z, truth, owner) and one.losses != alone.losses


@pytest.mark.parametrize("method", ["platt", "temperature", "isotonic", "auto"])
def test_rare_findings_share_one_slope(method: str) -> None:
    logits, truths = _folds([1, 0, 2, 3, 1], seed=2)
    # In the first fold the positive image has the lowest score.
    logits[0][0] = logits[0].min() - 1
    chosen = choose_for_folds(method, logits, truths)
    assert chosen.method == "shared" and chosen.reasons[1:] == ["no_positive", *["too_few"] * 3]
    if method == "platt":
        assert chosen.reasons[0] == "not_increasing" and chosen.failed() == [0, 1]
    assert {(one.method, one.reason) for one in chosen.choices} == {("shared", None)}
    assert chosen.positives == [1, 0, 2, 3, 1] and chosen.negatives == [119, 120, 118, 117, 119]
    slopes = [one.recalibration.slope * z.std() for one, z in zip(chosen.choices, logits, strict=True)]
    assert np.ptp(slopes) < 1e-9 and slopes[0] > 0
    means = [sigmoid(one.recalibration.apply(z)).mean() for one, z in zip(chosen.choices, logits, strict=True)]
    assert max(means) < 0.06


def test_one_fold_shares_its_slope_with_none() -> None:
    logits, truths = _folds([5])
    shared = fit_shared(logits, truths)
    single = [logits[0].astype(np.float32)]
    assert fit_shared(single, truths) == fit_shared([single[0].astype(np.float64)], truths)
    alone = fit_recalibration(logits[0], truths[0])
    assert shared is not None and shared.maps[0].slope == pytest.approx(alone.slope, abs=1e-8)
    assert shared.maps[0].intercept == pytest.approx(alone.intercept, abs=1e-8)


@pytest.mark.parametrize("inverted", [False, True])
def test_the_shared_fit_maximises_the_penalised_likelihood(inverted: bool) -> None:
    logits, truths = _folds([6, 2, 9], seed=3)
    if inverted:
        logits = [-z for z in logits]
    shared = fit_shared(logits, truths)
    assert shared is not None and shared.rises != inverted
    y = np.concatenate(truths)
    target = np.where(y == 1, 18 / 19, 1 / (len(y) - 17 + 2))
    x = np.concatenate([(z - z.mean()) / z.std() for z in logits])
    fold = np.repeat(np.arange(3), 120)

    def loss(coefficients: np.ndarray) -> float:
        slope, common, *own = coefficients
        z = (0 if inverted else slope) * x + common + np.array(own)[fold]
        return float(np.sum(np.logaddexp(0, z) - target * z) + np.sum(np.square(own)) / (2 * INTERCEPT_SPREAD**2))

    slope, common, *own = minimize(loss, np.zeros(5), tol=1e-10).x
    for one, z, of_fold in zip(shared.maps, logits, own, strict=True):
        assert one.slope * z.std() == pytest.approx(0.01 if inverted else slope, abs=1e-4)
        assert one.slope * z.mean() + one.intercept == pytest.approx(common + of_fold, abs=1e-4)


def test_shared_probabilities_have_one_scale() -> None:
    """The pooled AUROC of recalibrated probabilities is that within folds, on average over data sets."""
    differences = []
    for seed in range(20):
        logits, truths = _folds([2, 1, 3, 2, 2], seed)
        shared = fit_shared(logits, truths)
        assert shared is not None
        pooled = np.concatenate([one.apply(z) for one, z in zip(shared.maps, logits, strict=True)])
        within = np.average(
            [roc_auc_score(*fold) for fold in zip(truths, logits, strict=True)], weights=[2, 1, 3, 2, 2]
        )
        differences.append(roc_auc_score(np.concatenate(truths), pooled) - within)
    assert abs(np.mean(differences)) < 0.005


@pytest.mark.parametrize(
    ("logits", "truths", "code"),
    [
        ([0, 1, 2], [0, 0, 0], "no_positive"),
        ([0, 1, 2], [1, 1, 1], "no_negative"),
        ([1, 1, 1], [1, 0, 0], "equal_scores"),
    ],
)
def test_without_a_shared_fit_no_fold_is_recalibrated(logits: list[float], truths: list[float], code: str) -> None:
    chosen = choose_for_folds("platt", [np.array(logits, dtype=float)] * 2, [np.array(truths, dtype=float)] * 2)
    assert chosen.method == "none" and [one.recalibration for one in chosen.choices] == [Recalibration()] * 2
    entry = {"method": "none", "slope": 1.0, "intercept": 0.0, "chosen": False, "reason": code}
    assert chosen.choices[0].as_record() == entry
    positives = truths.count(1)
    assert (chosen.positives, chosen.negatives) == ([positives] * 2, [len(truths) - positives] * 2)
    alone = {"equal_scores": "not_increasing"}.get(code, code)
    assert chosen.reasons == [alone] * 2


def test_networks_worse_than_chance_keep_their_order_on_one_scale() -> None:
    logits, truths = _folds([3, 2, 4], seed=1)
    logits = [-z + 5 * fold for fold, z in enumerate(logits)]
    chosen = choose_for_folds("platt", logits, truths)
    assert (
        chosen.method == "flat"
        and chosen.choices[0].reason == "not_increasing"
        and not chosen.choices[0].as_record()["chosen"]
    )
    assert chosen.positives == [3, 2, 4] and chosen.negatives == [117, 118, 116]
    assert chosen.failed() == [0, 1, 2]
    for one, z in zip(chosen.choices, logits, strict=True):
        probability = sigmoid(one.recalibration.apply(z))
        assert one.recalibration.slope > 0 and probability.mean() == pytest.approx(9 / 360, abs=0.02)
        assert np.ptp(probability) < 0.01


def test_without_recalibration_nothing_is_fitted() -> None:
    logits, truths = _folds([2, 2])
    chosen = choose_for_folds("none", logits, truths)
    assert chosen.method == "none" and chosen.reasons == [None, None] and chosen.choices[0].reason is None
    assert chosen.choices[0].method == "none"
    assert (chosen.positives, chosen.negatives) == ([2, 2], [118, 118])
