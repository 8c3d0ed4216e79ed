"""Parts that a script provides: backbone, loss, augmentation and callbacks."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raising import raises

from placa.core.backend import load_keras
from placa.inference.model import load_model
from placa.models.errors import OwnBackboneError
from placa.models.networks import build
from placa.records.files import read_record
from placa.records.run_facts import RunFacts
from placa.training.augment import FunctionAugmentation
from placa.training.distributed import ProcessGroup
from placa.training.errors import ChangedTrainingError, OptionValueError, OwnAugmentationError
from placa.training.options import TrainOptions
from placa.training.own_parts import describe
from placa.workflows.train import train

keras = load_keras()


def trunk(size: int, channels: int = 3, flat: bool = False) -> Any:
    pixels = x = keras.Input((size, size, channels))
    x = keras.layers.Rescaling(1 / 255)(x)
    x = keras.layers.MaxPooling2D(8)(keras.layers.Conv2D(6, 3, padding="same", activation="relu")(x))
    return keras.Model(pixels, keras.layers.Flatten()(x) if flat else x)


def brier(truth: Any, logits: Any) -> Any:
    known = keras.ops.logical_not(keras.ops.isnan(truth))
    error = keras.ops.where(known, truth, 0.0) - keras.ops.sigmoid(logits)
    return keras.ops.mean(keras.ops.where(known, error**2, 0.0), axis=-1)


def mirrored(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return image[:, ::-1] if random.random() < 0.5 else image


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        raise KeyboardInterrupt


class Stop(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.logs: list[dict[str, float]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.logs.append(dict(logs or {}))
        self.model.stop_training = epoch == 1


def test_a_run_with_own_parts_records_them_and_predicts(prepared: Path, tmp_path: Path) -> None:
    stop = Stop()
    options = TrainOptions(backbone=trunk, loss=brier, augmentation=mirrored, epochs=4, batch_size=32)
    facts = train(prepared, tmp_path / "own", options, progress=False, callbacks=[stop])
    training = read_record(tmp_path / "own" / "run.json", RunFacts)["training"]
    assert (training["backbone"], training["loss"]) == ("own:trunk", "own:brier")
    assert set(training["augmentation"].values()) == {0.0}
    assert [(one["part"], one["name"]) for one in training["own"]] == [
        ("backbone", "trunk"), ("loss", "brier"), ("augmentation", "mirrored"), ("callback", "Stop"),
    ]  # fmt: skip
    assert all(str(one["source"]).startswith("sha256:") for one in training["own"])
    # The callback stops the training, and sees the validation results.
    assert facts["training"]["epochs_run"] == 2 == len(stop.logs)
    assert stop.logs[0].keys() >= {"loss", "validation_loss", "validation_auroc"}
    model, image = load_model(tmp_path / "own"), next((prepared / "images").glob("*.png"))
    assert len(model.predict(image, progress=False).table) == 1
    assert model.explain(image)[0].evidence.shape == (64, 64)


@pytest.mark.slow
def test_resuming_with_another_source_is_refused(prepared: Path, tmp_path: Path) -> None:
    out, options = tmp_path / "own", TrainOptions(backbone=trunk, epochs=2, batch_size=32)
    with pytest.raises(KeyboardInterrupt):
        train(prepared, out, options, progress=False, callbacks=[Interrupt()], checkpoint_every=0.0)

    def other_trunk(size: int) -> Any:
        return trunk(size)

    other_trunk.__name__ = "trunk"
    for changed in (other_trunk, functools.partial(trunk, channels=1)):
        with raises(ChangedTrainingError) as error:
            train(prepared, out, TrainOptions(backbone=changed, epochs=2, batch_size=32), progress=False, resume=True)
        assert list(error.value.values["changed"]) == ["own"]
    assert train(prepared, out, options, progress=False, resume=True)["training"]["epochs_run"] == 2


def test_a_model_keeps_its_weights_and_is_not_changed() -> None:
    model = trunk(32, channels=1)
    networks = [build(model, 32, 2) for _ in range(2)]
    assert [one.shape for one in networks[0].outputs] == [(None, 2)]
    for network in networks:
        body = network.get_layer("features")
        assert all(map(np.array_equal, body.get_weights(), model.get_weights())) and body is not model
    assert describe("backbone", model) == describe("backbone", model)
    # Names of layers, which Keras numbers, do not matter; weights do.
    twin = trunk(32, channels=1)
    assert describe("backbone", twin)["source"] != describe("backbone", model)["source"]
    twin.set_weights(model.get_weights())
    assert describe("backbone", twin)["source"] == describe("backbone", model)["source"]
    assert build(functools.partial(trunk, flat=True), 32, 1).output_shape == (None, 1)


@pytest.mark.parametrize(
    "backbone",
    [lambda size: 3, lambda size: trunk(size // 2), lambda size: trunk(size, channels=2)],
    ids=["no model", "other size", "two channels"],
)
def test_other_backbones_are_an_error(backbone: Any) -> None:
    with raises(OwnBackboneError):
        build(backbone, 32, 1)


def test_an_augmentation_depends_on_the_seed_only() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
    changes = FunctionAugmentation(mirrored).draw(6, np.random.default_rng(1))
    changed = changes.apply(images)
    assert np.array_equal(changes.at(slice(3, 6)).apply(images[3:]), changed[3:])
    flipped = [np.array_equal(one, image[:, ::-1]) for one, image in zip(changed, images, strict=True)]
    assert 0 < sum(flipped) < 6
    with raises(OwnAugmentationError, type="float64"):
        FunctionAugmentation(lambda image, random: image / 255).draw(6, np.random.default_rng(1)).apply(images)


def test_options_without_effect_are_an_error(prepared: Path, tmp_path: Path) -> None:
    with raises(OptionValueError, option="weights"):
        TrainOptions(backbone=trunk, weights="imagenet")
    with raises(OptionValueError, option="resist"):
        TrainOptions(augmentation=mirrored, resist="grey,augment")
    with raises(OptionValueError, option="processes"):
        group = ProcessGroup("127.0.0.1", 1, 2, 0, 1.0)
        train(prepared, tmp_path / "run", TrainOptions(loss=brier), process_group=group)
