"""Embeddings by an ONNX file of a foundation model, or by the network of a run."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import Command, draw
from onnx import TensorProto, helper
from raising import raises

from placa.core.errors import DamagedFileError, OutputExistsError, PathNotFoundError
from placa.dataset.embeddings import read_embeddings
from placa.dataset.prepared import read_prepared
from placa.images.errors import NoReadableImageError
from placa.images.read import read_image
from placa.inference.embed import embed
from placa.inference.encoder import open_encoder, predict_encoded
from placa.inference.errors import ReadsEmbeddingsError, ReadsPixelsError
from placa.models.encoder_preprocessing import Preprocessing, read_preprocessing
from placa.models.errors import EncoderError, NonFiniteOutputError, PreprocessingError
from placa.records.errors import ProvenanceMismatchError
from placa.training.options import TrainOptions
from placa.workflows.train import train

SIDE = 32
TORCH = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "crop_size": SIDE}


def _network(
    path: Path, kind: str = "float", shape: tuple[Any, ...] = ("n", 3, SIDE, SIDE), power: float = 1.0
) -> Path:
    """Write a network with the mean of each channel as ``pooled``, and all pixels as ``tokens``."""
    path.parent.mkdir(exist_ok=True)
    first = {"float": TensorProto.FLOAT, "uint8": TensorProto.UINT8}[kind]
    last = shape[3] in (1, 3)
    channels = shape[3] if last else shape[1]
    nodes = [
        helper.make_node("Cast", ["images"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["x"], ["planes"], perm=[0, 3, 1, 2] if last else [0, 1, 2, 3]),
        helper.make_node("Reshape", ["planes", "flat"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["tokens"], perm=[0, 2, 1]),
        helper.make_node("ReduceMean", ["tokens"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Pow", ["mean", "power"], ["pooled"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("images", first, list(shape))],
        [
            helper.make_tensor_value_info("tokens", TensorProto.FLOAT, [shape[0], None, channels]),
            helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [shape[0], channels]),
        ],
        [
            helper.make_tensor("flat", TensorProto.INT64, [3], [0, channels, -1]),
            helper.make_tensor("power", TensorProto.FLOAT, [], [power]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Write a network with floats as input, and the configuration file of transformers beside it."""
    path = _network(tmp_path / "hub" / "encoder.onnx")
    (path.parent / "preprocessor_config.json").write_text(json.dumps(TORCH))
    return path


def _wanted(levels: np.ndarray) -> np.ndarray:
    mean, deviation = np.array(TORCH["image_mean"]), np.array(TORCH["image_std"])
    return (levels.mean(axis=(1, 2))[:, None] / 255 - mean) / deviation


def test_an_image_is_scaled_as_the_network_expects(network: Path, tmp_path: Path) -> None:
    files = [draw(tmp_path / "images" / f"{number}.png", seed=number) for number in range(9)]
    out = tmp_path / "e.parquet"
    assert embed(open_encoder(network), [tmp_path / "images"], out) == (9, [])
    levels = np.stack([read_image(str(file), SIDE) for file in files])
    found, ids = read_embeddings([out])
    assert ids == [file.name for file in files]
    np.testing.assert_allclose(found.vectors, _wanted(levels), atol=1e-5)
    stated = found.facts["provenance"]
    assert (stated["library"], stated["input_size"], stated["pooling"]) == ("onnxruntime", SIDE, "pooled")
    assert "0.485,0.456,0.406" in stated["resize"]
    assert str(pq.read_schema(out).field("embedding").type) == "fixed_size_list<element: float>[3]"


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("uint8", ("n", SIDE, SIDE, 1)), ("uint8", (2, 3, SIDE, SIDE)), ("float", (1, SIDE, SIDE, 3))],
)
def test_channels_come_first_or_last_and_batches_have_any_size(
    tmp_path: Path, kind: str, shape: tuple[Any, ...]
) -> None:
    path = _network(tmp_path / "hub" / "encoder.onnx", kind, shape)
    if kind == "float":
        (path.parent / "preprocessor_config.json").write_text(json.dumps(TORCH))
    levels = np.random.default_rng(0).integers(0, 256, (7, SIDE, SIDE), dtype=np.uint8)
    found = open_encoder(path).embed(levels)
    wanted = _wanted(levels) if kind == "float" else levels.mean(axis=(1, 2))[:, None].repeat(found.shape[1], 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_tokens_are_pooled_as_asked(network: Path) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)
    pooled = open_encoder(network).embed(levels)
    np.testing.assert_allclose(open_encoder(network, output="tokens:mean").embed(levels), pooled, atol=1e-5)
    first = open_encoder(network, output="tokens:cls")
    np.testing.assert_allclose(first.embed(levels), _wanted(levels[:, :1, :1]), atol=1e-5)
    assert first.provenance.get("pooling") == "tokens:cls"
    with raises(EncoderError, outputs=["tokens:cls", "tokens:mean", "pooled"]):
        open_encoder(network, output="tokens")


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (TORCH, SIDE),
        ({**TORCH, "size": {"shortest_edge": 256}, "do_center_crop": True}, SIDE),
        ({**TORCH, "size": {"height": 518, "width": 518}, "do_center_crop": False}, 518),
        ({"pretrained_cfg": {"mean": [0.5], "std": [0.5], "input_size": [3, 224, 224]}}, 224),
        ({"preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "size": [448, 448]}}, 448),
        (
            {
                "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3},
                "model_cfg": {"vision_cfg": {"image_size": 224}},
            },
            224,
        ),
    ],
)
def test_configurations_of_the_hubs_are_read(tmp_path: Path, content: dict[str, Any], wanted: int) -> None:
    (tmp_path / "c.json").write_text(json.dumps(content))
    assert read_preprocessing(tmp_path / "c.json").size == wanted


