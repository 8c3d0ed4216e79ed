import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_volumes import thorax, write_stoic, write_volume
from raising import raises
from tiny_network import tiny

from placa.audit.shortcuts import find_shortcuts
from placa.core.errors import PathNotFoundError, UnknownNameError
from placa.core.files import write_rejected
from placa.dataset.scans import count_lung_squares
from placa.images.by_rule import read_file
from placa.images.errors import NoReadableImageError
from placa.inference.predict import Predictor, predict_files
from placa.records.audit import Audit
from placa.records.files import read_record
from placa.records.manifest import findings_of, read_manifest
from placa.records.predictions import read_predictions
from placa.records.reading import slabs
from placa.records.source import compared_with
from placa.sources.errors import ImagesNotFoundError, MissingColumnError, MissingDirectoryError
from placa.sources.stoic import read_stoic
from placa.training.options import TrainOptions
from placa.workflows.prepare import prepare
from placa.workflows.r_calls import predict_as_lists
from placa.workflows.train import train


@pytest.fixture(scope="module")
def stoic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write eight patients in the layout of STOIC; tests must not change them."""
    return write_stoic(tmp_path_factory.mktemp("stoic"), 8)


def _table(root: Path) -> Path:
    return root / "metadata" / "reference.csv"


@pytest.fixture
def a_stoic(stoic: Path, tmp_path: Path) -> Path:
    """Copy the data set, so that a test may change it."""
    return Path(shutil.copytree(stoic, tmp_path / "stoic"))


def test_labels_and_patient_facts_are_read_from_table_and_headers(stoic: Path) -> None:
    source = read_stoic(stoic)
    images = source.images
    assert images["image_id"].tolist() == images["patient_id"].tolist() == [str(100 + i) for i in range(8)]
    assert images["COVID"].tolist() == [0, 1] * 4
    assert images["age"].tolist() == [35, 45, 55, 65, 75, 85, 35, 45]
    assert images["sex"].tolist() == list("FMFFMFFM")
    assert [Path(path).name for path in images["path"]] == [f"{100 + i}.mha" for i in range(8)]
    assert (source.reading.rule, source.reading.squares) == ("ct-slabs", 16)
    assert source.grouped and source.rows == 8
    assert len(source.notes) == 1 and "35" in source.notes[0] and "85" in source.notes[0]


def test_severe_is_labelled_only_among_covid_patients(stoic: Path) -> None:
    source = read_stoic(stoic, "Severe", slices=4)
    assert source.images.set_index("image_id")["Severe"].to_dict() == {"101": 0, "103": 1, "105": 0, "107": 1}
    assert (source.unused, source.missing, source.reading.squares) == (4, 0, 4)
    assert source.comparison == compared_with("covid_not_severe")
    with raises(UnknownNameError, name="covid", known=["COVID", "Severe"]):
        read_stoic(stoic, "covid")


def test_every_row_and_file_is_accounted_for(a_stoic: Path) -> None:
    (a_stoic / "data" / "mha" / "100.mha").unlink()
    write_volume(a_stoic / "data" / "mha" / "999.mha", thorax())
    rows = [
        *_table(a_stoic).read_text().splitlines(),
        "200,1,0",  # no volume
        "101,0,0",  # conflicting label
        "102,0,0",  # equal duplicate
        ",1,0",
        "201,2,0",
        "202,,0",
        "203,0,1",
        "204,1",
        "107.5,1.0,0.0",  # integers as pandas writes floats; no volume
    ]
    _table(a_stoic).write_bytes("\r\n".join(rows).encode())
    source = read_stoic(a_stoic)
    assert source.images["image_id"].tolist() == ["102", "103", "104", "105", "106", "107"]
    assert source.missing == 3 and source.unused == 0
    reasons = dict(source.rejected)
    assert len(source.rejected) == 9 and source.rows == 18 and len(reasons) == 9
    output = {Path(where).name.removeprefix("reference.csv, "): reason for where, reason in reasons.items()}
    assert "no row for it" in output["999.mha"]
    assert "with another probCOVID" in output["line 3"] and "with another probCOVID" in output["line 11"]
    assert "line 4" in output["line 12"]
    assert "no PatientID" in output["line 13"]
    assert "'2'" in output["line 14"] and "''" in output["line 15"]
    assert "severe" in output["line 16"] and "RT-PCR" in output["line 16"]
    assert "2 cells" in output["line 17"]


def test_file_names_that_are_not_unicode_are_reported(a_stoic: Path) -> None:
    shutil.copyfile(a_stoic / "data" / "mha" / "100.mha", os.fsencode(a_stoic / "data" / "mha") + b"/\xff.mha")
    rejected = read_stoic(a_stoic).rejected
    write_rejected(a_stoic / "rejected.csv", rejected)
    assert '\\udcff.mha,"reference.csv has no row' in (a_stoic / "rejected.csv").read_text("utf-8")


def test_the_outcome_column_is_needed_only_for_severe(a_stoic: Path) -> None:
    _table(a_stoic).write_text(_table(a_stoic).read_text().replace("101,1,0", "101,1,").replace("100,0,0", "100,0,"))
    assert len(read_stoic(a_stoic).images) == 8
    source = read_stoic(a_stoic, "Severe")
    assert len(source.images) == 3 and source.unused == 4
    [(_, reason)] = source.rejected
    assert "probSevere" in reason and "''" in reason


def test_missing_or_invalid_header_values_are_missing(a_stoic: Path) -> None:
    write_volume(a_stoic / "data" / "mha" / "100.mha", thorax(), age=None, sex=None)
    write_volume(a_stoic / "data" / "mha" / "101.mha", thorax(), age="999Y", sex="O")
    (a_stoic / "data" / "mha" / "102.mha").write_text("no volume")
    source = read_stoic(a_stoic)
    assert source.images["age"].isna().tolist() == [True, True, True] + [False] * 5
    assert source.images["sex"].isna().tolist() == [True, True, True] + [False] * 5
    assert len(source.notes) == 2 and "'999Y'" in source.notes[1]


def test_missing_files_and_columns_are_errors(a_stoic: Path, tmp_path: Path) -> None:
    with raises(MissingDirectoryError, directory=str(tmp_path / "nowhere")):
        read_stoic(tmp_path / "nowhere")
    shutil.rmtree(a_stoic / "data" / "mha")
    with raises(MissingDirectoryError, directory=str(a_stoic / "data" / "mha")):
        read_stoic(a_stoic)
    (a_stoic / "data" / "mha").mkdir()
    with raises(ImagesNotFoundError, images=8, searched=[str(a_stoic / "data" / "mha")]):
        read_stoic(a_stoic)
    _table(a_stoic).write_text("PatientID;probCOVID\n1;1\n")
    with raises(MissingColumnError, column="probSevere", columns=["PatientID", "probCOVID"]):
        read_stoic(a_stoic)
    _table(a_stoic).unlink()
    with raises(PathNotFoundError, path=str(_table(a_stoic))):
        read_stoic(a_stoic)


@pytest.fixture(scope="module")
def ct(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Write forty patients in the layout of STOIC, one volume truncated; prepare them and train three epochs."""
    place = tmp_path_factory.mktemp("ct")
    root = write_stoic(place / "stoic", 40, seed=1)
    bad = root / "data" / "mha" / "104.mha"
    bad.write_bytes(bad.read_bytes()[:9000])
    prepare(read_stoic(root, slices=4), place / "prepared", size=32)
    train(place / "prepared", place / "run", TrainOptions(backbone=tiny, epochs=3, batch_size=16, learning_rate=0.02))
    return root, place / "prepared", place / "run"


