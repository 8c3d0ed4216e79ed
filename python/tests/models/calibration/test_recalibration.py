import numpy as np
import pandas as pd
import pytest
from raising import raises
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from placa.core.errors import UnknownNameError
from placa.dataset.splits import assign_splits
from placa.models.calibration import (
    METHODS,
    Recalibration,
    choose_recalibration,
    fit_isotonic,
    fit_recalibration,
    fit_temperature,
    sigmoid,
)
from placa.models.calibration import logit as bounded_logit
from placa.models.calibration.choose import cross_validated


def _scores(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = (random.random(n) < 0.4).astype(float)
    return random.normal(3 * truth - 1, 2), truth


def _regression(logits: np.ndarray, truth: np.ndarray, intercept: bool) -> LogisticRegression:
    """Fit the logistic regression of scikit-learn without a penalty on the smoothed targets of Platt."""
    target = _targets(truth)
    # An image with target 0.9 is a positive with weight 0.9 and a negative with weight 0.1.
    twice = np.tile(logits, 2)[:, None]
    labels, weights = np.repeat([1, 0], len(logits)), np.concatenate([target, 1 - target])
    regression = LogisticRegression(C=np.inf, fit_intercept=intercept, tol=1e-10, max_iter=10_000)
    return regression.fit(twice, labels, sample_weight=weights)


def _targets(truth: np.ndarray) -> np.ndarray:
    positives, negatives = truth.sum(), (1 - truth).sum()
    return np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


@pytest.mark.parametrize("seed", range(4))
def test_platt_matches_a_logistic_regression_on_smoothed_targets(seed: int) -> None:
    logits, truth = _scores(seed)
    other, ours = _regression(logits, truth, intercept=True), fit_recalibration(logits, truth)
    assert ours.slope == pytest.approx(other.coef_[0, 0], rel=1e-4)
    assert ours.intercept == pytest.approx(other.intercept_[0], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_temperature_matches_a_logistic_regression_without_intercept(seed: int) -> None:
    logits, truth = _scores(seed)
    ours = fit_temperature(logits, truth)
    assert ours.slope == pytest.approx(_regression(logits, truth, intercept=False).coef_[0, 0], rel=1e-4)
    assert ours.intercept == 0


class _Logits(ClassifierMixin, BaseEstimator):
    """A fitted classifier that returns its input."""

    classes_ = np.array([0, 1])

    def fit(self, x: np.ndarray, y: np.ndarray) -> "_Logits":
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def decision_function(self, x: np.ndarray) -> np.ndarray:
        return x[:, 0]

    def predict(self, x: np.ndarray) -> np.ndarray:
        return (x[:, 0] > 0).astype(int)


def test_temperature_and_platt_match_scikit_learn() -> None:
    from sklearn.frozen import FrozenEstimator

    # Its temperature does not smooth the labels; with so many images, Platt's smoothing is negligible.
    logits, truth = _scores(0, n=20_000)
    for method, ours in (("temperature", fit_temperature), ("sigmoid", fit_recalibration)):
        theirs = CalibratedClassifierCV(FrozenEstimator(_Logits()), method=method).fit(logits[:, None], truth)
        output = theirs.predict_proba(logits[:, None])[:, 1]
        assert np.abs(sigmoid(ours(logits, truth).apply(logits)) - output).max() < 2e-3


@pytest.mark.parametrize("seed", range(4))
def test_isotonic_interpolates_the_centres_of_scikit_learns_steps(seed: int) -> None:
    logits, truth = _scores(seed)
    steps = IsotonicRegression().fit(logits, _targets(truth)).predict(logits)
    levels = np.unique(np.round(steps, 12))
    x, y = np.array(fit_isotonic(logits, truth).knots).T
    assert y == pytest.approx(logit(levels), abs=1e-6)
    assert x == pytest.approx([logits[np.isclose(steps, level, atol=1e-10)].mean() for level in levels])
    # The mean probability of the images of a step is that of the step, up to the interpolation.
    assert np.corrcoef(sigmoid(fit_isotonic(logits, truth).apply(logits)), steps)[0, 1] > 0.97


def test_isotonic_keeps_the_order_of_the_scores() -> None:
    logits, truth = _scores(2)
    recalibrated = fit_isotonic(logits, truth).apply(logits)
    assert (np.diff(recalibrated[np.argsort(logits)]) > 0).all()
    assert roc_auc_score(truth, recalibrated) == roc_auc_score(truth, logits)


def test_tied_scores_have_one_probability() -> None:
    logits = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0])
    truth = np.array([0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    recalibrated = fit_isotonic(logits, truth).apply(logits)
    assert len(np.unique(recalibrated)) == 3 and np.isfinite(recalibrated).all()


@pytest.mark.parametrize("method", METHODS)
def test_separated_classes_give_finite_slopes(method: str) -> None:
    ours = METHODS[method](np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert 0.5 < sigmoid(ours.apply(np.array([2.0])))[0] < 0.99


@pytest.mark.parametrize("method", [*METHODS, "auto"])
@pytest.mark.parametrize("label", [1.0, 0.0, np.nan])
def test_a_single_class_is_not_recalibrated_and_has_a_reason(method: str, label: float) -> None:
    chosen = choose_recalibration(method, np.array([1.0, 2.0, 3.0]), np.full(3, label))
    assert chosen.recalibration == Recalibration() and chosen.method == "none"
    if method != "auto":
        assert METHODS[method](np.array([1.0, 2.0, 3.0]), np.full(3, label)) == Recalibration()
    missing = "no_negative" if label == 1 else "no_positive"
    assert (chosen.as_record()["chosen"], chosen.as_record()["reason"]) == (False, missing)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_worse_than_chance_is_not_inverted(method: str) -> None:
    truth = np.repeat([1.0, 0.0], 50)
    chosen = choose_recalibration(method, np.linspace(-3, 3, 100), truth)
    assert chosen.recalibration == Recalibration() and chosen.reason == "not_increasing" and chosen.method == "none"
    assert chosen.losses == {}
    compared = choose_recalibration("auto", np.linspace(-3, 3, 100), truth)
    assert compared.reason == "not_increasing" and compared.losses.keys() == {"temperature", "platt"}


@pytest.mark.parametrize("method", METHODS)
def test_unknown_labels_are_excluded(method: str) -> None:
    logits, truth = _scores(1)
    more = np.concatenate([logits, [50.0, -50.0]]), np.concatenate([truth, [np.nan, np.nan]])
    assert METHODS[method](*more) == METHODS[method](logits, truth)


def test_none_changes_nothing_and_an_unknown_method_is_an_error() -> None:
    logits, truth = _scores(1)
    chosen = choose_recalibration("none", logits, truth)
    assert chosen.recalibration == Recalibration() and chosen.reason is None and chosen.method == "none"
    with raises(UnknownNameError, name="plat") as caught:
        choose_recalibration("plat", logits, truth)
    assert caught.value.values["known"][0] == "platt"
    assert set(caught.value.values["known"]) == {"auto", *METHODS, "none"}


@pytest.mark.parametrize("method", [*METHODS, "auto"])
def test_the_chosen_method_is_fitted_to_all_images(method: str) -> None:
    logits, truth = _scores(2)
    chosen = choose_recalibration(method, logits, truth)
    assert chosen.method == method or method == "auto"
    assert chosen.recalibration == METHODS[chosen.method](logits, truth)


def test_isotonic_is_almost_flat_beyond_its_knots() -> None:
    ours = fit_isotonic(*_scores(1))
    (first, _), (last, highest) = ours.knots[0], ours.knots[-1]
    assert ours.as_dict() == {"knots": [list(knot) for knot in ours.knots], "slope_beyond": 0.01}
    assert ours.apply(np.array([last + 10.0]))[0] == pytest.approx(highest + 0.1)
    assert ours.apply(np.array([first - 10.0]))[0] == pytest.approx(ours.knots[0][1] - 0.1)


def test_auto_chooses_the_lowest_cross_validated_loss() -> None:
    random = np.random.default_rng(0)
    z = random.normal(0, 2, 4000)
    labels = random.random(4000)
    only_too_sure = choose_recalibration("auto", 3 * z, (labels < sigmoid(z)).astype(float))
    assert only_too_sure.method in {"temperature", "platt"}
    shifted = choose_recalibration("auto", z + 2, (labels < sigmoid(z)).astype(float))
    assert shifted.method != "temperature" and shifted.losses["temperature"] > shifted.losses["platt"] + 0.05
    # Two plateaus, which no line on the logit scale fits.
    stepped = (labels < np.where(z > 1, 0.6, 0.4)).astype(float)
    assert choose_recalibration("auto", z, stepped).method == "isotonic"
    assert "isotonic" in choose_recalibration("auto", z[:1000], stepped[:1000]).losses
    few = choose_recalibration("auto", z[:999], stepped[:999])
    assert few.method != "isotonic" and "isotonic" not in few.losses


def test_auto_cross_validates_by_group() -> None:
    """The images of a group are copies. If copies were in several folds, the most flexible method would be chosen."""
    logits, truth = _scores(3, n=20)
    copies = np.repeat(logits, 60), np.repeat(truth, 60)
    whole, torn = cross_validated(*copies, np.repeat(np.arange(20), 60)), cross_validated(*copies)
    assert min(torn, key=lambda method: torn[method]) == "isotonic"
    assert max(whole, key=lambda method: whole[method]) == "isotonic"
    assert choose_recalibration("auto", *copies, np.repeat(np.arange(20), 60)).losses == whole


def test_the_cross_validated_loss_is_the_log_loss_of_the_folds() -> None:
    logits, truth = _scores(3, n=300)
    known = np.concatenate([logits, [3.0]]), np.concatenate([truth, [np.nan]])
    one = cross_validated(*known)["platt"]
    images = pd.DataFrame({"group_id": np.arange(300), "truth": truth.astype(int)})
    fold = assign_splits(images, ["truth"], 0, (1,) * 5, tuple("01234")).astype(int).to_numpy()
    z = np.empty(300)
    for part in range(5):
        z[fold == part] = fit_recalibration(logits[fold != part], truth[fold != part]).apply(logits[fold == part])
    assert one == pytest.approx(log_loss(truth, sigmoid(z)), rel=1e-9)
    # Twenty folds instead of five change little: the loss is that of images outside the fit.
    parts = np.arange(300) % 20
    z = np.empty(300)
    for part in range(20):
        z[parts == part] = fit_recalibration(logits[parts != part], truth[parts != part]).apply(logits[parts == part])
    assert one == pytest.approx(log_loss(truth, sigmoid(z)), rel=0.02)


def test_too_few_positives_for_cross_validation_use_platt() -> None:
    logits, truth = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), np.array([0.0, 0.0, 0.0, 0.0, 1.0])
    chosen = choose_recalibration("auto", logits, truth)
    assert chosen.losses == {} and chosen.method == "platt"


@pytest.mark.parametrize("seed", range(3))
def test_piecewise_linear_ramps_give_the_same_map(seed: int) -> None:
    ours = fit_isotonic(*_scores(seed))
    slope, intercept, start, width, rise = ours.as_ramps()
    z = np.linspace(-30, 30, 1001)
    ramps = (rise * np.clip((z[:, None] - start) / width, 0, 1)).sum(axis=1)
    assert slope * z + intercept + ramps == pytest.approx(ours.apply(z), abs=1e-9)


def test_single_precision_is_recalibrated_in_double_precision() -> None:
    logits, truth = _scores(4)
    logits = logits.astype(np.float32)
    exact = logits.astype(np.float64)
    for fit in METHODS.values():
        ours = fit(logits, truth)
        assert ours == fit(exact, truth)
        assert ours.apply(logits).dtype == np.float64 and (ours.apply(logits) == ours.apply(exact)).all()
    assert cross_validated(logits, truth) == cross_validated(exact, truth)
    assert sigmoid(logits).dtype == bounded_logit(logits).dtype == np.float64
    assert (sigmoid(logits) == sigmoid(exact)).all()


def test_a_line_has_no_ramps() -> None:
    slope, intercept, *ramps = Recalibration(2.0, -1.0).as_ramps()
    assert (slope, intercept) == (2.0, -1.0) and [ramp.shape for ramp in ramps] == [(0,)] * 3


def test_logits_are_finite_at_0_and_1() -> None:
    probability = np.array([0.0, 1e-9, 1e-6, 0.25, 0.5, 1.0])
    edge = -np.log(1e7 - 1)
    assert bounded_logit(probability) == pytest.approx([edge, edge, logit(1e-6), -np.log(3), 0, -edge], rel=1e-9)


def test_the_record_of_a_choice_has_its_losses() -> None:
    logits, truth = _scores(2)
    chosen = choose_recalibration("auto", logits, truth)
    record = chosen.as_record()
    losses = cross_validated(logits, truth)
    assert record["log_loss"] == {method: round(loss, 6) for method, loss in losses.items()}
    assert list(losses) == ["temperature", "platt"] and record["method"] == min(losses, key=lambda name: losses[name])
