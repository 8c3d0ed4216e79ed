"""`placa monitor`: periods after deployment against the run's own test images."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from raising import raises

from placa.core.errors import PathNotFoundError
from placa.inference.errors import ChangedPeriodError, PeriodNameError
from placa.inference.predict import Predictor
from placa.inference.prepared import predict_prepared
from placa.records.errors import FingerprintMismatchError
from placa.records.predictions import describe_predictions, write_predictions
from placa.workflows.monitor import monitor, require_unchanged


@pytest.fixture(scope="module")
def month(elsewhere: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the phantoms of another hospital to a folder with the name of a period."""
    return Path(shutil.copytree(elsewhere, tmp_path_factory.mktemp("month") / "2026-10"))


def test_periods_are_compared_kept_and_replaced(run: Path, month: Path, r: str, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    predictor = Predictor(copy)
    table, _ = predict_prepared(predictor, month)
    table = table.drop(columns=["path", "class"])
    # A month without labels in which the model reports the finding in nearly every image.
    table["truth"] = pd.array([pd.NA] * len(table), dtype="Int8")
    table["probability"] = 0.9 + table["probability"] / 20
    later = tmp_path / "2026-11.parquet"
    write_predictions(table, later, describe_predictions(predictor.card, None, predictor.fingerprint))
    drift = monitor(copy, [later], progress=False)
    assert set(drift["period"]) == {"2026-11"}
    rows = drift.set_index("variable")
    assert rows.loc["probability", "changed"] and rows.loc["flagged", "current"] == 1
    assert rows.loc["probability", "difference_lower"] > 0
    with raises(ChangedPeriodError, period="2026-11", variables=sorted(set(drift.loc[drift["changed"], "variable"]))):
        require_unchanged(drift)
    performance = pd.read_csv(copy / "monitoring" / "performance.csv")
    assert performance["period"].tolist() == ["reference"]
    # The labels of an earlier month arrive; the later month stays.
    drift = monitor(copy, [month], progress=False)
    assert drift["period"].unique().tolist() == ["2026-10", "2026-11"]
    performance = pd.read_csv(copy / "monitoring" / "performance.csv")
    assert performance["period"].tolist() == ["reference", "2026-10"]
    assert performance["n_images"].iloc[1] == table["image_id"].nunique()
    assert performance["observed_expected"].iloc[1] > 0


def test_periods_that_cannot_be_compared_are_errors(run: Path, month: Path, tmp_path: Path) -> None:
    with raises(PathNotFoundError, path=str(tmp_path / "none")):
        monitor(run, [tmp_path / "none"], progress=False)
    with raises(PeriodNameError, name="2026-10"):
        monitor(run, [month, month], progress=False)
    predictor = Predictor(run)
    table, _ = predict_prepared(predictor, month)
    other = tmp_path / "other.parquet"
    described = describe_predictions(predictor.card, None, "sha256:" + "0" * 64)
    write_predictions(table.drop(columns=["path", "class"]), other, described)
    with raises(FingerprintMismatchError, path=str(other), received="sha256:" + "0" * 64):
        monitor(run, [other], progress=False)
    assert not (run / "monitoring").exists()
