"""Estimates with intervals for tools/recompute-report, as docs/evaluation.md describes them, without R."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import average_precision_score, cohen_kappa_score, matthews_corrcoef

from placa.evaluation.in_python.calibration import calibration_bins
from placa.evaluation.in_python.proportions import effective_trials, kish, sizes_of, student_quantile, sums_by, wilson
from placa.evaluation.in_python.rows import cluster_index

Numbers = NDArray[np.floating]
LEVEL = 0.95
NORMAL = float(stats.norm.ppf((1 + LEVEL) / 2))


@dataclass
class Quantity:
    """An estimate, the contribution of each cluster to its error, and its limits."""

    estimate: float
    influence: Numbers
    limits: tuple[float, float]
    trials: float = 0.0
    degrees: float = np.inf

    def changed(self, change: Callable[[float], float]) -> "Quantity":
        """Return a monotone function of this quantity."""
        limits = sorted(change(limit) for limit in self.limits)
        return Quantity(change(self.estimate), self.influence, (limits[0], limits[1]))


def proportion(part: Numbers, whole: Numbers, most: float | None = None) -> Quantity:
    """Return a ratio of two sums over clusters with Wilson's interval; `most` is the largest number of trials."""
    estimate, trials, degrees = effective_trials(part, whole)
    if trials == 0:
        return Quantity(np.nan, np.zeros(len(whole)), (np.nan, np.nan))
    influence = (part - estimate * whole) / whole.sum()
    if most is not None:
        squares, least = (influence**2).sum(), kish(whole)
        trials = min(max(estimate * (1 - estimate) / squares, least), most) if squares > 0 else least
        degrees = least - 1 if most > whole.sum() else degrees
    limits = wilson(estimate, trials, student_quantile(LEVEL, degrees))
    return Quantity(estimate, influence, limits, trials, degrees)


def _correlation(first: Quantity, second: Quantity) -> float:
    scale = np.sqrt((first.influence**2).sum() * (second.influence**2).sum())
    if scale == 0:
        return 0.0
    clusters = ((first.influence != 0) | (second.influence != 0)).sum()
    return min(float(first.influence @ second.influence / scale), clusters / (clusters + NORMAL**2))


def function_of(of: Sequence[Quantity], change: Callable[..., float]) -> tuple[float, float, float]:
    """Return a function of quantities with the root of the sum of squared distances (Newcombe 1998, 2001)."""
    at = [one.estimate for one in of]
    estimate = change(*at)
    moved = np.array([[change(*at[:i], x, *at[i + 1 :]) - estimate for x in one.limits] for i, one in enumerate(of)])

    def reach(distances: Numbers) -> float:
        down = np.where(distances[:, 0] >= distances[:, 1], 0, 1)
        signed = np.maximum(distances[np.arange(len(of)), down], 0) * np.where(down == 0, 1, -1)
        total = (signed**2).sum()
        for i in range(len(of)):
            for j in range(i + 1, len(of)):
                total += 2 * _correlation(of[i], of[j]) * signed[i] * signed[j]
        return float(np.sqrt(max(total, 0)))

    return estimate, estimate - reach(-moved), estimate + reach(moved)


def ratio(first: Quantity, second: Quantity) -> Quantity:
    """Return the ratio of two proportions: the wider of Donner and Zou's and Mercaldo, Lau and Zhou's interval."""
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(np.divide(first.estimate, second.estimate))
    shared = _correlation(first, second)
    (a, b), (c, d) = first.limits, second.limits

    def solve(of_first: float, of_second: float, sign: int) -> float:
        middle = first.estimate * second.estimate
        middle += shared * (of_first - first.estimate) * (of_second - second.estimate)
        scale = of_second * (2 * second.estimate - of_second)
        inside = middle**2 - of_first * (2 * first.estimate - of_first) * scale
        return (middle + sign * np.sqrt(max(inside, 0))) / scale if scale else np.nan

    def log(of: Quantity) -> tuple[float, float]:
        reach = student_quantile(LEVEL, of.degrees)
        trials = of.trials + reach**2
        share = (of.estimate * of.trials + reach**2 / 2) / trials
        return np.log(share), reach * np.sqrt((1 - share) / (share * trials))

    (centre, x), (other, y) = log(first), log(second)
    reach = np.sqrt(x**2 + y**2 - 2 * shared * x * y)
    lower = np.nanmin([solve(a, d, -1), np.exp(centre - other - reach), estimate])
    upper = np.nanmax([solve(b, c, 1), np.exp(centre - other + reach), estimate])
    return Quantity(estimate, np.zeros(1), (float(lower), float(upper)))


def mean_difference_from_zero(values: Numbers, cluster: NDArray[np.int64]) -> tuple[float, float, float]:
    """Return the mean of values of images with Student's interval over clusters, inside -1 to 1."""
    sizes = sizes_of(cluster).astype(float)
    own = np.unique(cluster, return_inverse=True)[1]
    estimate = float(values.mean())
    influence = (sums_by(own, values) - estimate * sizes) / sizes.sum()
    error = np.sqrt((influence**2).sum() * len(sizes) / (len(sizes) - 1))
    reach = student_quantile(LEVEL, kish(sizes) - 1) * error
    return estimate, max(estimate - reach, -1.0), min(estimate + reach, 1.0)


