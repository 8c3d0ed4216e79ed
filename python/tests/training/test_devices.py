import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from raising import raises

from placa.core.backend import load_keras
from placa.training.batches import Share
from placa.training.errors import BatchSizeError, ProcessesNotConnectedError

# One CPU is divided into two devices, as if there were two GPUs; the same training then uses one of them. There is no
# dropout, because TensorFlow draws other masks on each device.
_SCRIPT = """
import json, sys
from pathlib import Path
backend, prepared, ema = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
if backend == "tensorflow":
    import tensorflow as tf
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)

from placa.core.backend import load_keras
from placa.core.progress import SILENT
from placa.training import devices, fitting
from placa.training.options import TrainOptions
from placa.training.data import read_training_data

keras = load_keras()
layers = keras.layers

def tiny(backbone, size, findings, *others):
    x = pixels = keras.Input((size, size, 1), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Conv2D(4, 5, 4, use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dense(findings, name="logits")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(pixels, x)

fitting.build = tiny
data = read_training_data(prepared)
options = TrainOptions(epochs=3, batch_size=16, ema=ema)
results = {}
there = devices._by_process
for count in (2, 1):
    devices._by_process = lambda share: [names[:count] for names in there(share)]
    assert devices.Devices(16).count == count
    fitted = fitting.fit_network(data, data.rows("train"), data.rows("validation"), options, SILENT)
    results[count] = {
        "history": [[row["loss"], row["validation_loss"]] for row in fitted.monitor.history],
        "weights": [float(abs(one).sum()) for one in fitted.network.get_weights()],
    }
assert devices.Devices(15).count == 1
print(json.dumps(results))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "ema"),
    [
        ("tensorflow", 0.0),
        pytest.param("tensorflow", 0.9, marks=pytest.mark.slow),
        pytest.param("jax", 0.0, marks=pytest.mark.slow),
        pytest.param("jax", 0.9, marks=pytest.mark.slow),
    ],
)
def test_two_devices_give_the_weights_of_one_device(backend: str, ema: float, prepared: Path) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {"KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT, backend, str(prepared), str(ema)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert ran.returncode == 0, ran.stderr
    output = json.loads(ran.stdout.splitlines()[-1])
    for what in ("history", "weights"):
        assert np.allclose(output["2"][what], output["1"][what], atol=1e-4, rtol=1e-3), output


def test_processes_that_are_not_connected_are_an_error() -> None:
    from placa.training.devices import Devices

    # JAX counts this process.
    connected = int(load_keras().backend.backend() == "jax")
    with raises(ProcessesNotConnectedError, processes=2, connected=connected):
        Devices(16, Share(0, 2))
    with raises(BatchSizeError, batch_size=15, processes=2):
        Devices(15, Share(0, 2))
