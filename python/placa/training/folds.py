"""Folds: each image is predicted by a network that never saw its group, and all networks are one model in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.progress import Progress
from placa.dataset.splits import FRACTIONS, assert_disjoint, assign_splits
from placa.models.assembled import ensemble, with_probabilities
from placa.models.calibration import Choice
from placa.models.outputs import Answers, answer, in_batches
from placa.records.manifest import SPLITS
from placa.training.batches import ALONE, Share
from placa.training.checkpoint import Checkpoint
from placa.training.data import TrainingData
from placa.training.epochs import mean_auroc
from placa.training.errors import FoldCountError
from placa.training.finish import Finished, answering, operating_points, recalibrate
from placa.training.fitting import Fitted, fit_network
from placa.training.monitor import Watched
from placa.training.options import TrainOptions


@dataclass(frozen=True)
class Fold:
    """One fold, trained.

    Attributes:
        name: From ``"1"`` on.
        seed: Of its network.
        files: Which files it learnt from, chose on and was tested on, by split.
        fitted: What learnt.
        network: From uint8 pixels to logits, as the fold's answers come from it.
        choices: The recalibration of each finding, from its validation files.
        said: What it says of its validation and test files, by split.
    """

    name: str
    seed: int
    files: dict[str, NDArray[np.int64]]
    fitted: Fitted
    network: Any
    choices: list[Choice]
    said: dict[str, Answers]


def train_folds(
    data: TrainingData,
    options: TrainOptions,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    share: Share = ALONE,
) -> tuple[Fitted, Finished]:
    """Train a network a fold, pool what each says of the images it never saw, and make one model of all.

    The splits of the prepared set are of no account: every image is in the test part of one fold. Each fold chooses its
    epoch and its recalibration on a validation part of its own, which `placa.dataset.splits` cuts from the rest as it
    does for ``placa prepare``; thresholds are chosen on those of all folds together.

    Args:
        data: The prepared data set.
        options: How to train; each fold's seed is derived from theirs.
        progress: Where to show what goes on.
        checkpoint: Where the states are kept, a part a fold.
        share: Which part of each batch this process makes.

    Returns:
        What the folds learnt as if it were one network (the history of all, with the column ``fold``; the median of the
        best epochs, the mean of their AUROCs), and the run's model and predictions.

    Raises:
        PlacaError: There are fewer groups than folds, or a fold lacks a class.
    """
    folds = []
    for name, files in deal_folds(data.files, data.findings, options.folds, options.seed).items():
        counts = ", ".join(f"{len(rows):,} {split}" for split, rows in files.items())
        progress.say(f"fold {name} of {options.folds}: {counts} images")
        folds.append(_train_fold(name, files, data, options, progress, checkpoint, share))
    return _as_one(data, folds), _pool(data, folds, options)


def deal_folds(
    files: pd.DataFrame, findings: list[str], count: int, seed: int
) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Deal all files to folds, whole groups at a time, and those outside a fold to training and validation.

    Args:
        files: One row a file, with ``group_id``, ``patient_id`` and the finding columns.
        findings: Columns to stratify by.
        count: How many folds, from 2.
        seed: Seed of what is left to chance.

    Returns:
        For each fold, ``"1"`` on, the places in `files` of ``train``, ``validation`` and ``test``.

    Raises:
        PlacaError: There are fewer groups than folds, or a patient would be in two of them.
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
    """The seed of a fold, which says nothing of those of the others nor of runs with a seed near by."""
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
    network = answering(fitted.network, options)
    choices = recalibrate(network, data, rows["validation"], options.recalibration)
    model = with_probabilities(network, [choice.recalibration for choice in choices])

    said = {
        split: answer(model, in_batches(data.pixels, rows[split]), data.reading) for split in ("validation", "test")
    }
    return Fold(name, own.seed, files, fitted, network, choices, said)


def _as_one(data: TrainingData, folds: Sequence[Fold]) -> Fitted:
    fits = [fold.fitted for fold in folds]
    history = [{"fold": int(fold.name), **row} for fold in folds for row in fold.fitted.watched.history]
    best = sorted(fitted.watched.best_epoch for fitted in fits)[len(fits) // 2]
    watched = Watched(history, best, float(np.mean([fitted.watched.best_auroc for fitted in fits])))
    weights = np.mean([fitted.weights for fitted in fits], axis=0)
    seconds, earlier = (sum(getattr(fitted, name) for fitted in fits) for name in ("seconds", "earlier"))
    return Fitted(fits[0].network, watched, weights, seconds, earlier)


def _pool(data: TrainingData, folds: Sequence[Fold], options: TrainOptions) -> Finished:
    truth = data.reading.first_rows(data.truth)
    said = Answers(np.empty(truth.shape), np.empty(truth.shape))
    of_fold = pd.Series(pd.NA, index=data.files.index, dtype="string")
    for fold in folds:
        places = fold.files["test"]
        said.probability[places] = fold.said["test"].probability
        said.score[places] = fold.said["test"].score
        of_fold.iloc[places] = fold.name
    # A file that several folds chose on counts once for each: each of them says something else of it.
    chosen_on = np.concatenate([fold.files["validation"] for fold in folds])
    judged = np.concatenate([fold.said["validation"].probability for fold in folds])
    files = data.files.assign(split="test", fold=of_fold)
    return Finished(
        ensemble([fold.network for fold in folds], [[one.recalibration for one in fold.choices] for fold in folds]),
        {"method": options.recalibration, **{name: {"chosen": "by each fold"} for name in data.findings}},
        operating_points(data.findings, judged, truth[chosen_on]),
        said,
        files,
        {"train": files, "validation": files.iloc[np.unique(chosen_on)], "test": files},
        {
            "count": len(folds),
            "predictions": "out of fold",
            "thresholds": "validation images of all folds, pooled",
            "model": "mean of the recalibrated logits of the folds; itself tested on no image",
            "each": [_describe(fold, data, truth) for fold in folds],
        },
    )


def _describe(fold: Fold, data: TrainingData, truth: NDArray[np.float32]) -> dict[str, Any]:
    watched, test = fold.fitted.watched, fold.files["test"]
    auroc = mean_auroc(truth[test], fold.said["test"].score)
    return {
        "fold": fold.name,
        "seed": fold.seed,
        "images": {split: len(places) for split, places in fold.files.items()},
        "groups": {split: int(data.files["group_id"].iloc[at].nunique()) for split, at in fold.files.items()},
        "epochs_run": len(watched.history),
        "best_epoch": watched.best_epoch,
        "best_validation_auroc": watched.best_auroc,
        "test_auroc": None if np.isnan(auroc) else auroc,
        "calibration": {name: one.as_dict() for name, one in zip(data.findings, fold.choices, strict=True)},
        "seconds": round(fold.fitted.seconds, 1),
    }
