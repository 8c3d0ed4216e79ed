"""Networks of foundation models: the outputs of transformers, what is trained, and folders that are refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_foundation import KINDS, LAYERS, PREPROCESSOR, WIDTH, arrays_of, inputs_of, make_densenet, make_foundation
from PIL import Image
from raising import raises
from record_fixtures import good_record

from placa.core.backend import load_keras
from placa.core.errors import DamagedFileError, PlacaError
from placa.inference.explain.gradcam import GradCam
from placa.models.assembled import with_mirror, with_probabilities
from placa.models.calibration import Recalibration
from placa.models.errors import (
    FoundationModelError,
    ImageTooSmallError,
    PatchSizeError,
    PreprocessingError,
    UnknownModelTypeError,
)
from placa.models.files import load_model, save_model
from placa.models.foundation.folder import read_foundation
from placa.models.foundation.transformer import RANK
from placa.models.networks import build, set_trainable
from placa.models.onnx_file import export_onnx
from placa.training.errors import OptionValueError
from placa.training.foundation_model import require_foundation
from placa.training.options import TrainOptions

safetensors = pytest.importorskip("safetensors", reason="needs placa[hub]")

#: Outputs of transformers 5.24 and torchxrayvision 1.5.7 (benchmarks/agreement.py --originals), by architecture, gate
#: and size.
STORED = np.load(Path(__file__).parent / "foundation.npz")
CASES = [
    (kind, gated, size)
    for kind, gated, size in (name.split("/") for name in STORED.files)
    # A gate and another size are independent of each other.
    if kind in KINDS and (gated == "False" or int(size) == KINDS[kind][1])
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    made = tmp_path_factory.mktemp("foundation")

    def folder(kind: str = "dinov2", gated: bool = False, layers: int = LAYERS) -> str:
        return f"hf:{make_foundation(made / f'{kind}-{gated}-{layers}', kind, gated, layers=layers)}"

    return folder


def pixels_of(size: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, size, size, 1), dtype=np.uint8)


def complete(network: Any) -> Any:
    return with_probabilities(with_mirror(network), [Recalibration(1.0, 0.0)])


@pytest.mark.parametrize("kind, gated, size", CASES)
def test_the_network_has_the_outputs_of_transformers(
    folders: Callable[..., str], kind: str, gated: str, size: str
) -> None:
    keras, folder, side = load_keras(), folders(kind, gated == "True"), int(size)
    network = build(folder, side, 1, folder, input_size=side)
    pooled = keras.Model(network.get_layer("patches").input, network.get_layer("pooled").output)
    found = np.asarray(pooled.predict_on_batch(inputs_of(side))).reshape(2, 2, WIDTH)
    expected = STORED[f"{kind}/{gated}/{size}"]
    assert np.abs(found - expected).max() <= 2e-5
    assert np.abs(expected).mean() > 0.1


@pytest.mark.slow
def test_a_densenet_has_the_outputs_of_torchxrayvision(tmp_path: Path) -> None:
    keras, folder = load_keras(), f"hf:{make_densenet(tmp_path / 'xrv', 64)}"
    network = build(folder, 64, 1, folder)
    body = network.get_layer("features")
    found = np.asarray(body.predict_on_batch(inputs_of(64, 1))).mean(axis=(1, 2))
    assert np.abs(found - STORED["densenet121/False/64"]).max() <= 1e-5
    assert {one.epsilon for one in body.layers if isinstance(one, keras.layers.BatchNormalization)} == {1e-5}
    # As torchxrayvision.datasets.normalize(pixels, 255).
    pixels = pixels_of(64)
    first = keras.Model(network.input, network.get_layer("rescale").output)
    assert np.allclose(first.predict_on_batch(pixels), (2 * (pixels / 255) - 1) * 1024, atol=1e-3)
    model = complete(network)
    save_model(model, tmp_path / "model.keras", {**good_record("model"), "findings": ["Mass"], "size": 64})
    loaded, _ = load_model(tmp_path / "model.keras")
    expected = model.predict_on_batch(pixels)["probability"]
    assert np.array_equal(loaded.predict_on_batch(pixels)["probability"], expected)
    assert GradCam(loaded).maps(pixels[..., 0], 0).shape == (2, 64, 64)


def test_an_input_is_scaled_as_the_folder_states_and_resized_as_by_pillow(folders: Callable[..., str]) -> None:
    keras, folder = load_keras(), folders()
    network = build(folder, 96, 1, folder)
    first = keras.Model(network.input, network.get_layer("patches").input)
    pixels = pixels_of(96, 1)
    found = np.asarray(first.predict_on_batch(pixels))[0]
    assert found.shape == (70, 70, 3)
    image = Image.fromarray(pixels[0, ..., 0].astype(np.float32)).resize((70, 70), Image.Resampling.BICUBIC)
    for channel in range(3):
        mean, deviation = PREPROCESSOR["image_mean"][channel], PREPROCESSOR["image_std"][channel]
        assert np.allclose(found[..., channel], (np.asarray(image) / 255 - mean) / deviation, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    ["dinov2_with_registers", "dinov2", "dinov3_vit"],
)
def test_a_saved_network_and_its_twin_have_the_same_outputs(
    folders: Callable[..., str], tmp_path: Path, kind: str
) -> None:
    folder, pixels = folders(kind, layers=1), pixels_of(96, 4)
    model = complete(build(folder, 96, 1, folder, adapters=True))
    save_model(model, tmp_path / "model.keras", {**good_record("model"), "findings": ["Mass"], "size": 96})
    loaded, _ = load_model(tmp_path / "model.keras")
    expected = model.predict_on_batch(pixels)["probability"]
    assert np.array_equal(loaded.predict_on_batch(pixels)["probability"], expected)
    assert np.ptp(expected) > 0
    if load_keras().backend.backend() == "tensorflow":
        # Compared with Keras to 1e-6 as part of the export.
        assert export_onnx(model, pixels[..., 0], 1).reason is None


def test_only_the_wanted_part_is_trained(folders: Callable[..., str]) -> None:
    keras, folder = load_keras(), folders("dinov2_with_registers", layers=1)
    network = build(folder, 70, 1, folder, adapters=True)
    counts = {}
    for part in ("head", "adapters", "all"):
        set_trainable(network, part)
        counts[part] = sum(int(np.prod(one.shape)) for one in network.trainable_variables)
    head = 2 * WIDTH + 1
    assert counts["head"] == head
    # Query and value of one block: from the width to the rank, and back. No biases.
    assert counts["adapters"] == head + 2 * 2 * RANK * WIDTH
    fixed = network.get_layer("fixed_tokens").count_params()
    assert counts["all"] == network.count_params() - fixed
    set_trainable(network, "adapters")
    before = [np.array(one) for one in network.get_layer("block0_query").get_weights()]
    network.compile(keras.optimizers.AdamW(0.01), loss="mse")
    start = np.asarray(network.predict_on_batch(pixels_of(70)))
    # The adapters start at zero.
    plain = build(folder, 70, 1, folder)
    plain.get_layer("logits").set_weights(network.get_layer("logits").get_weights())
    assert np.array_equal(start, np.asarray(plain.predict_on_batch(pixels_of(70))))
    for _ in range(2):
        network.train_on_batch(pixels_of(70), np.ones((2, 1)))
    assert all(map(np.array_equal, network.get_layer("block0_query").get_weights(), before))
    assert np.abs(network.get_layer("block0_query_adapter_down").get_weights()[0]).max() > 0
    assert np.abs(network.get_layer("block0_value_adapter_up").get_weights()[0]).max() > 0


@pytest.mark.parametrize("kind", ["dinov2", "dinov3_vit"])
def test_grad_cam_explains_the_plane_of_patches(folders: Callable[..., str], kind: str) -> None:
    folder = folders(kind, layers=1)
    cam = GradCam(complete(build(folder, 70, 1, folder)))
    assert [layer.name for layer in cam._layers] == ["features"]
    maps = cam.maps(pixels_of(70)[..., 0], 0)
    assert maps.shape == (2, 70, 70) and np.isfinite(maps).all()


def test_weights_in_parts_and_in_bfloat16_are_read(tmp_path: Path) -> None:
    import ml_dtypes
    from safetensors.numpy import save_file

    folder = make_foundation(tmp_path / "whole", "dinov2")
    arrays = {f"dinov2.{name}": one.astype(ml_dtypes.bfloat16) for name, one in arrays_of("dinov2").items()}
    names = sorted(arrays)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    (folder / "model.safetensors").unlink()
    for file, part in parts.items():
        save_file({name: arrays[name] for name in part}, folder / file)
    weights = {name: file for file, part in parts.items() for name in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    network = build(f"hf:{folder}", 70, 1, f"hf:{folder}")
    found = network.get_layer("block2_down").get_weights()[0]
    assert np.array_equal(found, arrays["dinov2.encoder.layer.2.mlp.fc2.weight"].astype(np.float32).T)


def _change(file: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        content = json.loads((folder / file).read_text())
        change(content)
        (folder / file).write_text(json.dumps(content))

    return changed


def _other_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    "damage, error",
    [
        (_change("config.json", lambda one: one.update(model_type="siglip")), UnknownModelTypeError),
        (_change("config.json", lambda one: one.pop("model_type")), UnknownModelTypeError),
        (_change("config.json", lambda one: one.update(model_type="densenet121")), FoundationModelError),
        (_change("config.json", lambda one: one.update(hidden_act="gelu_new")), FoundationModelError),
        (_change("config.json", lambda one: one.update(hidden_size=24)), FoundationModelError),
        (_change("config.json", lambda one: one.update(num_hidden_layers=4)), FoundationModelError),
        (_change("config.json", lambda one: one.pop("hidden_size")), FoundationModelError),
        (lambda folder: (folder / "config.json").unlink(), FoundationModelError),
        (lambda folder: (folder / "config.json").write_text("{"), DamagedFileError),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), PreprocessingError),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"weights"), FoundationModelError),
        (_other_weights, FoundationModelError),
    ],
)
def test_a_folder_that_is_no_such_network_is_refused(
    tmp_path: Path, damage: Callable[[Path], Any], error: type[PlacaError]
) -> None:
    folder = make_foundation(tmp_path / "model", "dinov2")
    damage(folder)
    with raises(error):
        build(f"hf:{folder}", 70, 1, f"hf:{folder}")


def test_a_missing_folder_and_a_size_between_patches_are_refused(folders: Callable[..., str]) -> None:
    with raises(FoundationModelError, folder="microsoft/rad-dino"):
        read_foundation("hf:microsoft/rad-dino")
    model = read_foundation(folders())
    assert model.side() == 70 and model.side(112) == 112
    with raises(PatchSizeError, size=512, patch=14, near=[504, 518]):
        model.side(512)


def test_a_densenet_is_read_without_its_weights(tmp_path: Path) -> None:
    folder = tmp_path / "xrv"
    folder.mkdir()
    with_input = {"input_size": [1, 224, 224], "mean": [0.5], "std": [0.5 / 1024]}
    config = {"architecture": "densenet121", "pretrained_cfg": with_input}
    (folder / "config.json").write_text(json.dumps(config))
    model = read_foundation(f"hf:{folder}")
    assert (model.model_type, model.channels, model.side(), model.side(512)) == ("densenet121", 1, 224, 512)
    (folder / "model.safetensors").touch()
    with raises(ImageTooSmallError, size=16, smallest=32):
        require_foundation(TrainOptions(backbone=f"hf:{folder}", input_size=16))
    with raises(OptionValueError, option="tuning", value="lora"):
        require_foundation(TrainOptions(backbone=f"hf:{folder}", tuning="lora"))
    with_input["input_size"] = [1, 224, 256]
    (folder / "config.json").write_text(json.dumps(config))
    with raises(PreprocessingError):
        read_foundation(f"hf:{folder}")
