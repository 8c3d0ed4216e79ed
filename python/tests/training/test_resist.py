from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from raising import raises
from record_fixtures import good_record

from placa.audit.probes import histogram
from placa.audit.shortcuts import cross_validate, deal_folds
from placa.core.errors import UnknownNameError
from placa.training.augment import NONE, Augmentation
from placa.training.batches import training_batches
from placa.training.data import TrainingData, read_training_data
from placa.training.measures import MEASURES, PROPOSED, STRONG_CHANGES, measures_of, proposed, standardisation
from placa.training.options import TrainOptions
from placa.training.resist import draw_probabilities


@pytest.fixture(scope="module")
def confounded(prepared: Path) -> TrainingData:
    """Phantoms whose positive images are mostly brighter."""
    data = read_training_data(prepared)
    bright = (data.truth[:, 0] == 1) ^ (np.random.default_rng(0).random(len(data.truth)) < 0.15)
    pixels = np.clip(data.pixels.astype(int) + 40 * bright[:, None, None], 0, 255).astype(np.uint8)
    return replace(data, pixels=pixels)


def test_measures_are_read_in_any_order_and_unknown_ones_refused() -> None:
    assert measures_of("border, grey") == ("grey", "border")
    assert measures_of("none") == ()
    assert standardisation("grey").grey
    assert not standardisation("grey").border
    with raises(UnknownNameError, name="lungs"):
        TrainOptions(resist="grey,lungs")
    assert TrainOptions(resist="auto").resist == "auto"


def test_every_probe_has_a_proposal_and_only_strong_ones_count() -> None:
    audit = good_record("audit")
    assert set(PROPOSED) >= {probe["probe"] for probe in audit["shortcuts"]["probes"]}
    for probe in audit["shortcuts"]["probes"]:
        probe["verdict"] = "strong" if probe["probe"] == "frame" else "some"
    assert proposed(audit) == ("border", "augment")  # type: ignore[arg-type]
    # What a set records about its patients has no measure, even if it is a strong shortcut.
    audit["shortcuts"]["probes"].append({**audit["shortcuts"]["probes"][0], "probe": "follow_up", "verdict": "strong"})
    assert proposed(audit) == ("border", "augment")  # type: ignore[arg-type]
    assert {measure for measures in PROPOSED.values() for measure in measures} == set(MEASURES)


def test_the_shortcut_predicts_drawn_images_less_well(confounded: TrainingData) -> None:
    rows = np.arange(len(confounded.truth))
    probabilities = draw_probabilities(confounded, rows, "weights", 0)
    assert probabilities is not None
    assert probabilities.sum() == pytest.approx(1)
    truth = confounded.truth[:, 0] == 1
    # The proportion of positive images is kept.
    assert probabilities[truth].sum() == pytest.approx(truth.mean())
    bright = confounded.pixels.mean(axis=(1, 2))
    order = np.argsort(bright)

    def area(weights: np.ndarray) -> float:
        negative = np.cumsum((weights * ~truth)[order])
        return float(((weights * truth)[order] * negative).sum() / (weights[truth].sum() * weights[~truth].sum()))

    assert area(np.ones(len(rows))) > area(probabilities) + 0.05
    assert draw_probabilities(confounded, rows, "grey,border,augment", 0) is None


def test_views_are_balanced(confounded: TrainingData) -> None:
    views = np.where(confounded.truth[:, 0] == 1, "AP", "PA")
    views[:20] = "AP"
    manifest = confounded.manifest.assign(view=pd.array(views, dtype="string"))
    data = replace(confounded, manifest=manifest)
    probabilities = draw_probabilities(data, np.arange(len(views)), "views", 0)
    assert probabilities is not None
    in_ap = (views == "AP") & (data.truth[:, 0] == 0)
    assert probabilities[in_ap].mean() > 1.2 * probabilities[(views == "PA")].mean()


def test_batches_follow_the_probabilities() -> None:
    pixels = np.arange(4, dtype=np.uint8)[:, None, None].repeat(8, 1).repeat(8, 2)
    chances = np.array([0.7, 0.1, 0.1, 0.1])
    batches = training_batches(
        pixels, np.arange(4), np.zeros((4, 1), np.float32), 4, NONE, seed=0, probabilities=chances
    )
    seen = []
    for epoch in range(60):
        batches.epoch = epoch
        seen += batches[0][0][:, 0, 0, 0].tolist()
    assert np.bincount(seen, minlength=4)[0] / len(seen) == pytest.approx(0.7, abs=0.1)


def test_strong_changes_hide_a_brightness_that_tells_the_label(confounded: TrainingData) -> None:
    strong = Augmentation(**STRONG_CHANGES)
    assert TrainOptions(resist="augment").suited(64).changes == strong
    changed = strong.apply(np.asarray(confounded.pixels), np.random.default_rng(1))
    assert changed.dtype == np.uint8
    truth = confounded.truth[:, 0] == 1
    groups = pd.factorize(confounded.manifest["group_id"])[0].astype(np.int64)
    folds = deal_folds(truth, groups, 0)
    before = cross_validate(histogram(np.asarray(confounded.pixels)), truth, groups, folds)
    after = cross_validate(histogram(changed), truth, groups, folds)
    assert before is not None
    assert after is not None
    assert after.value < before.value - 0.05


def test_amounts_of_zero_change_no_draw_of_the_others() -> None:
    images = np.random.default_rng(0).integers(0, 255, (4, 32, 32)).astype(np.uint8)
    plain = Augmentation().apply(images, np.random.default_rng(3))
    both = Augmentation(noise=1e-9).draw(4, np.random.default_rng(3))
    assert np.array_equal(plain, replace(both, grey=None).apply(images))
