"""Train by cross-validation, with out-of-fold predictions for each image and an ensemble of the networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.progress import Progress
from placa.dataset.moments import Moments
from placa.dataset.splits import FRACTIONS, assert_disjoint, assign_splits
from placa.models.assembled import ensemble
from placa.models.calibration import Choice, FoldChoices, choose_for_folds, operating_points, sigmoid
from placa.models.onnx_file import export_onnx
from placa.models.outputs import ModelOutputs, file_outputs, in_batches
from placa.models.studies import pool_studies
from placa.records.manifest import SPLITS
from placa.records.model import RecalibrationFacts
from placa.records.run_facts import FoldFacts, split_counts
from placa.training.batches import ALONE, Share
from placa.training.checkpoint import Checkpoint
from placa.training.data import TrainingData
from placa.training.epochs import mean_auroc
from placa.training.errors import FoldCountError
from placa.training.finish import CalibratedModel, inference_network, moments_of, recalibrations
from placa.training.fitting import Fitted, fit_network
from placa.training.monitor import Monitor
from placa.training.options import TrainOptions


@dataclass(frozen=True)
class Fold:
    """A trained fold.

    Attributes:
        name: Number of the fold, from ``"1"``.
        seed: Seed of its network.
        files: Indices of its training, validation and test files, by split.
        fitted: The trained network with its history.
        network: The network for inference, from uint8 pixels to logits.
        logits: Logits of its validation and test files, by split, shape ``(files, findings)``.
        distance: The distance of its test files from its training images, shape ``(files,)``, or None.
        moments: The moments of that distance.
        choices: The recalibration of each finding, chosen on the validation files of all folds.
    """

    name: str
    seed: int
    files: dict[str, NDArray[np.int64]]
    fitted: Fitted
    network: Any
    logits: dict[str, NDArray[np.float64]]
    distance: NDArray[np.float64] | None
    moments: Moments | None
    choices: list[Choice] = field(default_factory=list)

    def outputs(self, split: str) -> ModelOutputs:
        """Return the recalibrated outputs for the files of a split."""
        logits = self.logits[split]
        recalibrated = [one.recalibration.apply(logits[:, i]) for i, one in enumerate(self.choices)]
        return ModelOutputs(sigmoid(np.stack(recalibrated, axis=1)), sigmoid(logits))


def train_folds(
    data: TrainingData,
    options: TrainOptions,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    share: Share = ALONE,
) -> tuple[Fitted, CalibratedModel]:
    """Train one network per fold, pool their out-of-fold predictions, and combine the networks into an ensemble.

    The prepared splits are not used: every image is in the test part of one fold. Each fold selects its epoch on its
    own validation part, which `placa.dataset.splits` draws from the rest as in ``placa prepare``. Each fold has its own
    recalibration, or one slope is shared by all folds (see `choose_for_folds`). Thresholds are chosen on the
    recalibrated probabilities of the validation parts of all folds together.

    Args:
        data: The prepared data set.
        options: Training options; the seed of each fold is derived from their seed.
        progress: Progress display.
        checkpoint: Checkpoint with one part per fold.
        share: The part of each batch for this process.

    Returns:
        The training results of all folds in the form of one network (history with the column ``fold``, median of the
        best epochs, mean of their AUROCs), and the model of the run with its predictions.

    Raises:
        FoldCountError: There are too few groups for the number of folds.
        MissingClassError: A fold lacks a class.
    """
    folds = []
    for name, files in deal_folds(data.files, data.findings, options.folds, options.seed).items():
        counts = ", ".join(f"{len(rows):,} {split}" for split, rows in files.items())
        progress.say(f"fold {name} of {options.folds}: {counts} images")
        folds.append(_train_fold(name, files, data, options, progress, checkpoint, share))
    choices = _recalibrate(data, folds, options)
    _report_choices(data.findings, folds, choices, progress)
    folds = [replace(fold, choices=[one.choices[number] for one in choices]) for number, fold in enumerate(folds)]
    return _combined_fit(data, folds), _pool(data, folds, choices, options)


def deal_folds(
    files: pd.DataFrame, findings: list[str], count: int, seed: int
) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Assign all files to folds by group, and the files outside each fold to training and validation.

    Args:
        files: One row per file, with ``group_id``, ``patient_id`` and one column per finding.
        findings: Columns to stratify by.
        count: Number of folds, from 2 to half of the number of groups.
        seed: Random seed.

    Returns:
        For each fold, from ``"1"``, the row numbers in `files` of ``train``, ``validation`` and ``test``.

    Raises:
        FoldCountError: The number of folds is out of range.
        PlacaError: A patient is in two splits of a fold.
    """
    groups = files["group_id"].nunique()
    if not 2 <= count <= groups // 2:
        raise FoldCountError(
            f"--folds must be 2 to {groups // 2} (half of the {groups} patients or groups), got {count}.",
            folds=count,
            most=groups // 2,
            groups=groups,
        )
    names = tuple(str(number) for number in range(1, count + 1))
    fold = assign_splits(files, findings, seed, (1.0,) * count, names)
    dealt = {}
    for name in names:
        split = pd.Series("test", index=files.index, dtype="string")
        rest = files[fold != name]
        split[rest.index] = assign_splits(rest, findings, fold_seed(seed, name), FRACTIONS[:2], SPLITS[:2])
        assert_disjoint(files.assign(split=split))
        dealt[name] = {part: np.flatnonzero(split == part) for part in SPLITS}
    return dealt


