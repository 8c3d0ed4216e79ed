"""DenseNet121 at 224 pixels: training from the memory map, fully augmented, against the same model fed from memory.

On whatever device Keras finds. On a CPU it takes minutes, and so runs only with --full.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import importlib

import numpy as np
from pairs import FULL, in_turns, random_pixels, rate, row, work_directory

from placa.core.backend import load_keras
from placa.models import build
from placa.training.augment import Augmentation
from placa.training.batches import training_batches
from placa.training.loss import weighted_loss

SIZE, FINDINGS = 224, 14


def accelerator() -> str:
    """What Keras trains on: the name of the first GPU of its backend, or an empty text."""
    backend = load_keras().backend.backend()
    if backend == "tensorflow":
        tensorflow = importlib.import_module("tensorflow")
        present = tensorflow.config.list_physical_devices("GPU")
        return tensorflow.config.experimental.get_device_details(present[0])["device_name"] if present else ""
    if backend == "jax":
        device = importlib.import_module("jax").devices()[0]
        return device.device_kind if device.platform == "gpu" else ""
    cuda = importlib.import_module("torch").cuda
    return cuda.get_device_name(0) if cuda.is_available() else ""


def main() -> None:
    """Print a row."""
    keras, device = load_keras(), accelerator()
    if not device and not FULL:
        return
    batch, images = (64, 6400) if device else (8, 16)
    if device:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    network = build("densenet121", SIZE, FINDINGS)
    keras.mixed_precision.set_global_policy("float32")
    network.compile(keras.optimizers.AdamW(1e-4), loss=weighted_loss(np.ones((2, FINDINGS), np.float32), 0.0))
    truth = np.random.default_rng(0).integers(0, 2, (images, FINDINGS)).astype(np.float32)
    with work_directory() as directory:
        pixels = np.load(random_pixels(directory, images, SIZE), mmap_mode="r")
        held = np.array(pixels)[..., None]
        batches = training_batches(pixels, np.arange(images), truth, batch, Augmentation(), seed=0)
        times = in_turns(
            {
                "placa": lambda: network.fit(batches, verbose=0, shuffle=False),
                "memory": lambda: network.fit(held, truth, batch_size=batch, verbose=0),
            }
        )
    where = f"{device}, {keras.backend.backend()}" if device else f"CPU, {keras.backend.backend()}"
    title = f"train DenseNet121 at {SIZE}², batch {batch}, on {where}, fully augmented"
    row(title, times["placa"], times["memory"], rate(images), "an array in memory, not augmented")


if __name__ == "__main__":
    main()
