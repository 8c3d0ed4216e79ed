"""Simulate cross-validations of a rare finding, and compare their results with the true values.

In each data set, five networks with equal AUROC and different scales of their logits predict 700 images of 350
patients. Folds, recalibration and thresholds are those of placa train --folds 5; AUROC, average precision and the
calibration slope are those of R's discrimination() and calibration_measures(). The model is the ensemble of the five
networks: its sensitivity and specificity at the stored thresholds are measured on 20,000 new images.

Usage: benchmarks/folds.py [--sets 300] [--draws 1000]. It takes about ten minutes on one core.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from placa.evaluation.bridge import call_r
from placa.models.calibration import Choice, choose_for_folds, choose_recalibration, choose_thresholds, sigmoid
from placa.training.folds import deal_folds

FOLDS, IMAGES, PATIENTS, NEW = 5, 700, 350, 20_000
AUROC = 0.933
#: Distance of the classes in standard deviations.
DISTANCE = float(norm.ppf(AUROC) * np.sqrt(2))
#: Shares of the variance of a logit: of the patient, of the image, and of the network.
SHARES = (0.4, 0.3, 0.3)


class Networks:
    """Five networks with equal AUROC, whose logits differ in location and scale."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.scale, self.shift = np.exp(random.normal(0, 0.25, FOLDS)), random.normal(-0.9, 0.7, FOLDS)

    def logits(self, truth: np.ndarray, patient: np.ndarray) -> np.ndarray:
        """Return the logits of images, shape ``(networks, images)``."""
        common, own = (
            np.sqrt(share) * self.random.normal(size=count)
            for share, count in zip(SHARES, (patient.max() + 1, len(truth)), strict=False)
        )
        noise = np.sqrt(SHARES[2]) * self.random.normal(size=(FOLDS, len(truth)))
        quality = DISTANCE * (truth - 0.5) + common[patient] + own + noise
        return np.asarray(quality * self.scale[:, None] + self.shift[:, None])