def fold_seed(seed: int, name: str) -> int:
    """Derive the seed of a fold; the seeds of other folds and of similar run seeds are independent."""
    return int(np.random.SeedSequence([seed, int(name)]).generate_state(1)[0])


def _train_fold(
    name: str,
    files: dict[str, NDArray[np.int64]],
    data: TrainingData,
    options: TrainOptions,
    progress: Progress,
    checkpoint: Checkpoint | None,
    share: Share,
) -> Fold:
    own = replace(options, seed=fold_seed(options.seed, name))
    rows = {split: data.reading.rows_of(places) for split, places in files.items()}
    part = checkpoint.part(f"fold-{name}") if checkpoint else None
    fitted = fit_network(data, rows["train"], rows["validation"], own, progress, part, share)
    moments = moments_of(fitted.network, data, rows["train"])
    network = inference_network(fitted.network, options, moments)
    parts = ("validation", "test")
    outputs = {part: file_outputs(network, in_batches(data.inputs, rows[part]), data.reading) for part in parts}
    logits = {part: outputs[part][0] for part in parts}
    return Fold(name, own.seed, files, fitted, network, logits, outputs["test"][1], moments)


def _recalibrate(data: TrainingData, folds: Sequence[Fold], options: TrainOptions) -> list[FoldChoices]:
    """Choose the recalibrations of each finding, on the validation files of the folds."""
    truth, group = data.reading.first_rows(data.truth), data.files["group_id"].to_numpy()
    files = [fold.files["validation"] for fold in folds]
    return [
        choose_for_folds(
            options.recalibration,
            [fold.logits["validation"][:, i] for fold in folds],
            [truth[of_fold, i] for of_fold in files],
            [group[of_fold] for of_fold in files],
        )
        for i in range(len(data.findings))
    ]


def _report_choices(
    findings: Sequence[str], folds: Sequence[Fold], choices: Sequence[FoldChoices], progress: Progress
) -> None:
    """Name the findings and folds that could not be recalibrated alone."""
    for finding, one in zip(findings, choices, strict=True):
        if one.method == "shared":
            failed = ", ".join(folds[number].name for number in one.failed())
            alone = f"; no recalibration of its own is possible in fold {failed}" if failed else ""
            progress.say(
                f"{finding}: all folds share one slope of the recalibration, because they have {min(one.positives)} to "
                f"{max(one.positives)} positive validation images{alone}"
            )
        elif one.method == "flat":
            progress.warn(
                f"{finding}: on the validation images of all folds, the probability does not increase with the score. "
                f"Every image has nearly the same probability, the proportion of positive images."
            )
        elif one.choices[0].reason:
            progress.warn(
                f"{finding} is not recalibrated in any fold: {_CAUSES[one.choices[0].reason]}. Its probabilities are "
                f"the scores of the networks, which may differ in scale between folds."
            )


#: Reasons in words, for the terminal.
_CAUSES = {
    "no_positive": "the validation images of all folds have no positive image",
    "no_negative": "the validation images of all folds have no negative image",
    "equal_scores": "a network gives all validation images of its fold the same score",
}