def test_a_run_on_volumes_has_one_prediction_per_patient(ct: tuple[Path, Path, Path]) -> None:
    root, prepared, run = ct
    manifest = pd.read_parquet(prepared / "manifest.parquet")
    predictions, _ = read_predictions(run)
    assert len(manifest) == 39 * 4 and len(predictions) == 39
    assert manifest["image_id"].tolist()[:5] == [*(f"100#0{i}" for i in range(1, 5)), "101#01"]
    assert manifest.groupby("patient_id")["split"].nunique().eq(1).all()
    assert predictions["image_id"].tolist() == predictions["patient_id"].tolist()
    assert "104" not in set(predictions["image_id"])
    rejected = pd.read_csv(prepared / "rejected.csv")
    assert rejected["path"].tolist() == [str(root / "data" / "mha" / "104.mha")]
    assert "truncated" in rejected["reason"][0]
    # After three epochs of a tiny network, the opacity changes the score; the sign depends on the first weights.
    above, below = (predictions.loc[predictions["truth"] == truth, "score"] for truth in (1, 0))
    higher = np.mean(above.to_numpy()[:, None] > below.to_numpy())
    assert max(higher, 1 - higher) > 0.75


def test_the_extent_of_each_scan_is_in_the_manifest_and_probed(ct: tuple[Path, Path, Path]) -> None:
    _, prepared, _ = ct
    manifest = read_manifest(prepared)
    assert findings_of(manifest) == ["COVID"]
    for name, expected in (("slice_distance", 20.0), ("scan_length", 240.0), ("field_of_view", 320.0)):
        assert manifest[name].eq(expected).all()
    [probe] = [
        row for row in read_record(prepared / "audit.json", Audit)["shortcuts"]["probes"] if row["probe"] == "scan"
    ]
    assert probe["reason"] == {"code": "constant", "values": {}}