def simulate(seed: int, positives: int, draws: int) -> dict[str, float]:
    """Simulate one data set and return its results."""
    random = np.random.default_rng([seed, positives])
    patient = np.arange(IMAGES) // (IMAGES // PATIENTS)
    # The positive images are those of few patients: of each, one or both.
    order = np.concatenate(
        [2 * p + random.permutation(2)[: random.integers(1, 3)] for p in random.permutation(PATIENTS)]
    )
    truth = np.zeros(IMAGES)
    truth[order[:positives]] = 1
    networks = Networks(random)
    logits = networks.logits(truth, patient)
    names = patient.astype(str)
    files = pd.DataFrame({"group_id": names, "patient_id": names, "Finding": pd.array(truth.astype(int), dtype="Int8")})
    dealt = list(deal_folds(files, ["Finding"], FOLDS, seed).values())
    held_out = [fold["validation"] for fold in dealt]
    tested = [fold["test"] for fold in dealt]
    parts = [(logits[k, held_out[k]], truth[held_out[k]]) for k in range(FOLDS)]
    alone = [choose_recalibration("platt", *part) for part in parts]
    chosen = choose_for_folds("platt", *map(list, zip(*parts, strict=True)))
    before, after = (_out_of_fold(choices, logits, tested) for choices in (alone, chosen.choices))
    fold = np.empty(IMAGES, dtype=int)
    for k, places in enumerate(tested):
        fold[places] = k + 1
    frame = pd.DataFrame(
        {
            "image_id": np.arange(IMAGES).astype(str), "patient_id": names, "group_id": names, "split": "test",
            "finding": "Finding", "truth": truth.astype(int), "probability": after, "fold": fold.astype(str),
        }
    )  # fmt: skip
    found = _call("discrimination", frame, draws).iloc[0]
    slope = _call("calibration_measures", frame, 100)
    judged = np.concatenate([_map(chosen.choices[k], parts[k][0]) for k in range(FOLDS)])
    points = choose_thresholds(judged, np.concatenate([truth[one] for one in held_out]))
    new_truth = np.repeat([1.0, 0.0], NEW // 2)
    new = networks.logits(new_truth, np.arange(NEW))
    ensemble = sigmoid(
        np.mean([one.recalibration.apply(z) for one, z in zip(chosen.choices, new, strict=True)], axis=0)
    )
    old = np.concatenate([_map(alone[k], parts[k][0]) for k in range(FOLDS)])
    old_youden = choose_thresholds(old, np.concatenate([truth[one] for one in held_out]))["youden"]
    yes, no = truth == 1, truth == 0
    return {
        "failed": float(any(one.reason for one in alone)),
        "pooled": float(roc_auc_score(truth, before)),
        "auroc": found["auroc"],
        "covered": float(found["auroc_lower"] <= AUROC <= found["auroc_upper"]),
        "covered_delong": float(found["delong_lower"] <= AUROC <= found["delong_upper"]),
        "covered_obuchowski": float(found["obuchowski_lower"] <= AUROC <= found["obuchowski_upper"]),
        "ap": found["average_precision"],
        "ap_pooled": float(average_precision_score(truth, before)),
        "ap_of_one": float(average_precision_score(truth, logits[0])),
        "slope": float(slope.loc[slope["measure"] == "slope", "estimate"].iloc[0]),
        "observed_expected": float(slope.loc[slope["measure"] == "observed_expected", "estimate"].iloc[0]),
        "most_called_before": max(float((before[one] >= old_youden).mean()) for one in tested),
        "most_called": max(float((after[one] >= points["youden"]).mean()) for one in tested),
        "sensitivity": float((after[yes] >= points["sensitivity_95"]).mean()),
        "sensitivity_of_model": float((ensemble[new_truth == 1] >= points["sensitivity_95"]).mean()),
        "specificity": float((after[no] < points["specificity_95"]).mean()),
        "specificity_of_model": float((ensemble[new_truth == 0] < points["specificity_95"]).mean()),
        "youden": float((after[yes] >= points["youden"]).mean() + (after[no] < points["youden"]).mean() - 1),
        "youden_of_model": float(
            (ensemble[new_truth == 1] >= points["youden"]).mean()
            + (ensemble[new_truth == 0] < points["youden"]).mean()
            - 1
        ),
    }


def _map(choice: Choice, logits: np.ndarray) -> np.ndarray:
    return sigmoid(choice.recalibration.apply(logits))


def _out_of_fold(choices: list[Choice], logits: np.ndarray, tested: list[np.ndarray]) -> np.ndarray:
    probability = np.empty(logits.shape[1])
    for k, places in enumerate(tested):
        probability[places] = _map(choices[k], logits[k, places])
    return probability


def _call(function: str, frame: pd.DataFrame, draws: int) -> pd.DataFrame:
    table = call_r(function, lambda text: None, predictions=frame, draws=float(draws))
    assert table is not None
    return table


def true_precision(positives: int) -> float:
    """Return the average precision of a network in a population with this prevalence."""
    random = np.random.default_rng(positives)
    negatives = NEW * (IMAGES - positives) // positives
    score = np.concatenate([random.normal(DISTANCE, 1, NEW), random.normal(0, 1, negatives)])
    return float(average_precision_score(np.repeat([1, 0], [NEW, negatives]), score))


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=300, help="data sets per row")
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap draws per data set")
    options = parser.parse_args()
    tables = {
        positives: pd.DataFrame([simulate(seed, positives, options.draws) for seed in range(options.sets)])
        for positives in (10, 20, 50)
    }
    print(f"{options.sets} data sets per row, {options.draws} draws, true AUROC {AUROC}\n")
    print(
        "| positive images | a fold not recalibrated alone | AUROC pooled | AUROC within folds | error (SE) | coverage "
        "| average precision: pooled | within folds | one test set | population | slope | observed / expected |"
    )
    print("|" + "---|" * 12)
    for positives, table in tables.items():
        m, error = table.mean(), table["auroc"].std() / np.sqrt(len(table))
        print(
            f"| {positives} | {m.failed:.0%} | {m.pooled:.3f} | {m.auroc:.4f} | {m.auroc - AUROC:+.4f} ({error:.4f}) | "
            f"{m.covered:.1%} (Obuchowski {m.covered_obuchowski:.1%}, DeLong {m.covered_delong:.1%}) | "
            f"{m.ap_pooled:.3f} | {m.ap:.3f} | {m.ap_of_one:.3f} | {true_precision(positives):.3f} | "
            f"{table['slope'].median():.2f} | {table['observed_expected'].median():.2f} |"
        )
    print(
        "\n| positive images | most images of a fold called positive (Youden): before | now "
        "| sensitivity, target 0.95: out of fold | the model | specificity, target 0.95: out of fold | the model "
        "| Youden: out of fold | the model |"
    )
    print("|" + "---|" * 9)
    for positives, table in tables.items():
        m = table.mean()
        print(
            f"| {positives} | {m.most_called_before:.0%}, largest {table['most_called_before'].max():.0%} | "
            f"{m.most_called:.0%}, largest {table['most_called'].max():.0%} | {m.sensitivity:.3f} | "
            f"{m.sensitivity_of_model:.3f} | {m.specificity:.3f} | {m.specificity_of_model:.3f} | {m.youden:.3f} | "
            f"{m.youden_of_model:.3f} |"
        )


if __name__ == "__main__":
    main()
