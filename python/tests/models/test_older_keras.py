import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from record_fixtures import good_record

from placa.models.assembled import exclusive, with_mirror, with_probabilities
from placa.models.calibration import Recalibration
from placa.models.files import load_model, save_model
from placa.models.networks import build

#: The oldest version that pyproject.toml allows.
OLDEST = "3.10.0"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, np.ndarray]:
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    lines = [Recalibration(2.0, -1.0), Recalibration(0.5, 0.25)]
    model = with_probabilities(with_mirror(exclusive(build("small", 64, 2))), lines)
    save_model(model, path, {**good_record("model"), "findings": ["Mass", "Nodule"], "size": 64})
    pixels = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 1), dtype=np.uint8)
    return path, pixels, np.asarray(model.predict_on_batch(pixels)["probability"])


def _configs(value: object) -> list[dict]:
    if isinstance(value, list):
        return [one for part in value for one in _configs(part)]
    if not isinstance(value, dict):
        return []
    found = [one for part in value.values() for one in _configs(part)]
    return [value, *found] if isinstance(value.get("config"), dict) and "module" in value else found


def test_arguments_that_older_versions_reject_are_left_out(saved) -> None:
    path, pixels, expected = saved
    configs = _configs(json.loads(zipfile.ZipFile(path).read("config.json")))
    assert {one["class_name"] for one in configs if one["module"] == "keras.initializers"} == {"Zeros"}
    assert {"BatchNormalization", "Dense", "Flip"} <= {one["class_name"] for one in configs}
    rejected = {"renorm", "renorm_momentum", "quantization_config", "input_axes"}
    assert not any(rejected & set(one["config"]) for one in configs)
    # An option that is on, or that is off but is on by default, is kept.
    convolutions = [one["config"] for one in configs if one["class_name"] == "Conv2D"]
    assert convolutions and all(one["use_bias"] is False for one in convolutions)
    np.testing.assert_array_equal(load_model(path)[0].predict_on_batch(pixels)["probability"], expected)


@pytest.mark.slow
def test_the_oldest_keras_predicts_the_same(saved, tmp_path: Path) -> None:
    path, pixels, expected = saved
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path / "old")]
    subprocess.run([*install, f"keras=={OLDEST}"], check=True)
    np.save(tmp_path / "pixels.npy", pixels)
    code = (
        "import sys, keras, numpy; print(keras.__version__); "
        "model = keras.saving.load_model(sys.argv[1], compile=False); "
        "numpy.save(sys.argv[3], model.predict_on_batch(numpy.load(sys.argv[2]))['probability'])"
    )
    files = [str(path), str(tmp_path / "pixels.npy"), str(tmp_path / "probability.npy")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "old")}
    done = subprocess.run(
        [sys.executable, "-c", code, *files], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-1] == OLDEST
    np.testing.assert_allclose(np.load(files[2]), expected, rtol=0, atol=1e-6)
