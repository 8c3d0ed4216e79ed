"""The columns `typicality` and `outside` of predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import Command
from PIL import Image
from record_fixtures import reseal

from placa.inference.predict import predict_files
from placa.models.files import read_card
from placa.records.predictions import read_predictions


def test_a_run_stores_the_typicality_of_its_images(run: Path) -> None:
    table, _ = read_predictions(run)
    assert table["typicality"].between(0, 1).all() and table["outside"].dtype == bool
    training = table[table["split"] == "train"]
    # The share of training images that are less typical is uniform, up to the fit to these images.
    assert 0.4 < training["typicality"].mean() < 0.8
    assert training["outside"].mean() <= 0.02
    facts = read_card(run / "model.keras")["typicality"]
    assert facts["images"] == training["image_id"].nunique() and facts["limit"] >= 4


def test_an_image_of_another_kind_is_outside(run: Path, prepared: Path, tmp_path: Path, placa: Command) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    radiograph = sorted((prepared / "images").glob("*.png"))[0]
    predictions = predict_files(run, [radiograph, tmp_path / "noise.png"])
    columns = predictions.columns()
    assert columns["typicality"][1] == 0 and columns["outside"] == [False, True]
    done = placa("predict", run, radiograph, tmp_path / "noise.png", "--out", tmp_path / "p.parquet")
    assert done.returncode == 0
    assert "outside" in done.stdout and "noise.png" in done.stderr
    table = pd.read_parquet(tmp_path / "p.parquet")
    assert table["outside"].tolist() == [False, True] and table["typicality"].dtype == "float64"


def test_a_model_without_moments_predicts_as_before(a_run: Path, prepared: Path) -> None:
    import zipfile

    from placa.core.files import fingerprint

    # A model of an earlier version has no quantiles in its metadata.
    path = a_run / "model.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    card = json.loads(members["placa.json"])
    del card["typicality"]
    members["placa.json"] = json.dumps(card).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    facts = json.loads((a_run / "run.json").read_text())
    facts["model"] = {"file": "model.keras", "fingerprint": fingerprint(path)}
    reseal(a_run / "run.json", facts)
    predictions = predict_files(a_run, [sorted((prepared / "images").glob("*.png"))[0]])
    assert "typicality" not in predictions.columns() and "typicality" not in predictions.table()
