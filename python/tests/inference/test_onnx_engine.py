"""ONNX Runtime predicts with ``model.onnx``, without Keras, TensorFlow or pandas; otherwise Keras predicts."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import RecordedProgress
from made_dicom_pixels import dicoms
from made_pixels import jpegs, others, pngs, tiffs
from PIL import Image
from raising import raises
from record_fixtures import reseal

from placa.core.files import fingerprint
from placa.evaluation.bridge import run_rscript
from placa.inference.loaded_run import LoadedRun
from placa.inference.predict import Predictor, predict_files
from placa.models.errors import DamagedModelError
from placa.models.onnx_file import TOLERANCE, OnnxModel
from placa.models.outputs import in_batches, predict_pixels
from placa.records.errors import FingerprintMismatchError
from placa.records.manifest import read_manifest

for package in ("onnx", "onnxruntime", "tf2onnx"):
    pytest.importorskip(package)
_BARE = """
import sys
for name in ("keras", "tensorflow", "jax", "torch", "tf2onnx", "pandas", "pyarrow", "scipy", "sklearn"):
    sys.modules[name] = None
from placa.cli import main
sys.exit(main(sys.argv[1:]))
"""
FORMATS = (("png", "L"), ("jpeg", "L"), ("tiff", "I;16"), ("bmp", "RGB"), ("webp", "RGB"), ("pgm", "L"), ("gif", "L"))


@pytest.fixture(autouse=True)
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placa.inference.loaded_run.has_gpu", lambda: False)


def draw(directory: Path, images: int) -> list[str]:
    """Draw random images of all formats."""
    random, paths = np.random.default_rng(0), []
    for number in range(images):
        suffix, mode = FORMATS[number % len(FORMATS)]
        coarse = Image.fromarray(random.integers(0, 256, (6, 5), dtype=np.uint8)).resize((60, 50))
        image = Image.fromarray(np.asarray(coarse).astype(np.uint16) * 257) if mode == "I;16" else coarse.convert(mode)
        paths.append(str(directory / f"{number}.{suffix}"))
        image.save(paths[-1])
    return paths


def test_the_command_predicts_without_keras_and_pandas(run: Path, prepared: Path) -> None:
    image = read_manifest(prepared)["path"][0]
    command = [sys.executable, "-c", _BARE, "predict", str(run), image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = predict_files(run, [image]).columns()
    assert f"{expected['probability'][0]:.3f}" in done.stdout and expected["class"][0] in done.stdout
    assert "Keras" not in done.stderr and "TensorFlow" not in done.stderr


def compare_engines(run: Path, paths: list[str]) -> np.ndarray:
    ours, keras = Predictor(run), Predictor(run)
    keras.engine = keras.model
    assert isinstance(ours.engine, OnnxModel)
    first, second = ours.predict_files(paths), keras.predict_files(paths)
    assert first.paths == second.paths == paths
    for name in ("probability", "score"):
        assert np.abs(getattr(first.outputs, name) - getattr(second.outputs, name)).max() <= TOLERANCE
    assert ours.classify(first.outputs.probability) == keras.classify(second.outputs.probability)
    return first.outputs.probability


def test_both_engines_give_the_same_predictions(run: Path, tmp_path: Path) -> None:
    compare_engines(run, draw(tmp_path, 3 * len(FORMATS)))


def valid_files(directory: Path, images: int) -> list[str]:
    """Write the readable files of the tests of formats, DICOM among them, and random images up to a number."""
    paths = []
    for number, made in enumerate(chain(tiffs(), pngs(), jpegs(), others(), dicoms())):
        if made.right is not None:
            paths.append(str(directory / f"valid{number}.img"))
            Path(paths[-1]).write_bytes(made.data)
    return paths + draw(directory, images - len(paths))


@pytest.mark.slow
def test_engines_and_languages_give_the_same_predictions_for_a_thousand_images(run: Path, tmp_path: Path) -> None:
    paths = valid_files(tmp_path, 1000)
    probability = compare_engines(run, paths)[:, 0]
    names, by_r = tmp_path / "paths.txt", tmp_path / "r.txt"
    names.write_text("\n".join(paths))
    code = (
        "arguments <- commandArgs(TRUE); model <- placa::load_model(arguments[[1]]); "
        "predicted <- predict(model, readLines(arguments[[2]]), type = 'prob')[[1]]; "
        "writeLines(format(predicted, digits = 17), arguments[[3]])"
    )
    done = run_rscript(code, str(run), str(names), str(by_r))
    assert done.returncode == 0, done.stderr
    apart = np.abs(np.loadtxt(by_r) - probability)
    print(f"{len(paths):,} images; R and Python differ by at most {apart.max():.1g}")
    assert len(apart) == 1000 and apart.max() <= TOLERANCE


def test_stored_predictions_and_thresholds_come_from_the_engine_that_predicts(run: Path, prepared: Path) -> None:
    from placa.dataset.prepared import read_images
    from placa.records.predictions import read_predictions

    loaded = LoadedRun(run)
    pixels = read_images(prepared, loaded.size)[1]
    stored = read_predictions(run)[0]["probability"].to_numpy()
    assert np.array_equal(predict_pixels(loaded.engine, in_batches(pixels)).probability.ravel(), stored)


@pytest.mark.parametrize("change", ["before", "missing", "export", "gpu", "runtime"])
def test_keras_predicts_without_a_usable_file(
    change: str, a_run: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = json.loads((a_run / "run.json").read_text())
    if change == "before":
        del facts["model"]["onnx"]
    elif change == "export":
        facts["model"]["onnx"] = {"fingerprint": None, "reason": "export"}
    reseal(a_run / "run.json", facts)
    if change == "missing":
        (a_run / "model.onnx").unlink()
    if change == "gpu":
        monkeypatch.setattr("placa.inference.loaded_run.has_gpu", lambda: True)
    if change == "runtime":
        monkeypatch.setattr("placa.inference.loaded_run.find_spec", lambda name: None)
    progress = RecordedProgress()
    predictor = Predictor(a_run)
    assert predictor.without_onnx == change
    predictor.predict_files([read_manifest(prepared)["path"][0]], progress)
    assert predictor.engine is predictor.model
    # Reasons that the user can change or expect are printed; a GPU is what they chose.
    assert len([text for text in progress.messages if "TensorFlow" in text]) == (change != "gpu")


def test_an_onnx_file_of_another_model_is_not_used(a_run: Path) -> None:
    facts = json.loads((a_run / "run.json").read_text())
    with zipfile.ZipFile(a_run / "model.keras", "a") as archive:
        archive.comment = b"another"
    facts["model"]["fingerprint"] = fingerprint(a_run / "model.keras")
    reseal(a_run / "run.json", facts)
    with raises(FingerprintMismatchError, expected=facts["model"]["fingerprint"]):
        _ = LoadedRun(a_run).engine


def test_another_onnx_file_is_not_used(a_run: Path) -> None:
    with (a_run / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with raises(FingerprintMismatchError, path=str(a_run / "model.onnx")):
        _ = LoadedRun(a_run).engine


def _of_another_size(content: bytes) -> bytes:
    proto = onnx.load_model_from_string(content)
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 7
    return bytes(proto.SerializeToString())


@pytest.mark.parametrize("damage", [lambda content: content[:1000], _of_another_size], ids=["cut", "size"])
def test_a_damaged_onnx_file_is_an_error(a_run: Path, damage: Callable[[bytes], bytes]) -> None:
    file = a_run / "model.onnx"
    file.write_bytes(damage(file.read_bytes()))
    facts = json.loads((a_run / "run.json").read_text())
    facts["model"]["onnx"]["fingerprint"] = fingerprint(file)
    reseal(a_run / "run.json", facts)
    with raises(DamagedModelError, file=str(file)):
        _ = LoadedRun(a_run).engine


@pytest.mark.parametrize("without", [None, "missing"], ids=["onnx", "keras"])
def test_one_predictor_serves_four_threads(run: Path, without: str | None) -> None:
    predictor = Predictor(run)
    vars(predictor)["without_onnx"] = without
    shape = 70, predictor.size, predictor.size
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    def predict(_: int) -> np.ndarray:
        return predict_pixels(predictor.engine, in_batches(pixels)).probability

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(predict, range(8))
    assert len(first) == 70 and all((first == other).all() for other in others)
