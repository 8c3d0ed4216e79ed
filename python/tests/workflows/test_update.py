"""`placa update`: a run adapted to a local data set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Command
from record_fixtures import reseal

from placa.core.errors import OutputExistsError, PlacaError, UnknownNameError
from placa.dataset.splits import SplitPlan
from placa.inference.errors import NoNewImagesError, OtherFindingsError, TooFewImagesError
from placa.inference.predict import Predictor
from placa.inference.prepared import predict_prepared
from placa.records.files import read_record
from placa.records.model import Thresholds
from placa.records.predictions import read_predictions
from placa.records.run import require_files, require_model, require_run
from placa.sources.phantom import read_phantoms
from placa.workflows.prepare import prepare
from placa.workflows.update import update

ALL_TEST = SplitPlan(fractions=(0.0, 0.0, 1.0))


@pytest.fixture(scope="module")
def local(elsewhere: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the phantoms of another hospital to a folder with the name of the update."""
    return Path(shutil.copytree(elsewhere, tmp_path_factory.mktemp("local") / "local"))


@pytest.fixture(scope="module")
def updated(run: Path, local: Path, r: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Update the run by a line."""
    out = tmp_path_factory.mktemp("updated") / "new"
    update(run, local, out, "logistic", bridge="rscript", progress=False)
    yield out


def test_the_new_model_predicts_the_updated_probabilities(run: Path, local: Path, updated: Path) -> None:
    facts = require_run(updated)
    require_model(updated, facts)
    assert require_files(updated, facts)
    one = facts["update"]["findings"]["Opacity"]
    assert one["method"] == "logistic" and facts["update"]["run"] == "phantoms"
    before, after = (predict_prepared(Predictor(name), local)[0]["probability"].to_numpy() for name in (run, updated))
    assert one["intercept"] is not None and one["slope"] is not None
    logits = one["intercept"] + one["slope"] * np.log(before / (1 - before))
    assert after == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-5)
    # The mean probability of the images that were fitted is their prevalence.
    assert after.mean() == pytest.approx(one["positives"] / one["images"], abs=1e-3)


def test_the_gain_is_cross_fitted_and_old_images_are_known(
    run: Path, prepared: Path, local: Path, updated: Path
) -> None:
    table, _ = read_predictions(updated)
    test = table[table["split"] == "test"]
    facts = require_run(updated)
    assert test["image_id"].nunique() == facts["update"]["used"] == facts["data"]["images"]["test"]
    # The probability of an image is not that of the fit to all images.
    after = predict_prepared(Predictor(updated), local)[0].set_index("image_id")["probability"]
    crossed = test.set_index(test["image_id"].str.removeprefix("local/"))["probability"]
    assert np.abs(crossed - after.loc[crossed.index]).max() > 1e-4
    assert (table["split"] == "train").sum() == len(read_predictions(run)[0])
    assert set(test["patient_id"]).isdisjoint(table.loc[table["split"] == "train", "patient_id"])
    gain = pd.read_csv(updated / "update" / "gain.csv")
    loss = gain.set_index("metric").loc["log_loss"]
    assert loss["lower"] <= loss["difference"] <= loss["upper"]
    points = pd.read_csv(updated / "update" / "operating.csv")
    assert set(points["metric"]) == {"sensitivity", "specificity"}
    assert (points["difference"] - (points["after"] - points["before"])).abs().max() < 1e-9
    assert read_record(updated / "thresholds.json", Thresholds)["chosen_on"] == "local"
    # Neither set may be used again.
    for known in (local, prepared):
        with pytest.raises(NoNewImagesError):
            update(updated, known, updated.parent / "again", "intercept", bridge="rscript", progress=False)
    assert not (updated.parent / "again").exists()


@pytest.mark.parametrize(
    "method", ["thresholds", *(pytest.param(one, marks=pytest.mark.slow) for one in ("isotonic", "refit"))]
)
def test_other_methods(run: Path, local: Path, method: str, r: str, tmp_path: Path) -> None:
    facts = update(run, local, tmp_path / "new", method, bridge="rscript", progress=False)
    before, after = (predict_prepared(Predictor(name), local)[0] for name in (run, tmp_path / "new"))
    score, old, new = before["score"].to_numpy(), before["probability"].to_numpy(), after["probability"].to_numpy()
    if method == "thresholds":
        assert np.array_equal(new, old) and facts["model"]["fingerprint"] == require_run(run)["model"]["fingerprint"]
        assert json.loads((tmp_path / "new" / "thresholds.json").read_text()) != json.loads(
            (run / "thresholds.json").read_text()
        )
    if method == "isotonic":
        order = np.argsort(old)
        assert (np.diff(new[order]) > -1e-6).all() and abs(new.mean() - before["truth"].mean()) < 0.05
    if method == "refit":
        one = facts["update"]["findings"]["Opacity"]
        logits = one["intercept"] + one["slope"] * np.log(score / (1 - score))
        assert new == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-5)


def test_bad_input_is_refused_and_nothing_is_written(
    run: Path, prepared: Path, local: Path, tmp_path: Path, placa: Command
) -> None:
    out = tmp_path / "new"
    few = partial(read_phantoms, images=12, seed=9)
    prepare(few, tmp_path / "few", size=64, plan=ALL_TEST)
    with pytest.raises(TooFewImagesError):
        update(run, tmp_path / "few", out, progress=False)
    # The test images of the model, with all of its other images.
    with pytest.raises(NoNewImagesError):
        update(run, prepared, out, progress=False)
    with pytest.raises(OutputExistsError):
        update(run, local, run, progress=False)
    with pytest.raises(UnknownNameError):
        update(run, local, out, "slope", progress=False)
    other = json.loads((local / "source.json").read_text())
    foreign = tmp_path / "other"
    foreign.mkdir()
    for file in local.iterdir():
        if file.is_file():
            (foreign / file.name).write_bytes(file.read_bytes())
    reseal(foreign / "source.json", {**other, "findings": ["Mass"]})
    with pytest.raises(OtherFindingsError):
        update(run, foreign, out, progress=False)
    with pytest.raises(PlacaError):
        update(tmp_path / "nothing", local, out, progress=False)
    assert placa("update", run, prepared, "--out", out).returncode == 2
    assert not out.exists() and not list(tmp_path.glob(".new*"))
