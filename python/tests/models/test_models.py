import errno
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from raising import raises
from record_fixtures import good_record

from placa.core.backend import load_keras
from placa.core.errors import DiskFullError, UnknownNameError
from placa.models.assembled import with_mirror, with_probabilities
from placa.models.calibration import Recalibration, sigmoid
from placa.models.errors import DamagedModelError, UnloadableModelError
from placa.models.files import load_model, save_model
from placa.models.networks import build

CARD = {**good_record("model"), "findings": ["Mass", "Nodule"], "size": 32}


@pytest.fixture(scope="module")
def model():
    load_keras().utils.set_random_seed(0)
    network = build("small", 32, 2)
    return network, with_probabilities(network, [Recalibration(2.0, -1.0), Recalibration(0.5, 0.25)])


def test_scores_and_probabilities_match_the_formula(model) -> None:
    network, both = model
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 1), dtype=np.uint8)
    logits = np.asarray(network.predict_on_batch(pixels), dtype=float)
    output = both.predict_on_batch(pixels)
    assert np.allclose(output["score"], sigmoid(logits), atol=1e-6)
    assert np.allclose(output["probability"], sigmoid(logits * [2.0, 0.5] + [-1.0, 0.25]), atol=1e-6)


@pytest.mark.slow
def test_a_saved_model_is_loaded_without_placa(model, tmp_path: Path) -> None:
    save_model(model[1], tmp_path / "model.keras", CARD)
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    loaded, card = load_model(tmp_path / "model.keras")
    assert card == CARD
    pixels = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
    expected = model[1].predict_on_batch(pixels)["probability"]
    assert np.array_equal(loaded.predict_on_batch(pixels)["probability"], expected)
    np.save(tmp_path / "pixels.npy", pixels)
    alone = (
        "import sys, numpy, keras;"
        f"m = keras.saving.load_model({str(tmp_path / 'model.keras')!r}, safe_mode=True);"
        f"p = m.predict_on_batch(numpy.load({str(tmp_path / 'pixels.npy')!r}))['probability'];"
        f"numpy.save({str(tmp_path / 'out.npy')!r}, p); assert 'placa' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", alone], check=True, capture_output=True)
    assert np.array_equal(np.load(tmp_path / "out.npy"), expected)


def test_the_model_file_contains_no_code(model, tmp_path: Path) -> None:
    save_model(model[1], tmp_path / "model.keras", CARD)
    config = zipfile.ZipFile(tmp_path / "model.keras").read("config.json").decode()
    assert "__lambda__" not in config and "placa." not in config


@pytest.mark.parametrize("damage", ["cut", "text", "card", "weights", "checksum", "encrypted", "compression"])
def test_a_damaged_model_file_is_an_error(model, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "model.keras"
    save_model(model[1], path, CARD)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif damage == "text":
        path.write_text("weights")
    elif damage == "checksum":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(content)
    elif damage in ("encrypted", "compression"):
        # The flags, or the method, of every member in the directory of the archive.
        content = path.read_bytes()
        starts = [found.start() for found in re.finditer(b"PK\x01\x02", content)]
        changed = bytearray(content)
        for start in starts:
            changed[start + (8 if damage == "encrypted" else 10)] = 1 if damage == "encrypted" else 99
        path.write_bytes(changed)
    else:
        lost = {"card": "placa.json", "weights": "model.weights.h5"}[damage]
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "new", "w") as new:
            for name in old.namelist():
                if name != lost:
                    new.writestr(name, old.read(name))
        (tmp_path / "new").replace(path)
    error = UnloadableModelError if damage in ("weights", "checksum") else DamagedModelError
    with raises(error, file=str(path)):
        load_model(path)


def test_a_full_disk_is_no_damaged_model(model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(model[1], tmp_path / "model.keras", CARD)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("keras.saving.load_model", full)
    with pytest.raises(DiskFullError):
        load_model(tmp_path / "model.keras")


def test_a_mirrored_model_gives_equal_scores_for_an_image_and_its_mirror(model, tmp_path: Path) -> None:
    mirrored = with_mirror(model[0])
    pixels = np.random.default_rng(2).integers(0, 256, (4, 32, 32, 1), dtype=np.uint8)
    one, other = model[0].predict_on_batch(pixels), model[0].predict_on_batch(pixels[:, :, ::-1])
    assert not np.allclose(one, other, atol=1e-3), "the network alone is not symmetric"
    assert np.allclose(mirrored.predict_on_batch(pixels), (one + other) / 2, atol=1e-5)
    save_model(with_probabilities(mirrored, [Recalibration()] * 2), tmp_path / "m.keras", CARD)
    loaded, _ = load_model(tmp_path / "m.keras")
    output = loaded.predict_on_batch(pixels)["probability"]
    assert np.allclose(output, loaded.predict_on_batch(pixels[:, :, ::-1])["probability"], atol=1e-6)
    assert np.allclose(output, sigmoid((one + other) / 2), atol=1e-5)


def test_an_unknown_backbone_is_an_error_with_the_known_ones() -> None:
    with raises(UnknownNameError, name="smal") as caught:
        build("smal", 32, 1)
    assert caught.value.values["known"][0] == "small"
