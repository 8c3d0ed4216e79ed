import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_dicom import write_dicom
from raising import raises

from placa.cli import main
from placa.images.errors import NoReadableImageError
from placa.inference.predict import Predictor, predict_files
from placa.models.calibration import DEFAULT_POINT
from placa.records.errors import InvalidRecordError
from placa.records.files import write_record
from placa.records.manifest import read_manifest
from placa.records.model import Thresholds
from placa.records.predictions import read_predictions
from placa.workflows.r_calls import name_as_list, predict_as_lists, read_as_lists


def test_predictions_of_files_match_those_stored_by_training(run: Path, prepared: Path) -> None:
    manifest = read_manifest(prepared).iloc[:70]
    stored, _ = read_predictions(run)
    table, rejected = Predictor(run).predict(manifest["path"].tolist())
    assert rejected == []
    assert np.array_equal(table["probability"], stored["probability"][:70])
    assert table["image_id"].tolist() == [Path(path).name for path in manifest["path"]]


def test_classes_follow_the_stored_threshold(small_run: Path, prepared: Path) -> None:
    predictor = Predictor(small_run)
    table, _ = predictor.predict(read_manifest(prepared)["path"].tolist())
    cut = predictor.thresholds["Opacity"]["points"][DEFAULT_POINT]
    assert ((table["probability"] >= cut) == (table["class"] == "positive")).all()
    assert set(table["class"]) == {"positive", "negative"}


def test_one_unreadable_image_is_rejected(run: Path, prepared: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("not an image")
    predictions = predict_files(run, [prepared / "images", bad])
    table, rejected = predictions.table(), predictions.rejected
    assert len(table) == len(list((prepared / "images").glob("*.png")))
    # Files of a folder that are no images are listed after those that cannot be read.
    assert [path for path, _ in rejected] == [str(bad), str(prepared / "images" / "lesions.csv")]
    with raises(NoReadableImageError, images=1, path=str(bad), reason=rejected[0][1]):
        predict_files(run, [bad])


def test_thresholds_of_another_finding_are_an_error(a_run: Path) -> None:
    file = a_run / "thresholds.json"
    stored = json.loads(file.read_text())
    stored["findings"] = {"Effusion": stored["findings"]["Opacity"]}
    write_record(file, stored, Thresholds)
    with raises(InvalidRecordError, path=str(file), problem="Opacity"):
        Predictor(a_run)


def test_images_with_equal_names_keep_their_paths(run: Path, prepared: Path, tmp_path: Path) -> None:
    first, second = sorted((prepared / "images").glob("*.png"))[:2]
    for number, image in enumerate((first, second)):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "scan.png").symlink_to(image)
    table = predict_files(run, [tmp_path]).table()
    assert table["image_id"].tolist() == [str(tmp_path / "0" / "scan.png"), str(tmp_path / "1" / "scan.png")]


def test_lists_for_r_match_the_table(run: Path, prepared: Path, tmp_path: Path) -> None:
    images = [str(path) for path in sorted((prepared / "images").glob("*.png"))[:3]]
    (tmp_path / "bad.png").write_bytes(b"")
    lists = predict_as_lists(str(run), [*images, str(tmp_path / "bad.png")])
    table, _ = Predictor(run).predict(images)
    assert lists["probability"] == table["probability"].tolist() and lists["class"] == table["class"].tolist()
    assert lists["rejected_image"] == [str(tmp_path / "bad.png")] and "empty" in lists["rejected_reason"][0]
    assert all(type(value) is float for value in lists["probability"])


def test_names_for_r_are_those_of_the_file(run: Path, prepared: Path) -> None:
    images = [str(path) for path in sorted((prepared / "images").glob("*.png"))[:2]]
    assert name_as_list(str(run), images) == [Path(path).name for path in images]


