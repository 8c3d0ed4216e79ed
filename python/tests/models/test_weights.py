"""Initial weights: files of Keras, runs of placa, and failed downloads."""

import importlib
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from raising import raises
from record_fixtures import good_record

from placa.core.backend import load_keras
from placa.core.files import fingerprint
from placa.models.applications import original
from placa.models.assembled import with_mirror
from placa.models.backbones import BACKBONES
from placa.models.errors import (
    EnsembleWeightsError,
    IncompleteWeightsError,
    MissingWeightsError,
    NoImagenetWeightsError,
    WeightsSuffixError,
    WrongWeightsError,
)
from placa.models.files import save_model
from placa.models.networks import build
from placa.models.weights import load_initial_weights, require_weights, weights_fingerprint

NAME = "mobilenet-v3-small"


def stirred(network: Any, seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    network.set_weights([array + random.normal(0, 0.05, array.shape) ** 2 for array in network.get_weights()])
    return network


def body(network: Any) -> list[Any]:
    """Return all weights except those of the head."""
    return [array for layer in network.layers if layer.name != "logits" for array in layer.get_weights()]


def equal(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Path]]:
    """Build a network of Keras, and save its weights in both formats of Keras."""
    folder = tmp_path_factory.mktemp("weights")
    network = stirred(original(NAME, 224))
    paths = {"old": folder / "small_notop.h5", "new": folder / "small.weights.h5"}
    network.save_weights(paths["new"])
    # Keras reads the format of its ImageNet files, but has no public function to write it.
    with h5py.File(paths["old"], "w") as file:
        importlib.import_module("keras.src.legacy.saving.legacy_h5_format").save_weights_to_hdf5_group(file, network)
    return network, paths


@pytest.mark.parametrize("kind", ["old", "new"])
def test_weight_files_of_keras_are_loaded_at_any_image_size(keras_files: Any, kind: str) -> None:
    network, paths = keras_files
    started = build(NAME, 64, 3, str(paths[kind]))
    assert equal(body(started), network.get_weights())
    assert weights_fingerprint(str(paths[kind])) == fingerprint(paths[kind])


def test_imagenet_weights_are_those_of_keras(keras_files: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    network, paths = keras_files
    asked: list[str] = []

    def get_file(name: str, origin: str, file_hash: str, **options: Any) -> str:
        asked.append(origin)
        print("Downloading")
        assert file_hash, "a partial file would be taken as complete"
        return str(paths["old"])

    monkeypatch.setattr(importlib.import_module("keras.src.utils.file_utils"), "get_file", get_file)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert equal(body(build(NAME, 64, 1, "imagenet")), network.get_weights())
    assert len(asked) == 1 and "mobilenet_v3_small" in asked[0]
    assert capsys.readouterr().out == "", "stdout is for results"
    assert weights_fingerprint("imagenet") is None and weights_fingerprint("none") is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["convnext-tiny", "densenet121", "efficientnet-v2-b0", "resnet50"])
def test_weight_files_of_every_family_are_loaded(name: str, tmp_path: Path) -> None:
    network = stirred(original(name, 64))
    network.save_weights(tmp_path / "its.weights.h5")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 1), dtype=np.uint8)
    started = build(name, 64, 1, str(tmp_path / "its.weights.h5"))
    arrays = zip(body(started), network.get_weights(), strict=True)
    assert all(np.array_equal(ours.ravel(), theirs.ravel()) for ours, theirs in arrays)
    assert np.isfinite(started.predict_on_batch(pixels)).all()


@pytest.mark.parametrize(
    ("name", "mirrored"), [("small", True), ("small", False), pytest.param(NAME, True, marks=pytest.mark.slow)]
)
def test_weights_of_a_run_with_other_findings_are_loaded(name: str, mirrored: bool, tmp_path: Path) -> None:
    network = stirred(build(name, 32, 1))
    # With any spelling of the name in the run.
    save_model(
        with_mirror(network) if mirrored else network,
        tmp_path / "model.keras",
        {**good_record("model"), "backbone": name.title()},
    )
    load_keras().utils.set_random_seed(1)
    started = build(name, 64, 2, str(tmp_path))
    assert equal(body(started), body(network))
    assert started.get_layer("logits").kernel.shape[-1] == 2
    assert weights_fingerprint(str(tmp_path)) == fingerprint(tmp_path / "model.keras")