def _combined_fit(data: TrainingData, folds: Sequence[Fold]) -> Fitted:
    fits = [fold.fitted for fold in folds]
    history = [{"fold": int(fold.name), **row} for fold in folds for row in fold.fitted.monitor.history]
    best = sorted(fitted.monitor.best_epoch for fitted in fits)[len(fits) // 2]
    monitor = Monitor(history, best, float(np.mean([fitted.monitor.best_auroc for fitted in fits])))
    weights = np.mean([fitted.weights for fitted in fits], axis=0)
    seconds, earlier = (sum(getattr(fitted, name) for fitted in fits) for name in ("seconds", "earlier"))
    return Fitted(fits[0].network, monitor, weights, seconds, earlier)


def _pool(
    data: TrainingData, folds: Sequence[Fold], choices: Sequence[FoldChoices], options: TrainOptions
) -> CalibratedModel:
    truth = data.reading.first_rows(data.truth)
    moments = [fold.moments for fold in folds if fold.moments]
    # A model has distances if all of its networks have them.
    distance = np.empty(len(truth)) if len(moments) == len(folds) else None
    predictions = ModelOutputs(np.empty(truth.shape), np.empty(truth.shape), distance)
    of_fold = pd.Series(pd.NA, index=data.files.index, dtype="string")
    for fold in folds:
        places, outputs = fold.files["test"], fold.outputs("test")
        predictions.probability[places] = outputs.probability
        predictions.score[places] = outputs.score
        if distance is not None and fold.distance is not None:
            distance[places] = fold.distance
        of_fold.iloc[places] = fold.name
    # A validation file of several folds counts once per fold, as each fold has its own prediction.
    chosen_on = np.concatenate([fold.files["validation"] for fold in folds])
    judged = [(data.files.iloc[fold.files["validation"]], fold.outputs("validation")) for fold in folds]
    files = images = data.files.assign(split="test", fold=of_fold)
    if options.unit == "study":
        judged = [pool_studies(part, data.findings, outputs) for part, outputs in judged]
        files, predictions = pool_studies(images, data.findings, predictions)
    judged_truth = pd.concat([part[data.findings] for part, _ in judged]).to_numpy(dtype="float32", na_value=np.nan)
    model = ensemble([fold.network for fold in folds], [[one.recalibration for one in fold.choices] for fold in folds])
    return CalibratedModel(
        model,
        {"method": options.recalibration, "findings": _describe_choices(data.findings, folds, choices)},
        operating_points(data.findings, np.concatenate([outputs.probability for _, outputs in judged]), judged_truth),
        predictions,
        files,
        {"train": images, "validation": images.iloc[np.unique(chosen_on)], "test": images},
        export_onnx(model, data.inputs, data.reading.squares),
        [] if distance is None else moments,
        {"count": len(folds), "each": [_describe(fold, data, truth) for fold in folds]},
    )


def _describe_choices(
    findings: Sequence[str], folds: Sequence[Fold], choices: Sequence[FoldChoices]
) -> dict[str, RecalibrationFacts]:
    """Describe the recalibration of each finding: the method of all folds, and why folds have none of their own."""
    described: dict[str, RecalibrationFacts] = {}
    for finding, one in zip(findings, choices, strict=True):
        counts = zip(folds, one.reasons, one.positives, one.negatives, strict=True)
        described[finding] = {
            "method": one.method,
            "chosen": one.choices[0].reason is None,
            "reason": one.choices[0].reason,
            "folds": [
                {"fold": fold.name, "reason": reason, "positives": positives, "negatives": negatives}
                for fold, reason, positives, negatives in counts
            ],
        }
    return described


def _describe(fold: Fold, data: TrainingData, truth: NDArray[np.float32]) -> FoldFacts:
    monitor, test = fold.fitted.monitor, fold.files["test"]
    auroc = mean_auroc(truth[test], fold.logits["test"])
    return {
        "fold": fold.name,
        "seed": fold.seed,
        "images": split_counts({split: len(places) for split, places in fold.files.items()}),
        "groups": split_counts({name: data.files["group_id"].iloc[at].nunique() for name, at in fold.files.items()}),
        "epochs_run": len(monitor.history),
        "best_epoch": monitor.best_epoch,
        "best_validation_auroc": monitor.best_auroc,
        "test_auroc": None if np.isnan(auroc) else auroc,
        "calibration": recalibrations(data.findings, fold.choices),
        "seconds": round(fold.fitted.seconds, 1),
    }
