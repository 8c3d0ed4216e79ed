import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_curve

from placa.calibrate import Recalibration, choose_thresholds, fit_recalibration, sigmoid


def _scores(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = (random.random(n) < 0.4).astype(float)
    return random.normal(3 * truth - 1, 2), truth


@pytest.mark.parametrize("seed", range(4))
def test_platt_is_the_logistic_regression_on_smoothed_targets(seed: int) -> None:
    logits, truth = _scores(seed)
    positives, negatives = truth.sum(), (1 - truth).sum()
    target = np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    # An image whose target is 0.9 is one that is positive with weight 0.9 and negative with weight 0.1.
    twice = np.tile(logits, 2)[:, None]
    labels, weights = np.repeat([1, 0], len(logits)), np.concatenate([target, 1 - target])
    other = LogisticRegression(C=1e10, tol=1e-10, max_iter=10_000).fit(twice, labels, sample_weight=weights)
    ours = fit_recalibration(logits, truth)
    assert ours.slope == pytest.approx(other.coef_[0, 0], rel=1e-4)
    assert ours.intercept == pytest.approx(other.intercept_[0], rel=1e-3, abs=1e-4)


def test_separated_classes_do_not_run_away() -> None:
    ours = fit_recalibration(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert 0.5 < sigmoid(np.array([ours.slope * 2 + ours.intercept]))[0] < 0.99


@pytest.mark.parametrize("truth", [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [np.nan, np.nan, np.nan]])
def test_one_class_leaves_scores_as_they_are(truth: list[float]) -> None:
    assert fit_recalibration(np.array([1.0, 2.0, 3.0]), np.array(truth)) == Recalibration()
    assert set(choose_thresholds(np.array([0.1, 0.2, 0.3]), np.array(truth)).values()) == {0.5}


def test_a_model_that_is_worse_than_chance_is_not_turned_round() -> None:
    logits, truth = _scores(0)
    assert fit_recalibration(-logits, truth) == Recalibration()


@pytest.mark.parametrize("seed", range(4))
def test_youden_is_what_scikit_learn_finds(seed: int) -> None:
    logits, truth = _scores(seed)
    probability = sigmoid(logits)
    false_positive, true_positive, _ = roc_curve(truth, probability)
    cut = choose_thresholds(probability, truth)["youden"]
    called = probability >= cut
    ours = called[truth == 1].mean() - called[truth == 0].mean()
    assert ours == pytest.approx((true_positive - false_positive).max())


@pytest.mark.parametrize("seed", range(4))
def test_named_points_keep_their_word_and_could_not_do_better(seed: int) -> None:
    logits, truth = _scores(seed)
    probability = sigmoid(logits)
    cuts = choose_thresholds(probability, truth)
    sensitivity = lambda cut: (probability[truth == 1] >= cut).mean()  # noqa: E731
    specificity = lambda cut: (probability[truth == 0] < cut).mean()  # noqa: E731
    assert sensitivity(cuts["sensitivity_95"]) >= 0.95
    assert specificity(cuts["specificity_95"]) >= 0.95
    higher, lower = (
        probability[probability > cuts["sensitivity_95"]],
        probability[probability < cuts["specificity_95"]],
    )
    assert all(sensitivity(np.nextafter(level, 1)) < 0.95 for level in higher if level > cuts["sensitivity_95"])
    assert all(specificity(level) < 0.95 for level in lower)


def test_unknown_labels_have_no_say() -> None:
    logits, truth = _scores(1)
    more = np.concatenate([logits, [50.0, -50.0]]), np.concatenate([truth, [np.nan, np.nan]])
    assert fit_recalibration(*more) == fit_recalibration(logits, truth)
    assert choose_thresholds(sigmoid(more[0]), more[1]) == choose_thresholds(sigmoid(logits), truth)


def test_neighbouring_floats_still_have_a_threshold_between_them() -> None:
    low = 0.3
    high = np.nextafter(low, 1)
    cut = choose_thresholds(np.array([low, high]), np.array([0.0, 1.0]))["youden"]
    assert low < cut <= high