def test_steps_that_a_configuration_leaves_out_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps({**TORCH, "do_rescale": False, "do_normalize": False}))
    assert read_preprocessing(tmp_path / "c.json") == Preprocessing((0.0,), (1.0,), 1.0, SIDE)


def test_networks_and_configurations_that_do_not_fit_are_refused(network: Path, tmp_path: Path) -> None:
    with raises(PathNotFoundError, path=str(tmp_path / "no.onnx")):
        open_encoder(tmp_path / "no.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with raises(EncoderError, file=str(tmp_path / "text.onnx")):
        open_encoder(tmp_path / "text.onnx")
    config = network.parent / "preprocessor_config.json"
    for content, error in (
        ({**TORCH, "crop_size": {"height": 32, "width": 48}}, PreprocessingError),
        ({"image_mean": [0.5]}, PreprocessingError),
        ({**TORCH, "image_mean": [0.5, 0.5]}, PreprocessingError),
    ):
        config.write_text(json.dumps(content))
        with raises(error, file=str(config)):
            open_encoder(network, config)
    config.write_text("{")
    with raises(DamagedFileError, path=str(config)):
        open_encoder(network, config)
    config.unlink()
    with raises(PreprocessingError, reason="no configuration file"):
        open_encoder(network)
    open_size = _network(tmp_path / "open" / "encoder.onnx", "uint8", ("n", 3, "h", "w"))
    with raises(PreprocessingError, file=str(open_size)):
        open_encoder(open_size)
    assert open_encoder(open_size, size=48).size == 48
    with raises(PreprocessingError, file=str(_network(tmp_path / "other.onnx", "uint8"))):
        open_encoder(tmp_path / "other.onnx", size=48)


def test_an_interrupted_call_continues_and_the_file_is_the_same(network: Path, tmp_path: Path) -> None:
    for number in range(70):
        draw(tmp_path / "images" / f"{number:02d}.png", seed=number)
    (tmp_path / "images" / "03.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    encoder = open_encoder(network)
    whole, parts = tmp_path / "whole.parquet", tmp_path / "parts.parquet"
    count, rejected = embed(encoder, [tmp_path / "images"], whole)
    assert (count, [Path(path).name for path, _ in rejected]) == (69, ["03.png"])
    seen: list[int] = []

    class Interrupted:
        size, length, provenance = encoder.size, encoder.length, encoder.provenance

        def embed(self, pixels: np.ndarray) -> np.ndarray:
            if len(seen) == 1:
                raise KeyboardInterrupt
            seen.append(len(pixels))
            return encoder.embed(pixels)

    with pytest.raises(KeyboardInterrupt, match=r"\.parts\.parquet\.embedding"):
        embed(Interrupted(), [tmp_path / "images"], parts)
    assert not parts.exists()
    seen.append(0)
    assert embed(Interrupted(), [tmp_path / "images"], parts) == (count, rejected)
    # The first 32 images, one of which cannot be read, are not embedded again.
    assert seen == [31, 0, 32, 6]
    assert pq.read_table(parts).equals(pq.read_table(whole))
    assert not list(tmp_path.glob(".*embedding"))
    with raises(OutputExistsError, path=str(parts)):
        embed(encoder, [tmp_path / "images"], parts)


def test_vectors_of_a_killed_call_are_not_taken_for_those_of_the_call_before(network: Path, tmp_path: Path) -> None:
    for number in range(72):
        draw(tmp_path / ("first" if number < 36 else "second") / f"{number}.png", seed=number)
    encoder, whole, out = open_encoder(network), tmp_path / "whole.parquet", tmp_path / "e.parquet"
    embed(encoder, [tmp_path / "first"], whole)

    class Stopped:
        size, length, provenance = encoder.size, encoder.length, encoder.provenance

        def __init__(self, error: type[BaseException]) -> None:
            self.error, self.calls = error, 0

        def embed(self, pixels: np.ndarray) -> np.ndarray:
            self.calls += 1
            if self.calls > 1:
                raise self.error
            return encoder.embed(pixels)

    for folder, error in (("first", KeyboardInterrupt), ("second", RuntimeError)):
        with pytest.raises(error):
            embed(Stopped(error), [tmp_path / folder], out)
    embed(encoder, [tmp_path / "first"], out)
    assert pq.read_table(out).equals(pq.read_table(whole))


def test_state_of_another_network_is_not_used(network: Path, tmp_path: Path) -> None:
    draw(tmp_path / "images" / "a.png")
    work = tmp_path / ".e.parquet.embedding"
    work.mkdir()
    plan = {"provenance": {"checkpoint": "other"}}
    (work / "state.json").write_text(json.dumps({"plan": plan, "done": 1, "rejected": {}}))
    (work / "vectors.bin").write_bytes(b"\0" * 12)
    embed(open_encoder(network), [tmp_path / "images"], tmp_path / "e.parquet")
    assert np.abs(read_embeddings([tmp_path / "e.parquet"])[0].vectors).max() > 0


def test_images_without_an_embedding_are_refused(network: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with raises(NoReadableImageError, images=1):
        embed(open_encoder(network), [tmp_path / "images"], tmp_path / "e.parquet")
    draw(tmp_path / "images" / "a.png")
    # A negative mean has no root.
    broken = _network(network.parent / "broken.onnx", power=0.5)
    (network.parent / "preprocessor_config.json").write_text(json.dumps({**TORCH, "image_mean": [2.0, 2, 2]}))
    with raises(NonFiniteOutputError, not_finite=1):
        embed(open_encoder(broken), [tmp_path / "images"], tmp_path / "e.parquet")


def test_a_run_embeds_the_stored_pixels_and_a_head_predicts_files_with_it(
    run: Path, prepared: Path, tmp_path: Path, placa: Command
) -> None:
    out = tmp_path / "e.parquet"
    assert placa("embed", run, prepared, "--out", out, "--model", "small").returncode == 0
    found, ids = read_embeddings([out])
    manifest = read_prepared(prepared).manifest
    assert ids == manifest["image_id"].tolist()
    assert (found.facts["provenance"].get("model"), found.facts["provenance"].get("pretrained_on")) == (
        "small",
        ["phantom"],
    )
    train(prepared, tmp_path / "head", TrainOptions(epochs=2), features=[out], progress=False)
    file = manifest["path"].iloc[0]
    predicted = predict_encoded(tmp_path / "head", run, [file])
    stored = pd.read_parquet(tmp_path / "head" / "predictions.parquet")
    np.testing.assert_allclose(predicted.outputs.probability[0], stored["probability"].iloc[0], atol=1e-5)
    assert placa("predict", tmp_path / "head", file, "--encoder", run).returncode == 0
    other = Path(shutil.copytree(run, tmp_path / "other"))
    facts = json.loads((other / "run.json").read_text())
    with raises(ReadsEmbeddingsError):
        open_encoder(tmp_path / "head")
    with raises(ReadsPixelsError, run=str(other)):
        predict_encoded(other, run, [file])
    assert facts["name"]


def test_another_encoder_is_refused(run: Path, prepared: Path, network: Path, tmp_path: Path) -> None:
    out = tmp_path / "e.parquet"
    embed(open_encoder(network), [prepared], out)
    train(prepared, tmp_path / "head", TrainOptions(epochs=1), features=[out], progress=False)
    file = read_prepared(prepared).manifest["path"].iloc[0]
    assert len(predict_encoded(tmp_path / "head", network, [file]).paths) == 1
    with raises(ProvenanceMismatchError, file=str(run)):
        predict_encoded(tmp_path / "head", run, [file])