def test_predictions_as_lists_match_the_table(run: Path) -> None:
    frame, _ = read_predictions(run)
    lists = read_as_lists(str(run))
    for name, values in lists["columns"].items():
        missing = np.array(lists["missing"][name])
        assert np.array_equal(missing, frame[name].isna())
        assert [v for v, gone in zip(values, missing, strict=True) if not gone] == frame[name].dropna().tolist()
        assert len({type(value) for value in values}) == 1


def test_r_and_python_give_the_same_predictions(run: Path, prepared: Path, r: str, tmp_path: Path) -> None:
    images = [str(path) for path in sorted((prepared / "images").glob("*.png"))[:4]]
    code = """
      arguments <- commandArgs(TRUE)
      model <- placa::load_model(arguments[[1]])
      predicted <- predict(model, arguments[-(1:2)], type = 'long')
      predicted$probability <- sprintf("%.17g", predicted$probability)
      write.csv(as.data.frame(predicted), arguments[[2]], row.names = FALSE)
    """
    from placa.evaluation.bridge import run_rscript

    done = run_rscript(code, str(run), str(tmp_path / "r.csv"), *images)
    assert done.returncode == 0, done.stderr
    from_r = pd.read_csv(tmp_path / "r.csv")
    from_python, _ = Predictor(run).predict(images)
    assert np.abs(from_r["probability"] - from_python["probability"]).max() < 1e-6
    assert from_r["class"].tolist() == from_python["class"].tolist()
    assert from_r["finding"].tolist() == ["Opacity"] * 4


def test_the_command_writes_parquet_and_prints_a_table(run: Path, prepared: Path, tmp_path: Path, placa) -> None:
    out = tmp_path / "some.parquet"
    (tmp_path / "bad.png").write_bytes(b"")
    done = placa("predict", run, prepared / "images", tmp_path / "bad.png", "--out", out, "--rows", 3, "--paths")
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if "bad.png" in line]
    assert len(warnings) == 1 and "empty" in warnings[0]
    assert done.stdout.count("phantom-") == 3 and "--rows 0" in done.stdout
    written, metadata = read_predictions(out)
    assert len(written) == len(list((prepared / "images").glob("*.png")))
    assert written["truth"].isna().all() and written["split"].isna().all()
    assert metadata["findings"] == ["Opacity"] and metadata["versions"]["pillow"]
    listed = pd.read_csv(tmp_path / "some.rejected.csv")["path"].tolist()
    assert listed == [str(tmp_path / "bad.png"), str(prepared / "images" / "lesions.csv")]


def test_written_predictions_name_no_patient_unless_paths_are_requested(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "archive" / "MUÑOZ^JOSÉ"
    for number in range(2):
        write_dicom(
            folder / f"Munoz_Jose_{number}",
            np.tile(np.arange(64, dtype=np.uint16) * 40, (64, 1)),
            PatientID=f"MRN4711{number}",
            PatientName="MUÑOZ^JOSÉ",
            SpecificCharacterSet="ISO_IR 100",
        )
    (folder / "broken.dcm").write_bytes(b"")
    assert main(["predict", str(run), str(folder), "--out", str(tmp_path / "a.parquet")]) == 0
    written, _ = read_predictions(tmp_path / "a.parquet")
    assert written["image_id"].str.fullmatch("[0-9a-f]{16}").all() and written["image_id"].nunique() == 2
    assert "path" not in written
    stored = (tmp_path / "a.parquet").read_bytes() + (tmp_path / "a.rejected.csv").read_bytes()
    for secret in ("munoz", "jose", "MRN4711", "archive", "MUÑOZ"):
        assert secret.encode().lower() not in stored.lower(), secret
    assert main(["predict", str(run), str(folder), "--out", str(tmp_path / "b.parquet"), "--paths"]) == 0
    with_paths, _ = read_predictions(tmp_path / "b.parquet")
    assert with_paths["path"].tolist() == [str(folder / f"Munoz_Jose_{number}") for number in range(2)]
