"""Prediction of a prepared data set, from its pixels."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from raising import raises

import placa.models.outputs
from placa.dataset.errors import MissingPixelsError
from placa.inference import dask
from placa.inference.errors import DirectoryDiffersOnWorkerError, MixedInputsError, ReadingMismatchError
from placa.inference.predict import Predictor
from placa.inference.prepared import find_prepared_set, predict_prepared
from placa.models.outputs import in_batches, predict_pixels
from placa.records.manifest import read_manifest
from placa.records.predictions import read_predictions
from placa.records.reading import slabs
from placa.sources.folders import read_folders
from placa.workflows.prepare import prepare


def test_the_command_gives_the_predictions_of_training(run: Path, prepared: Path, tmp_path: Path, placa) -> None:
    out = tmp_path / "all.parquet"
    done = placa("predict", run, prepared, "--out", out, "--rows", 2, "--paths")
    assert done.returncode == 0, done.stderr
    written, metadata = read_predictions(out)
    stored, of_run = read_predictions(run)
    pd.testing.assert_frame_equal(written[list(stored)], stored)
    assert metadata == of_run
    assert written["path"].tolist() == read_manifest(prepared)["path"].tolist()
    assert set(written["class"]) <= {"positive", "negative"}


def test_another_prepared_set_is_predicted_with_its_labels_and_without_files(
    run: Path, prepared: Path, tmp_path: Path
) -> None:
    for number, file in enumerate(sorted((prepared / "images").glob("*.png"))[:90]):
        folder = tmp_path / "in" / ("Opacity" if number % 3 else "None")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / f"{number}.png")
    expected = Predictor(run).predict([str(path) for path in sorted((tmp_path / "in").glob("*/*.png"))])[0]
    prepare(read_folders(tmp_path / "in", "Opacity"), tmp_path / "other", size=64)
    shutil.rmtree(tmp_path / "in")
    table, facts = predict_prepared(Predictor(run), tmp_path / "other")
    assert facts["kind"] == "folders" and table["truth"].sum() == 60
    by_path = table.set_index("path")["probability"]
    assert by_path[expected["path"]].tolist() == expected["probability"].tolist()


def test_another_reading_rule_is_an_error(run: Path, prepared: Path, tmp_path: Path, placa) -> None:
    prepare(read_folders_of(prepared, tmp_path), tmp_path / "small", size=32)
    with raises(MissingPixelsError, path=str(tmp_path / "small" / "pixels-64.npy"), sizes=[32]):
        predict_prepared(Predictor(run), tmp_path / "small")
    other = Predictor(run)
    other.reading = slabs(4)
    rules = {"rule": "stretch", "squares": 1, "model_rule": "ct-slabs", "model_squares": 4}
    with raises(ReadingMismatchError, prepared=str(prepared), run=str(run), **rules):
        predict_prepared(other, prepared)


def test_a_prepared_set_with_other_inputs_is_an_error(run: Path, prepared: Path, placa) -> None:
    places = [prepared / "images", prepared]
    with raises(MixedInputsError, prepared=str(prepared), inputs=[str(place) for place in places]):
        find_prepared_set(places)
    assert find_prepared_set([prepared]) == prepared and find_prepared_set(places[:1]) is None
    done = placa("predict", run, *places)
    assert done.returncode == 2 and str(prepared) in done.stderr and done.stderr.count("\n") == 1


def test_a_worker_with_another_run_or_data_set_is_an_error(run: Path, prepared: Path) -> None:
    model = Predictor(run).fingerprint
    with raises(DirectoryDiffersOnWorkerError, path=str(run), expected="sha256:0", received=model):
        dask._predict_chunk(str(run), "sha256:0", [])
    with raises(DirectoryDiffersOnWorkerError, path=str(run), expected="sha256:1", received=None):
        dask._predict_span(str(run), model, str(run), "sha256:1", (0, 1))


def read_folders_of(prepared: Path, tmp_path: Path):
    for name, part in (("Opacity", slice(0, 40)), ("None", slice(40, 80))):
        (tmp_path / "few" / name).mkdir(parents=True)
        for file in sorted((prepared / "images").glob("*.png"))[part]:
            shutil.copy(file, tmp_path / "few" / name)
    return read_folders(tmp_path / "few", "Opacity")


@pytest.mark.parametrize("large", [False, True])
def test_a_prediction_does_not_depend_on_the_rest_of_its_batch(
    large: bool, run: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        # Large networks have smaller batches.
        monkeypatch.setattr(placa.models.outputs, "_LARGE", 0)
    pixels = np.load(prepared / "pixels-64.npy")
    model = Predictor(run).model
    together = predict_pixels(model, in_batches(pixels)).probability
    for rows in (slice(0, 1), slice(5, 6), slice(3, 12), slice(60, 120)):
        assert np.array_equal(predict_pixels(model, in_batches(pixels[rows])).probability, together[rows])
    assert predict_pixels(model, []).probability.shape == (0, 1)