def test_weights_of_a_trained_run_are_loaded(small_run: Path) -> None:
    started = build("small", 64, 5, str(small_run))
    assert not equal(body(started), body(build("small", 64, 5)))
    assert all(layer.get_weights()[2].any() for layer in started.layers if "norm" in layer.name), "trained"


@pytest.mark.slow
def test_files_without_matching_weights_are_errors(keras_files: Any, tmp_path: Path) -> None:
    network, paths = keras_files
    cut, text, nan = tmp_path / "cut.weights.h5", tmp_path / "text.h5", tmp_path / "nan.weights.h5"
    cut.write_bytes(paths["new"].read_bytes()[:200_000])
    text.write_text("weights")
    spoilt = [array.copy() for array in network.get_weights()]
    spoilt[3].flat[0] = np.nan
    broken = original(NAME, 224)
    broken.set_weights(spoilt)
    broken.save_weights(nan)
    part = tmp_path / "part.weights.h5"
    part.write_bytes(paths["new"].read_bytes())
    with h5py.File(part, "a") as file:
        del file["layers/conv2d_5/vars/0"]
    save_model(build("small", 32, 1), tmp_path / "model.keras", {**good_record("model"), "backbone": "small"})
    members = [build("small", 32, 1) for _ in range(2)]
    pixels = load_keras().Input((32, 32, 1), dtype="uint8")
    for number, member in enumerate(members):
        member.name = f"fold{number}"
    both = load_keras().layers.Average()([member(pixels) for member in members])
    save_model(
        load_keras().Model(pixels, both), tmp_path / "folds.keras", {**good_record("model"), "backbone": "small"}
    )
    refused = {
        (NAME, str(tmp_path / "none.h5")): (MissingWeightsError, {}),
        (NAME, str(tmp_path / "not-a-run")): (MissingWeightsError, {}),
        (NAME, str(cut)): (WrongWeightsError, {"backbone": NAME}),
        (NAME, str(text)): (WrongWeightsError, {"backbone": NAME}),
        (NAME, str(nan)): (IncompleteWeightsError, {"backbone": NAME}),
        (NAME, str(part)): (WrongWeightsError, {"backbone": NAME}),
        ("mobilenet-v3-large", str(paths["old"])): (WrongWeightsError, {"backbone": "mobilenet-v3-large"}),
        ("small", str(paths["new"])): (WeightsSuffixError, {"suffix": ".h5", "expected": [".keras"]}),
        ("small", "imagenet"): (NoImagenetWeightsError, {"backbone": "small", "known": list(BACKBONES)[1:]}),
        (NAME, str(tmp_path)): (WrongWeightsError, {"file": str(tmp_path / "model.keras"), "found": "small"}),
        ("small", str(tmp_path / "folds.keras")): (EnsembleWeightsError, {"networks": 2}),
    }
    # As in `build`, but the network is built only once.
    networks = {name: build(name, 64, 1) for name in {name for name, _ in refused}}
    for (name, weights), (error, values) in refused.items():
        file = {} if weights == "imagenet" else {"file": weights}
        with raises(error, **{**file, **values}) as caught:
            require_weights(name, weights)
            load_initial_weights(networks[name], name, weights)
        assert len(str(caught.value)) < 500
    with raises(MissingWeightsError, file=str(tmp_path / "none.h5")):
        weights_fingerprint(str(tmp_path / "none.h5"))


@pytest.mark.slow
def test_a_failed_download_is_a_one_line_error_and_leaves_no_file(tmp_path: Path) -> None:
    kept = tmp_path / "models" / "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"
    kept.parent.mkdir()
    kept.write_bytes(b"\x89HDF\r\n\x1a\n half of it")
    alone = (
        "import json\nfrom placa.core.errors import PlacaError\nfrom placa.models.networks import build\n"
        f"try:\n    build({NAME!r}, 64, 1, 'imagenet')\nexcept PlacaError as error:\n"
        "    print(json.dumps([type(error).__name__, error.values, str(error)]))"
    )
    # No server listens on port 9 of this machine.
    nowhere = {"https_proxy": "http://127.0.0.1:9", "KERAS_HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", alone], capture_output=True, text=True, check=True, env={**os.environ, **nowhere}
    )
    error, values, message = json.loads(ran.stdout)
    assert error == "WeightsDownloadError" and values["backbone"] == NAME
    assert "https://" in values["reason"] and "\n" not in message
    assert not kept.exists(), "a partial file is removed"