def confusion(truth: Numbers, called: Numbers, cluster: Numbers) -> dict[str, list[float]]:
    """Return the measures of an operating point with their limits, by the words of the report."""
    positive = truth == 1
    cells = {"tp": called & positive, "fp": called & ~positive, "tn": ~called & ~positive, "fn": ~called & positive}
    n = {name: sums_by(cluster, where) for name, where in cells.items()}
    sensitivity = proportion(n["tp"], n["tp"] + n["fn"])
    specificity = proportion(n["tn"], n["tn"] + n["fp"])
    missed, alarmed = proportion(n["fn"], n["tp"] + n["fn"]), proportion(n["fp"], n["tn"] + n["fp"])
    prevalence = proportion(n["tp"] + n["fn"], sum(n.values()))

    def rates(measure: str) -> tuple[float, float, float]:
        def of(se: float, sp: float, share: float) -> float:
            tp, fn, fp, tn = se * share, (1 - se) * share, (1 - sp) * (1 - share), sp * (1 - share)
            if measure == "kappa":
                return 2 * (tp * tn - fn * fp) / ((tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))
            scale = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
            return float((tp * tn - fp * fn) / scale) if scale else 0.0

        _, lower, upper = function_of([sensitivity, specificity, prevalence], of)
        value = cohen_kappa_score(truth, called) if measure == "kappa" else matthews_corrcoef(truth, called)
        return float(value), max(lower, -1), min(upper, 1)

    quantities = {
        "Sensitivity": sensitivity,
        "Specificity": specificity,
        "PPV": proportion(n["tp"], n["tp"] + n["fp"]),
        "NPV": proportion(n["tn"], n["tn"] + n["fn"]),
        "LR+": ratio(sensitivity, alarmed),
        "LR−": ratio(missed, specificity),
        "F1": proportion(n["tp"], n["tp"] + n["fp"] + n["fn"]).changed(lambda share: 2 * share / (1 + share)),
        "missed": missed,
    }
    found = {name: [one.estimate, *one.limits] for name, one in quantities.items()}
    found |= {"MCC": list(rates("mcc")), "Kappa": list(rates("kappa"))}
    found["Balanced accuracy"] = list(function_of([sensitivity, specificity], lambda a, b: (a + b) / 2))
    for share in (0.01, 0.05, 0.1, 0.2):
        odds = share / (1 - share)
        values = {"PPV": quantities["LR+"].changed(lambda x, o=odds: 1 if np.isinf(x) else o * x / (1 + o * x))}
        values["NPV"] = quantities["LR−"].changed(lambda x, o=odds: 1 / (1 + o * x))
        found |= {f"{name} at {share}": [one.estimate, *one.limits] for name, one in values.items()}
    return found


def average_precision(truth: Numbers, score: Numbers, cluster: Numbers) -> list[float]:
    """Return average precision with Wilson's interval, whose number of images follows from a clustered bootstrap."""
    random = np.random.default_rng(0)
    images = [np.flatnonzero(cluster == one) for one in range(int(cluster.max()) + 1)]
    drawn = []
    for _ in range(1000):
        rows = np.concatenate([images[i] for i in random.integers(0, len(images), len(images))])
        if truth[rows].any():
            drawn.append(average_precision_score(truth[rows], score[rows]))
    estimate = float(average_precision_score(truth, score))
    _, _, degrees = effective_trials(sums_by(cluster, truth), sums_by(cluster, np.ones_like(truth)))
    return [estimate, *wilson(estimate, estimate * (1 - estimate) / np.var(drawn), student_quantile(0.95, degrees))]


def expected_error(truth: Numbers, score: Numbers) -> float:
    """Return the expected calibration error in ten bins of equal counts."""
    bins = calibration_bins(truth, score, np.arange(len(truth)), 10, 0.95)
    share = bins["n_images"] / len(truth)
    return float((share * np.abs(bins["observed"] - bins["mean_probability"])).sum())


def abstention(known: pd.DataFrame, rows: pd.DataFrame, rate: float) -> list[list[float]]:
    """Return the shares in per cent at one target error rate: deferred, wrong among the decided, and in each class."""

    def limit(truth: int) -> float:
        of = known[known["truth"] == truth]
        wrong = (1 - of["probability"] if truth else of["probability"]).to_numpy()
        group = of["group_id"].fillna(of["patient_id"]).fillna(of["image_id"])
        weights = (1 / group.map(group.value_counts())).to_numpy()
        order = np.argsort(wrong, kind="stable")
        reached = np.flatnonzero(np.cumsum(weights[order]) / (weights.sum() + 1) >= 1 - rate - 1e-12)
        return float(wrong[order][reached[0]]) if len(reached) else np.inf

    truth, score, cluster = rows["truth"].to_numpy(float), rows["probability"].to_numpy(float), cluster_index(rows)
    positive = score >= max(1 - limit(1), 0) - 1e-12
    negative = score <= min(limit(0), 1) + 1e-12

    def count(where: Numbers) -> Numbers:
        return sums_by(cluster, where)

    def uncovered(covered: Numbers, of: Numbers) -> list[float]:
        images = count(of)
        part = np.where(images > 0, count(covered & of) / np.maximum(images, 1), 0)
        one = proportion(part, (images > 0).astype(float), images.sum())
        return [100 * (1 - x) for x in (one.estimate, one.limits[1], one.limits[0])]

    decided = positive != negative
    wrong = decided & (positive != (truth == 1))
    shares: list[Quantity] = [
        proportion(count(~decided), count(decided | True)),
        proportion(count(wrong), count(decided)),
    ]
    found = [[100 * one.estimate, *(100 * x for x in one.limits)] for one in shares]
    if not decided.any():
        found[1] = []
    return [*found, uncovered(positive, truth == 1), uncovered(negative, truth == 0)]
