import numpy as np
import pytest
from sklearn.metrics import roc_curve

from placa.models.calibration import choose_thresholds, missing_class, operating_points, sigmoid


def _scores(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = (random.random(n) < 0.4).astype(float)
    return random.normal(3 * truth - 1, 2), truth


@pytest.mark.parametrize("seed", range(4))
def test_youden_matches_scikit_learn(seed: int) -> None:
    logits, truth = _scores(seed)
    probability = sigmoid(logits)
    false_positive, true_positive, _ = roc_curve(truth, probability)
    cut = choose_thresholds(probability, truth)["youden"]
    called = probability >= cut
    ours = called[truth == 1].mean() - called[truth == 0].mean()
    assert ours == pytest.approx((true_positive - false_positive).max())


@pytest.mark.parametrize("seed", range(4))
def test_operating_points_reach_their_targets_and_are_optimal(seed: int) -> None:
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


def test_thresholds_are_midpoints_and_a_tie_goes_to_the_higher_sensitivity() -> None:
    cuts = choose_thresholds(np.array([0.8, 0.1, 0.4, 0.3]), np.array([1.0, 0.0, 0.0, 1.0]))
    assert cuts == pytest.approx({"youden": 0.2, "sensitivity_95": 0.2, "specificity_95": 0.6})


def test_targets_that_no_midpoint_reaches_have_the_thresholds_0_and_1() -> None:
    cuts = choose_thresholds(np.array([0.8, 0.2]), np.array([0.0, 1.0]))
    assert (cuts["sensitivity_95"], cuts["specificity_95"]) == (0.0, 1.0)


@pytest.mark.parametrize("low", [0.3, np.nextafter(0.3, 1)])
def test_adjacent_floats_have_a_threshold_between_them(low: float) -> None:
    # One of the two midpoints is rounded up, the other down.
    high = np.nextafter(low, 1)
    cut = choose_thresholds(np.array([low, high]), np.array([0.0, 1.0]))["youden"]
    assert low < cut <= high
    # Also above other probabilities.
    cut = choose_thresholds(np.array([0.1, low, high]), np.array([0.0, 0.0, 1.0]))["youden"]
    assert low < cut <= high


def test_the_record_of_each_finding_has_its_thresholds_and_the_reason_without_a_choice() -> None:
    p, known = np.array([0.8, 0.1, 0.4, 0.3]), np.array([1.0, 0.0, 0.0, 1.0])
    names = ["Mass", "Nodule", "Edema"]
    records = operating_points(names, np.stack([p, 1 - p, p], axis=1), np.stack([known, 1 - known, known * 0], axis=1))
    assert list(records) == names
    assert records["Mass"] == {
        "default": "sensitivity_95",
        "points": choose_thresholds(p, known),
        "chosen": True,
        "reason": None,
    }
    assert records["Nodule"]["points"] == choose_thresholds(1 - p, 1 - known) != records["Mass"]["points"]
    half = dict.fromkeys(["sensitivity_95", "specificity_95", "youden"], 0.5)
    assert records["Edema"] == {"default": "sensitivity_95", "points": half, "chosen": False, "reason": "no_positive"}


def test_thresholds_exclude_unknown_labels() -> None:
    logits, truth = _scores(1)
    more = sigmoid(np.concatenate([logits, [50.0, -50.0]])), np.concatenate([truth, [np.nan, np.nan]])
    assert choose_thresholds(*more) == choose_thresholds(sigmoid(logits), truth)


@pytest.mark.parametrize(("label", "says"), [(1.0, "no_negative"), (0.0, "no_positive"), (np.nan, "no_positive")])
def test_without_one_class_no_threshold_is_chosen_with_a_reason(label: float, says: str) -> None:
    truth = np.full(3, label)
    assert choose_thresholds(np.array([0.1, 0.2, 0.3]), truth) == dict.fromkeys(
        ["youden", "sensitivity_95", "specificity_95"], 0.5
    )
    assert missing_class(truth) == says
    assert missing_class(np.array([0.0, 1.0, np.nan])) is None
