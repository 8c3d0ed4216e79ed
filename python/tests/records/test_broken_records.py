"""Incomplete or damaged records, and those of another model, are errors."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from raising import raises
from record_fixtures import good_record

from placa.core.errors import DamagedFileError, FileAccessError, PathNotFoundError
from placa.core.files import fingerprint
from placa.records.errors import (
    DuplicateImageError,
    FingerprintMismatchError,
    IncompleteRunError,
    MissingColumnError,
    NotARunError,
    NotPreparedError,
    ReservedNameError,
)
from placa.records.manifest import FIXED, complete, read_manifest, write_manifest
from placa.records.predictions import COLUMNS, read_plain_parquet, read_predictions, tidy, write_predictions
from placa.records.run import require_model, require_predictions, require_run


@pytest.fixture
def images() -> pd.DataFrame:
    return pd.DataFrame({"image_id": ["a", "b"], "path": ["a.png", "b.png"], "Mass": [0, 1]})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Write the files of a run, with a model of three bytes."""
    place = tmp_path / "runs" / "one"
    place.mkdir(parents=True)
    (place / "model.keras").write_bytes(b"net")
    (place / "thresholds.json").write_text("{}")
    model = {"file": "model.keras", "fingerprint": fingerprint(place / "model.keras")}
    (place / "run.json").write_text(json.dumps({**good_record("run"), "model": model}))
    return place


def test_an_invalid_manifest_table_is_an_error(images: pd.DataFrame) -> None:
    with raises(MissingColumnError, column="path", file=None, columns=["image_id", "Mass"]):
        complete(images.drop(columns="path"), ["Mass"])
    with raises(ReservedNameError, name="age"):
        complete(images.assign(age=1), ["Mass", "age"])
    with raises(DuplicateImageError, image_id="a"):
        complete(images.assign(image_id="a"), ["Mass"])


def test_an_age_that_nobody_has_is_missing_in_the_manifest(images: pd.DataFrame) -> None:
    ages = complete(images.assign(age=[-1.0, *[50.0] * (len(images) - 1)]), ["Mass"])["age"]
    assert ages.isna().tolist() == [True, *[False] * (len(images) - 1)]


def test_a_directory_without_a_valid_manifest_is_an_error(images: pd.DataFrame, tmp_path: Path) -> None:
    with raises(NotPreparedError, path=str(tmp_path)):
        read_manifest(tmp_path)
    file = tmp_path / "manifest.parquet"
    write_manifest(complete(images, ["Mass"]).drop(columns="view"), file, {})
    columns = [*(name for name in FIXED if name != "view"), "Mass"]
    with raises(MissingColumnError, column="view", file=str(file), columns=columns):
        read_manifest(tmp_path)
    file.write_bytes(b"PAR1 and nothing else")
    with raises(DamagedFileError, path=str(file)):
        read_manifest(tmp_path)


def test_unreadable_predictions_are_an_error(images: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "predictions.parquet"
    with raises(PathNotFoundError, path=str(file)):
        read_predictions(tmp_path)
    unusable = tmp_path / f"{'a' * 300}.parquet"
    with raises(FileAccessError, path=str(unusable)):
        read_plain_parquet(unusable)
    write_predictions(tidy(images, ["Mass"], np.zeros((2, 1)), np.zeros((2, 1))), file, {})
    assert read_predictions(tmp_path)[0].columns.tolist() == COLUMNS
    pq.write_table(pq.read_table(file).drop_columns(["score"]), file)
    with raises(MissingColumnError, column="score", file=str(file), columns=[n for n in COLUMNS if n != "score"]):
        read_predictions(tmp_path)
    file.write_text("image_id,score")
    with raises(DamagedFileError, path=str(file)):
        read_predictions(tmp_path)


def test_an_incomplete_run_is_an_error(run: Path) -> None:
    assert require_run(run)["model"]["fingerprint"].startswith("sha256:")
    with raises(NotARunError, path=str(run.parent / "two"), runs=[str(run)]):
        require_run(run.parent / "two")
    (run / "thresholds.json").unlink()
    with raises(IncompleteRunError, path=str(run), missing="thresholds.json"):
        require_run(run)


def test_files_of_another_model_are_an_error(run: Path) -> None:
    facts = require_run(run)
    require_model(run, facts)
    expected = facts["model"]["fingerprint"]
    assert require_predictions(run, facts, {"model_fingerprint": expected})
    assert not require_predictions(run, facts, {})
    with raises(
        FingerprintMismatchError, path=str(run / "predictions.parquet"), expected=expected, received="sha256:1"
    ):
        require_predictions(run, facts, {"model_fingerprint": "sha256:1"})
    (run / "model.keras").write_bytes(b"nit")
    received = fingerprint(run / "model.keras")
    with raises(FingerprintMismatchError, path=str(run / "model.keras"), expected=expected, received=received):
        require_model(run, facts)
