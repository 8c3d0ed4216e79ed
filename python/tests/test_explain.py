"""Grad-CAM where the answer is known: networks made by hand, and a phantom's lesion."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_volumes import thorax, write_volume
from PIL import Image

from placa.backend import load_keras
from placa.calibrate import Recalibration
from placa.errors import PlacaError
from placa.explain import Explainer, explain_as_lists, explain_files
from placa.explain.boxes import lines, read_test_boxes, score, summarise
from placa.explain.gradcam import GradCam, feature_layers
from placa.explain.overlay import background, overlay
from placa.manifest import read_manifest
from placa.models import build, with_mirror, with_probabilities
from placa.phantoms.draw import draw_patient, render
from placa.phantoms.plan import plan_patient
from placa.predict import Predictor, find_as_list, loaded
from placa.reading import slabs

SIZE = 64
AS_IS = Recalibration(slope=1.0, intercept=0.0)


def bright_or_dark(size: int = SIZE, weights: tuple[float, float] = (3.0, -2.0)) -> Any:
    """A network with two features, how bright and how dark each 8 x 8 block is, weighed in a mean."""
    keras = load_keras()
    layers = keras.layers
    pixels = keras.Input((size, size, 1), dtype="uint8")
    x = layers.Rescaling(1 / 255)(pixels)
    split = layers.Conv2D(2, 1, activation="relu", name="split")
    x = layers.AveragePooling2D(8, name="blocks")(split(x))
    logits = layers.Dense(1, name="logits")
    model = keras.Model(pixels, logits(layers.GlobalAveragePooling2D()(x)), name="by_hand")
    # relu(grey - 0.5) and relu(0.5 - grey)
    split.set_weights([np.array([[[[1.0, -1.0]]]], dtype=np.float32), np.array([-0.5, 0.5], dtype=np.float32)])
    logits.set_weights([np.array([[weights[0]], [weights[1]]], dtype=np.float32), np.zeros(1, dtype=np.float32)])
    return model


def blocks_of(pixels: np.ndarray) -> np.ndarray:
    """What `bright_or_dark` sees: the mean over each 8 x 8 block, shape (size / 8, size / 8, 2)."""
    grey = pixels / 255
    features = np.stack([np.maximum(grey - 0.5, 0), np.maximum(0.5 - grey, 0)], axis=-1)
    side = pixels.shape[0] // 8
    return features.reshape(side, 8, side, 8, 2).mean(axis=(1, 3))


def closed_form(pixels: np.ndarray, weights: tuple[float, float] = (3.0, -2.0)) -> np.ndarray:
    """Under a mean and a dense layer, the gradient of each feature is its weight over the number of blocks."""
    features = blocks_of(pixels)
    evidence = (features * np.array(weights)).sum(axis=-1) / features[..., 0].size
    return np.asarray(Image.fromarray(evidence.astype(np.float32)).resize(pixels.shape, Image.Resampling.BILINEAR))


def spot(row: int, column: int) -> np.ndarray:
    """A dark grey image with one bright spot."""
    pixels = np.full((SIZE, SIZE), 100, dtype=np.uint8)
    pixels[row : row + 8, column : column + 8] = 250
    return pixels


def peak(evidence: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
    return int(row), int(column)


def test_the_map_is_that_of_the_paper() -> None:
    pixels = spot(16, 48)
    evidence = GradCam(with_probabilities(bright_or_dark(), [AS_IS])).maps(pixels[None], 0)[0]
    assert evidence.shape == (SIZE, SIZE) and evidence.dtype == np.float32
    assert np.abs(evidence - np.maximum(closed_form(pixels), 0)).max() < 1e-6
    assert 16 <= peak(evidence)[0] < 24 and 48 <= peak(evidence)[1] < 56
    # What speaks against the finding is not shown.
    assert (evidence[:, :32] == 0).all()


def test_the_mirrored_branch_is_turned_back() -> None:
    pixels = spot(16, 48)
    gradcam = GradCam(with_probabilities(with_mirror(bright_or_dark()), [AS_IS]))
    evidence = gradcam.maps(pixels[None], 0)[0]
    # Both branches see the same, so that the average over them is either's map.
    assert np.abs(evidence - np.maximum(closed_form(pixels), 0)).max() < 1e-6


def test_a_network_in_a_network_in_an_ensemble_is_explained_whole() -> None:
    keras = load_keras()
    pixels = keras.Input((SIZE, SIZE, 1), dtype="uint8")
    weights = ((3.0, -2.0), (5.0, 1.0))
    inner = [keras.Model(pixels, with_mirror(bright_or_dark(weights=one))(pixels)) for one in weights]
    both = keras.layers.Average()([network(pixels) for network in inner])
    gradcam = GradCam(with_probabilities(keras.Model(pixels, both), [AS_IS]))
    image = spot(40, 8)
    expected = np.maximum(sum(closed_form(image, one) for one in weights) / 2, 0)
    assert np.abs(gradcam.maps(image[None], 0)[0] - expected).max() < 1e-6


def test_a_recalibration_that_turns_the_logit_turns_the_map() -> None:
    pixels = spot(16, 48)
    turned = GradCam(with_probabilities(bright_or_dark(), [Recalibration(slope=-2.0, intercept=1.0)]))
    expected = np.maximum(-2 * closed_form(pixels), 0)
    assert np.abs(turned.maps(pixels[None], 0)[0] - expected).max() < 1e-6


def test_each_finding_of_several_has_its_own_map() -> None:
    keras = load_keras()
    # Weights drawn by lot can be such that one finding has no evidence anywhere.
    keras.utils.set_random_seed(1)
    network = build("small", SIZE, 2)
    dense = network.get_layer("logits")
    kernel, bias = dense.get_weights()
    dense.set_weights([np.stack([kernel[:, 0], -kernel[:, 0]], axis=1), bias])
    gradcam = GradCam(with_probabilities(with_mirror(network), [AS_IS, AS_IS]))
    first, second = (gradcam.maps(spot(16, 48)[None], finding)[0] for finding in (0, 1))
    # One finding's evidence is the other's counter-evidence.
    assert first.any() and second.any() and ((first == 0) | (second == 0)).all()
    assert keras.ops.shape(network.get_layer("features").output)[-1] == 128


def test_a_phantoms_lesion_is_where_the_map_peaks() -> None:
    """The network knows the phantom without its lesion, so all that it can see is the lesion."""
    keras = load_keras()
    layers = keras.layers
    tried = 0
    for patient in range(40):
        body, plans = plan_patient(5, patient)
        image = draw_patient(5, patient, SIZE, images=1)[0]
        lesions = [box for box in image.lesions if box.finding == "Opacity"]
        if len(lesions) != 1 or len(image.lesions) != 1:
            continue
        without = render(5, patient, 1, body, plans[0], SIZE, findings=False).pixels
        changed = np.abs(image.pixels.astype(int) - without)
        if changed.max() < 20:
            continue
        tried += 1
        pixels = keras.Input((SIZE, SIZE, 1), dtype="uint8")
        twin = layers.EinsumDense("nhwc,cd->nhwd", output_shape=(SIZE, SIZE, 1), bias_axes="hwd")
        x = layers.ReLU()(twin(layers.Rescaling(1 / 255)(pixels)))
        x = layers.AveragePooling2D(4, name="features")(x)
        logits = layers.Dense(1)
        y = logits(layers.GlobalAveragePooling2D()(x))
        twin.set_weights([np.ones((1, 1), np.float32), -without[..., None].astype(np.float32) / 255])
        logits.set_weights([np.array([[10.0]], np.float32), np.zeros(1, np.float32)])
        model = with_probabilities(keras.Model(pixels, y), [AS_IS])
        evidence = GradCam(model).maps(image.pixels[None], 0)[0]
        box = lesions[0]
        found = score(evidence, [(box.x / SIZE, box.y / SIZE, box.width / SIZE, box.height / SIZE)])
        assert found["hit"], (patient, peak(evidence), box)
        assert found["iou"] > 0.1
    assert tried >= 5


@pytest.mark.parametrize("name", ["MobileNetV3Small", "DenseNet121", "EfficientNetV2B0", "ResNet50", "ConvNeXtTiny"])
@pytest.mark.parametrize("nested", [True, False])
def test_backbones_of_keras_have_a_plane_to_explain_at(name: str, nested: bool) -> None:
    keras = load_keras()
    pixels = keras.Input((SIZE, SIZE, 1), dtype="uint8")
    make = getattr(keras.applications, name)
    grey = keras.layers.Concatenate()([keras.layers.Rescaling(1.0)(pixels)] * 3)
    if nested:
        x = keras.layers.GlobalAveragePooling2D()(make(include_top=False, weights=None, input_shape=(64, 64, 3))(grey))
    else:
        x = make(include_top=False, weights=None, input_tensor=grey, pooling="avg").output
    model = with_probabilities(keras.Model(pixels, keras.layers.Dense(1)(x)), [AS_IS])
    layers = feature_layers(model)
    assert len(layers) == 1 and tuple(layers[0].output.shape[1:3]) == (2, 2)


def test_a_backbone_nested_and_mirrored_is_explained() -> None:
    keras = load_keras()
    pixels = keras.Input((SIZE, SIZE, 1), dtype="uint8")
    grey = keras.layers.Concatenate()([keras.layers.Rescaling(1.0)(pixels)] * 3)
    backbone = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg"
    )
    network = keras.Model(pixels, keras.layers.Dense(1)(backbone(grey)))
    gradcam = GradCam(with_probabilities(with_mirror(network), [AS_IS]))
    image = spot(16, 48)
    evidence, mirrored = gradcam.maps(np.stack([image, image[:, ::-1]]), 0)
    # The model answers an image and its mirror image alike, and so does its explanation.
    assert np.abs(evidence - mirrored[:, ::-1]).max() <= 1e-4 * max(float(evidence.max()), 1e-6)


def test_a_model_without_a_plane_is_told() -> None:
    keras = load_keras()
    pixels = keras.Input((8, 8, 1), dtype="uint8")
    flat = keras.layers.Dense(1)(keras.layers.Flatten()(pixels))
    with pytest.raises(PlacaError, match="no layer with a plane"):
        GradCam(with_probabilities(keras.Model(pixels, flat), [AS_IS]))


def test_explaining_changes_nothing(run: Path, prepared: Path) -> None:
    path = read_manifest(prepared)["path"].iloc[0]
    predictor = Predictor(run)
    before, _ = predictor.predict([path])
    explained = Explainer(predictor).explain(path)[0]
    after, _ = predictor.predict([path])
    assert before.equals(after) and explained.probability == before["probability"].iloc[0]
    again = Explainer(Predictor(run)).explain(path)[0]
    assert np.array_equal(explained.evidence, again.evidence)


def test_hand_worked_scores() -> None:
    evidence = np.zeros((4, 4), dtype=np.float32)
    evidence[0, 0], evidence[0, 1], evidence[3, 3] = 1.0, 0.5, 0.4
    left_top = [(0.0, 0.0, 0.5, 0.5)]
    found = score(evidence, left_top)
    # Marked: two pixels, both among the four of the box.
    assert found == {"hit": True, "iou": 0.5, "area": 0.25, "centre": False}
    assert score(evidence, left_top, threshold=0.4)["iou"] == 2 / 5
    assert score(evidence, [(0.5, 0.5, 0.5, 0.5)]) == {"hit": False, "iou": 0.0, "area": 0.25, "centre": True}
    assert score(np.zeros((4, 4), np.float32), left_top)["hit"] is False
    # Overlapping boxes are one region.
    assert score(evidence, [*left_top, (0.25, 0.0, 0.5, 0.5)])["area"] == 6 / 16
    summary = summarise(pd.DataFrame([{"finding": "Mass", **found}] * 3), 0.5)["findings"]["Mass"]
    assert summary["images"] == 3 and summary["pointing"] == 1 and summary["pointing_anywhere"] == 0.25
    # The interval of 3 of 3 begins at n / (n + z^2).
    assert (
        summary["pointing_lower"] == pytest.approx(3 / (3 + 1.959964**2), abs=1e-6) and summary["pointing_upper"] == 1
    )


def test_an_overlay_keeps_proportions_and_what_has_no_evidence(tmp_path: Path) -> None:
    Image.fromarray(np.full((60, 90), 77, dtype=np.uint8)).save(tmp_path / "wide.png")
    grey = background(tmp_path / "wide.png", side=120)
    assert grey.shape == (80, 120)
    evidence = np.zeros((6, 6), dtype=np.float32)
    plain = np.asarray(overlay(grey, evidence))
    assert plain.shape == (80, 120, 3) and (plain == 77).all()
    evidence[0, 5] = 2.0
    coloured = np.asarray(overlay(grey, evidence, [(0.5, 0.0, 0.5, 0.5)])).astype(int)
    assert (coloured[-1, 0] == 77).all() and coloured[4, 115, 0] > coloured[4, 115, 2] + 50
    assert (coloured[20, 60] == 255).all()


def test_the_command_writes_overlays_maps_and_scores(run: Path, prepared: Path, tmp_path: Path, placa) -> None:
    images = sorted((prepared / "images").glob("*.png"))[:2]
    (tmp_path / "bad.png").write_text("no image")
    out = tmp_path / "out"
    done = placa("explain", run, *images, tmp_path / "bad.png", "--out", out, "--boxes", prepared)
    assert done.returncode == 0, done.stderr
    assert "bad.png was set aside: it is text" in " ".join(done.stderr.split())
    assert done.stdout.startswith("Opacity: pointing game ") and done.stdout.endswith(f"{out}\n")
    table = pd.read_csv(out / "explain.csv")
    lesions, _ = read_test_boxes(prepared, ["Opacity"])
    assert set(table["path"]) == {*map(str, images), *(path for path, _ in lesions)}
    for row in table.to_dict("records"):
        assert np.load(out / row["map"]).shape == (64, 64) and Image.open(out / row["overlay"]).size == (512, 512)
    summary = json.loads((out / "boxes.json").read_text())
    assert summary["threshold"] == 0.5 and summary["findings"]["Opacity"]["images"] == len(lesions)
    assert len(pd.read_csv(out / "boxes.csv")) == len(lesions)
    assert lines(summary) == done.stdout.splitlines()[:1]


def test_what_cannot_be_explained_is_told(run: Path, prepared: Path, tmp_path: Path) -> None:
    image = read_manifest(prepared)["path"].iloc[0]
    with pytest.raises(PlacaError, match="no finding 'Opacidad'; there are, the nearest first: Opacity"):
        explain_files(run, [image], tmp_path / "out", "Opacidad")
    with pytest.raises(PlacaError, match="Nothing was named"):
        explain_files(run, [], tmp_path / "out")
    with pytest.raises(PlacaError, match="above 0 to 1"):
        explain_files(run, [image], tmp_path / "out", threshold=0)
    (tmp_path / "without").mkdir()
    for file in prepared.iterdir():
        if file.name != "boxes.parquet":
            (tmp_path / "without" / file.name).symlink_to(file)
    with pytest.raises(PlacaError, match=r"no boxes\.parquet"):
        explain_files(run, [], tmp_path / "out", boxes=tmp_path / "without")
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(PlacaError, match="None of the 1 images could be read"):
        explain_files(run, [tmp_path / "bad.png"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_images_of_one_name_do_not_overwrite_each_other(run: Path, prepared: Path, tmp_path: Path) -> None:
    for folder, image in zip("ab", sorted((prepared / "images").glob("*.png")), strict=False):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "scan.png").symlink_to(image)
    table, _, _ = explain_files(run, [tmp_path / "a", tmp_path / "b"], tmp_path / "out")
    assert table["overlay"].tolist() == ["scan.Opacity.png", "scan-2.Opacity.png"]


def test_of_a_volume_the_square_of_the_highest_score_is_explained(a_run: Path, tmp_path: Path, placa) -> None:
    # The run of radiographs, told to read volumes: what it thinks of them is of no matter here.
    facts = json.loads((a_run / "run.json").read_text())
    facts["data"]["reading"] = slabs(4).as_dict()
    (a_run / "run.json").write_text(json.dumps(facts))
    with zipfile.ZipFile(a_run / "model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    card = json.loads(members["placa.json"]) | {"reading": slabs(4).as_dict()}
    with zipfile.ZipFile(a_run / "model.keras", "w") as archive:
        for name, content in {**members, "placa.json": json.dumps(card).encode()}.items():
            archive.writestr(name, content)
    volume = tmp_path / "7.mha"
    write_volume(volume, thorax(opacity=True))
    done = placa("explain", a_run, volume, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "the square of the highest score is explained" in " ".join(done.stderr.split())
    row = pd.read_csv(tmp_path / "out" / "explain.csv").iloc[0]
    predictor = Predictor(a_run)
    squares = predictor.reading.read(str(volume), predictor.size)
    logits = GradCam(predictor.model).logits(squares)[:, 0]
    assert row["squares"] == 4 and row["square"] == logits.argmax() + 1 and row["overlay"] == "7.Opacity.png"
    # The probability is the volume's: the mean of the logits of its squares.
    assert row["probability"] == pytest.approx(1 / (1 + np.exp(-logits.mean())), abs=1e-5)
    assert np.array_equal(
        np.load(tmp_path / "out" / row["map"]), GradCam(predictor.model).maps(squares[[row["square"] - 1]], 0)[0]
    )


def test_lists_for_r_are_plain(run: Path, prepared: Path, tmp_path: Path) -> None:
    image = read_manifest(prepared)["path"].iloc[0]
    lists = explain_as_lists(str(run), image)
    one = Explainer(Predictor(run)).explain(image)[0]
    assert lists["probability"] == one.probability and lists["finding"] == "Opacity" and lists["size"] == 64
    assert np.array_equal(np.array(lists["map"], dtype=np.float32), one.evidence.ravel())
    assert np.array_equal(lists["pixels"], one.grey.ravel()) and lists["width"] * lists["height"] == one.grey.size
    assert {type(value) for value in lists["map"]} == {float} and {type(value) for value in lists["pixels"]} == {int}
    (tmp_path / "bad.png").write_bytes(b"")
    assert "empty" in explain_as_lists(str(run), str(tmp_path / "bad.png"))["rejected"]


def test_r_is_given_one_predictor_and_lists_of_files(run: Path, prepared: Path) -> None:
    assert loaded(run) is loaded(run)
    images = sorted(str(path) for path in (prepared / "images").glob("*.png"))
    assert sorted(find_as_list(str(run), [str(prepared / "images"), images[0]])) == images