def test_an_extent_that_predicts_the_label_is_found() -> None:
    images = pd.DataFrame({"view": pd.NA, "age": np.nan, "sex": pd.NA, "path": ["none"] * 60}, index=range(60))
    images = images.assign(patient_id=images.index.astype(str), group_id=images.index.astype(str), split="train")
    images = images.assign(COVID=[0, 1] * 30, slice_distance=[1.0, 2.5] * 30, scan_length=300.0, field_of_view=350.0)
    probes = find_shortcuts(images, ["COVID"], None)["probes"]
    assert {row["probe"]: row["auroc"] for row in probes}["scan"] == 1


def test_volumes_without_lung_are_reported(tmp_path: Path) -> None:
    volume = write_volume(tmp_path / "1.mha", thorax())
    chest = read_file(slabs(4), str(volume), 32)
    pelvis = np.where(chest < 170, 60, chest)
    # Blankets and the couch have the grey levels of lung, and are outside the body.
    pelvis[:, :4] = 90
    counts = count_lung_squares(np.concatenate([chest, pelvis]), slabs(4))
    assert counts is not None and counts.tolist() == [4, 0]
    # In a window of soft tissue, lung is as black as air.
    assert count_lung_squares(chest, slabs(4, (50, 350))) is None


def test_predictions_pool_the_logits_of_the_squares(ct: tuple[Path, Path, Path]) -> None:
    from placa.dataset.pixel_cache import open_pixels
    from placa.models.calibration import choose_thresholds, fit_recalibration

    _, prepared, run = ct
    predictor = Predictor(run)
    predictions, _ = read_predictions(run)
    output = predictor.model.predict_on_batch(np.asarray(open_pixels(prepared))[..., None])
    each = np.asarray(output["score"], dtype=float).reshape(39, 4)
    pooled = np.log(each / (1 - each)).mean(axis=1)
    line = predictor.facts["calibration"]["findings"]["COVID"]
    for stored, logit in (("score", pooled), ("probability", line["slope"] * pooled + line["intercept"])):
        assert np.allclose(predictions[stored], 1 / (1 + np.exp(-logit)), atol=1e-4)
    held_out = predictions[predictions["split"] == "validation"]
    truth = held_out["truth"].to_numpy(float)
    score = held_out["score"].to_numpy()
    again = fit_recalibration(np.log(score / (1 - score)), truth)
    assert predictor.facts["calibration"]["findings"]["COVID"]["slope"] == pytest.approx(again.slope, rel=0.01)
    points = choose_thresholds(held_out["probability"].to_numpy(), truth)
    assert predictor.thresholds["COVID"]["points"] == points
    best = predictor.facts["training"]
    assert 0 <= best["best_validation_auroc"] <= 1
    positive, negative = int(truth.sum()), int((truth == 0).sum())
    # An AUROC of few patients has few possible values; one of slices would have many more.
    assert (best["best_validation_auroc"] * positive * negative * 2) % 1 == pytest.approx(0, abs=1e-6)


def test_predictions_of_files_match_those_stored_by_training(ct: tuple[Path, Path, Path], tmp_path: Path) -> None:
    root, _, run = ct
    stored, _ = read_predictions(run)
    predictions = predict_files(run, [root / "data" / "mha"])
    table, rejected = predictions.table(), predictions.rejected
    assert [Path(path).name for path, _ in rejected] == ["104.mha"]
    assert table["image_id"].tolist() == stored["image_id"].tolist()
    assert np.array_equal(table["probability"], stored["probability"])
    assert np.array_equal(table["score"], stored["score"])
    one = root / "data" / "mha" / "107.mha"
    alone, _ = Predictor(run).predict([str(one)])
    assert alone["probability"].tolist() == stored.loc[stored["image_id"] == "107", "probability"].tolist()
    lists = predict_as_lists(str(run), [str(one)])
    assert lists["probability"] == alone["probability"].tolist() and lists["image"] == [str(one)]
    scan = tmp_path / "scan.png"
    scan.write_bytes(b"\x89PNG")
    with raises(NoReadableImageError, path=str(scan)):
        predict_files(run, [scan])


def test_a_run_records_the_reading_rule_and_counts_patients(ct: tuple[Path, Path, Path]) -> None:
    root, _, run = ct
    predictor = Predictor(run)
    data = predictor.facts["data"]
    assert data["reading"] == predictor.card["reading"] == read_stoic(root, slices=4).reading.as_record()
    assert data["resize"] == predictor.card["resize"] == "ct-slabs"
    assert sum(data["images"].values()) == sum(data["patients"].values()) == 39
    assert sum(data["positives"]["COVID"].values()) == 20
    assert (data["rejected"], data["missing"]) == (1, 0)
