"""Phases, learning rate, precision and weight averaging of training."""

from pathlib import Path

import numpy as np
import pytest
from record_fixtures import good_record

from placa.core.backend import load_keras
from placa.core.progress import SILENT
from placa.models.files import load_model, save_model
from placa.models.networks import build, head_of
from placa.training import precision
from placa.training.averaging import Average, values
from placa.training.batches import training_batches
from placa.training.data import read_training_data
from placa.training.fitting import fit_network
from placa.training.options import TrainOptions
from placa.training.phases import Phase, optimizer_of, phases_of


@pytest.mark.parametrize(
    ("given", "phases"),
    [
        ({}, [("all", 60, 2e-3)]),
        ({"weights": "imagenet"}, [("head", 12, 2e-3), ("all", 48, 2e-4)]),
        ({"weights": "imagenet", "epochs": 1}, [("all", 1, 2e-4)]),
        ({"weights": "imagenet", "epochs": 2}, [("head", 1, 2e-3), ("all", 1, 2e-4)]),
        ({"weights": "imagenet", "head_epochs": 0}, [("all", 60, 2e-4)]),
        ({"head_epochs": 60}, [("head", 60, 2e-3)]),
    ],
)
def test_phases_depend_on_the_options(given: dict, phases: list) -> None:
    found = [(phase.part, phase.epochs, pytest.approx(phase.rate)) for phase in phases_of(TrainOptions(**given))]
    assert found == phases


def test_the_learning_rate_rises_and_decays_in_each_phase() -> None:
    optimizer = optimizer_of(Phase("all", 10, 0.5), 20, TrainOptions(warmup=0.1))
    schedule = optimizer._learning_rate
    rates = [float(schedule(step)) for step in range(201)]
    assert rates[0] == pytest.approx(0.005) and max(rates) == pytest.approx(0.5)
    assert np.argmax(rates) == 20 and rates[200] == pytest.approx(0, abs=1e-6)
    assert (np.diff(rates[:21]) > 0).all() and (np.diff(rates[21:]) < 0).all()


@pytest.mark.slow
def test_the_average_excludes_the_first_steps_and_updates_batch_normalisation() -> None:
    keras = load_keras()
    keras.utils.set_random_seed(0)
    options = TrainOptions(ema=0.5)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 32), np.uint8)
    truth = (np.arange(32) % 2).astype(np.float32)[:, None]
    batches = training_batches(pixels, np.arange(32), truth, 8, options.changes, 0)
    network = build("small", 32, 1)
    network.compile(optimizer_of(Phase("all", 2, 1e-2), 4, options), keras.losses.BinaryCrossentropy(True))
    average = Average(build("small", 32, 1), options.ema, batches)
    average.begin("all")
    seen = []
    for batch in range(4):
        network.train_on_batch(*batches[batch])
        average.store_first(network)
        seen.append([values(one) for one in network.trainable_variables])
    average.update(network)
    shares = np.array([0.5**2, 0.5, 1.0])
    for place, variable in enumerate(average.network.trainable_variables):
        steps = np.stack([weights[place] for weights in seen[1:]])
        assert np.allclose(values(variable), np.tensordot(shares / shares.sum(), steps, 1), atol=1e-5)
    # Another pass over the batches changes little, because the statistics are those of the averaged weights.
    settled = {one.path: values(one) for one in average.network.variables if "moving" in one.path}
    raw = {one.path: values(one) for one in network.variables if "moving" in one.path}
    assert any(not np.allclose(settled[path], raw[path], rtol=1e-3) for path in raw)
    assert all((array > 0).all() for path, array in settled.items() if path.endswith("variance"))
    # The trainable weights are unchanged.
    assert all(map(np.array_equal, seen[-1], [values(one) for one in network.trainable_variables]))


@pytest.mark.parametrize(
    ("wanted", "device", "policy"),
    [
        ("auto", None, "float32"),
        ("auto", "gpu:0", "mixed_float16"),
        ("auto", "tpu:0", "mixed_bfloat16"),
        ("on", None, "mixed_bfloat16"),
        ("off", "gpu:0", "float32"),
    ],
)
def test_half_precision_is_used_on_a_gpu(monkeypatch: pytest.MonkeyPatch, wanted: str, device, policy: str) -> None:
    monkeypatch.setattr(precision, "accelerator", lambda: device)
    config = load_keras().config
    before = config.dtype_policy().name
    with pytest.raises(ZeroDivisionError), precision.precision(wanted):
        assert config.dtype_policy().name == policy
        network = build("small", 32, 2)
        assert network.get_layer("logits").compute_dtype == "float32"
        assert network.get_layer("stem_conv").compute_dtype == policy.removeprefix("mixed_")
        assert {variable.dtype for variable in network.trainable_variables} == {"float32"}
        raise ZeroDivisionError
    assert config.dtype_policy().name == before


def test_a_model_trained_in_16_bits_is_saved_in_32(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, with loss scaling; the first phase trains only the head."""
    monkeypatch.setattr(precision, "accelerator", lambda: "gpu:0")
    keras, data = load_keras(), read_training_data(prepared)
    options = TrainOptions(epochs=1, head_epochs=1, batch_size=16)
    scaled = []
    real = keras.Model.fit
    monkeypatch.setattr(keras.Model, "fit", lambda self, *a, **k: (scaled.append(self.optimizer), real(self, *a, **k)))
    fitted = fit_network(data, data.rows("train"), data.rows("validation"), options, SILENT)
    assert isinstance(scaled[0], keras.optimizers.LossScaleOptimizer)
    assert np.isfinite(fitted.monitor.history[0]["loss"])
    save_model(fitted.network, tmp_path / "model.keras", good_record("model"))
    loaded, _ = load_model(tmp_path / "model.keras")
    assert {layer.compute_dtype for layer in loaded.layers[1:]} == {"float32"}
    keras.utils.set_random_seed(options.seed)
    begun = build("small", data.size, 1)
    head = {variable.path for layer in head_of(begun) for variable in layer.variables}
    for before, after in zip(begun.weights, loaded.weights, strict=True):
        assert np.array_equal(values(before), values(after)) == (before.path not in head), before.path
