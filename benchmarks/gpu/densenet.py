"""DenseNet121 at 224 pixels: training from the memory map, fully augmented, against the same network fed from memory.

    KERAS_BACKEND=jax python benchmarks/gpu/densenet.py [--images 6400] [--batch 64] [--size 224] [--policy float32]

It installs nothing and takes at most ten minutes on a current GPU, where arithmetic is of 16 bits by default. On a CPU
it runs only with --full or with the numbers stated.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from pairs import in_turns, random_pixels, rate, row, work_directory

from placa.core.backend import load_keras
from placa.models.networks import build
from placa.training.augment import NONE, Augmentation
from placa.training.batches import training_batches
from placa.training.loss import weighted_loss

FINDINGS = 14


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
    """Print a row with augmentation and one without."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--images", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--policy")
    options = parser.parse_args()
    keras, device = load_keras(), accelerator()
    if not (device or options.full or options.images):
        return
    batch = options.batch or (64 if device else 8)
    images = options.images or (6400 if device else 16)
    policy = options.policy or ("mixed_bfloat16" if device else "float32")
    keras.mixed_precision.set_global_policy(policy)
    network = build("densenet121", options.size, FINDINGS)
    keras.mixed_precision.set_global_policy("float32")
    network.compile(keras.optimizers.AdamW(1e-4), loss=weighted_loss(np.ones((2, FINDINGS), np.float32), 0.0))
    truth = np.random.default_rng(0).integers(0, 2, (images, FINDINGS)).astype(np.float32)
    with work_directory() as directory:
        pixels = np.load(random_pixels(directory, images, options.size), mmap_mode="r")
        held, rows = np.array(pixels)[..., None], np.arange(images)
        fed = {
            what: training_batches(pixels, rows, truth, batch, changes, seed=0)
            for what, changes in (("fully augmented", Augmentation()), ("not augmented", NONE))
        }
        times = in_turns(
            {
                "memory": lambda: network.fit(held, truth, batch_size=batch, verbose=0),
                **{what: partial(network.fit, one, verbose=0, shuffle=False) for what, one in fed.items()},
            }
        )
    where = f"{device or 'CPU'}, {keras.backend.backend()}, {policy}"
    for what in fed:
        title = f"train DenseNet121 at {options.size}², batch {batch}, on {where}, {what}"
        row(title, times[what], times["memory"], rate(images), "an array in memory, not augmented")


if __name__ == "__main__":
    main()
