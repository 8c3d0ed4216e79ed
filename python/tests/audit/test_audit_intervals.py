"""Intervals for clustered images, compared with scikit-learn, direct formulas, and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from placa.audit.intervals import auroc, bonferroni_level, clustered_mean, proportion, quantile


def _scores(patients: int, each: int, effect: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate scores with a large variance between patients, and labels that are partly shared within a patient."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(patients), each)
    truth = random.random(patients * each) < np.repeat(random.beta(1, 1, patients), each)
    score = effect * truth + np.repeat(random.normal(0, 1, patients), each) + random.normal(0, 0.5, patients * each)
    return truth, score, groups


def test_auroc_matches_scikit_learn_including_ties() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    truth, score = random.random(300) < 0.3, random.integers(0, 12, 300).astype(float)
    message = auroc(truth, score, np.arange(300))
    assert message.value == pytest.approx(roc_auc_score(truth, score), abs=1e-12)


def test_variance_of_independent_images_matches_delong() -> None:
    random = np.random.default_rng(1)
    truth = random.random(80) < 0.4
    score = random.normal(0, 1, 80) + truth
    positive, negative = score[truth], score[~truth]
    told_right = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    value = told_right.mean()
    variance = told_right.mean(axis=1).var(ddof=1) / len(positive) + told_right.mean(axis=0).var(ddof=1) / len(negative)
    reach = 1.959963984540054 * np.sqrt(variance) / (value * (1 - value))
    message = auroc(truth, score, np.arange(80))
    logits = np.log(np.array([message.lower, message.upper]) / (1 - np.array([message.lower, message.upper])))
    assert logits == pytest.approx(np.log(value / (1 - value)) + np.array([-reach, reach]), abs=1e-9)


def test_clustered_interval_matches_a_jackknife_over_groups() -> None:
    from sklearn.metrics import roc_auc_score

    truth, score, groups = _scores(60, 5, 0.8, 2)
    without = [roc_auc_score(truth[groups != group], score[groups != group]) for group in range(60)]
    expected = np.sqrt(59 / 60 * ((np.array(without) - np.mean(without)) ** 2).sum())
    message, alone = auroc(truth, score, groups), auroc(truth, score, np.arange(300))
    error = (np.log(message.upper / (1 - message.upper)) - np.log(message.lower / (1 - message.lower))) / (
        2 * quantile(0.95)
    )
    assert error * message.value * (1 - message.value) == pytest.approx(expected, rel=0.05)
    assert message.upper - message.lower > 1.4 * (alone.upper - alone.lower)


def test_only_scores_within_a_fold_are_compared() -> None:
    truth = np.tile([True, False], 20)
    folds = np.repeat([0, 1], 20)
    # The AUROC is 1 within each fold, and 0.5 over both folds.
    score = truth + 10.0 * folds
    assert auroc(truth, score, np.arange(40), folds).value == 1.0
    assert auroc(truth, score, np.arange(40)).value == pytest.approx(0.75)


def test_perfect_separation_has_a_lower_limit_below_1() -> None:
    truth = np.arange(40) < 10
    message = auroc(truth, truth.astype(float), np.arange(40))
    assert (message.value, message.upper) == (1.0, 1.0)
    assert message.lower == pytest.approx(0.025 ** (1 / 10))


def test_instability_widens_the_interval_most_at_an_auroc_of_one_half() -> None:
    def widened(effect: float) -> float:
        random = np.random.default_rng(0)
        truth = np.arange(400) < 200
        score = random.normal(0, 1, 400) + effect * truth
        plain, wide = (auroc(truth, score, np.arange(400), instability=much) for much in (0.0, 1.25))
        logits = [np.log(limit / (1 - limit)) for one in (plain, wide) for limit in (one.lower, one.upper)]
        return float((logits[3] - logits[2]) / (logits[1] - logits[0]))

    assert widened(0.0) == pytest.approx(np.sqrt(2.25), abs=0.01)
    assert 1.05 < widened(2.5) < 1.2


def test_a_single_class_has_no_auroc() -> None:
    with pytest.raises(ValueError, match="positive and a negative"):
        auroc(np.ones(9, dtype=bool), np.arange(9.0), np.arange(9))


def test_intervals_have_correct_coverage_with_many_images_per_patient() -> None:
    from scipy.stats import norm

    # The true value: the noise of patient and image has a standard deviation of sqrt(1.25).
    expected = norm.cdf(0.8 / np.sqrt(2 * 1.25))
    held = naive = 0
    for seed in range(400):
        truth, score, groups = _scores(50, 6, 0.8, seed)
        message, alone = auroc(truth, score, groups), auroc(truth, score, np.arange(300))
        held += message.lower <= expected <= message.upper
        naive += alone.lower <= expected <= alone.upper
    assert 0.92 <= held / 400 <= 0.98
    assert naive / 400 < 0.90


def test_interval_of_a_proportion_of_independent_images_is_wilsons() -> None:
    from scipy.stats import binomtest

    hits = np.arange(200) < 97
    share = proportion(hits, np.arange(200))
    expected = binomtest(97, 200).proportion_ci(method="wilson")
    assert share.value == 0.485
    # The clustered variance divides by n - 1, the binomial variance by n.
    assert (share.lower, share.upper) == pytest.approx((expected.low, expected.high), abs=2e-4)


def test_images_of_one_patient_widen_the_interval() -> None:
    hits, groups = np.repeat(np.arange(40) < 20, 5), np.repeat(np.arange(40), 5)
    share, of_patients = proportion(hits, groups), proportion(np.arange(40) < 20, np.arange(40))
    assert (share.lower, share.upper) == pytest.approx((of_patients.lower, of_patients.upper), abs=1e-9)
    everything = proportion(np.ones(200, dtype=bool), groups)
    assert everything.upper == pytest.approx(1.0)
    assert everything.lower == pytest.approx(40 / (40 + 1.96**2), abs=1e-3)


def test_one_group_has_no_variance() -> None:
    assert clustered_mean(np.array([0.0, 1.0]), np.array([3, 3])) == (0.5, float("inf"))


def test_bonferroni_level_gives_the_known_quantiles() -> None:
    assert quantile(bonferroni_level(1)) == pytest.approx(1.959964, abs=1e-6)
    assert quantile(bonferroni_level(6)) == pytest.approx(2.638257, abs=1e-6)
