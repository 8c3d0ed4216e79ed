"""Random batches of 64 from the memory map to the model's input, bare and augmented, and a whole epoch of training.

Augmentation is counted by what it takes of all cores together, for Keras' layers use several at a time. With --parts,
only CPU time per step is printed, of an epoch from batches and from memory, and of steps alone: on one core, as by
`taskset -c 0`, it does not depend on other processes.
"""

from __future__ import annotations

import os
import statistics
import sys

# Before Keras is loaded: TensorFlow talks.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from functools import partial
from typing import Any

import numpy as np
from pairs import FULL, core_seconds, in_turns, random_pixels, rate, row, work_directory

from placa.core.backend import load_keras
from placa.models.networks import build
from placa.training.augment import NONE, Augmentation
from placa.training.batches import training_batches
from placa.training.fused_normalisation import fuse_batch_normalisation
from placa.training.loss import weighted_loss

SIZE, BATCH = 224, 64
#: Enough for a pass over them to take seconds; with --full more than most machines' memory caches at once.
IMAGES = 100_000 if FULL else 12_800
PARTS = "--parts" in sys.argv[1:]


def keras_layers(images: np.ndarray) -> Any:
    """What Keras' own layers make of a batch, one after the other."""
    layers = load_keras().layers
    chain = [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(10 / 360),
        layers.RandomZoom(0.1),
        layers.RandomTranslation(0.06, 0.06),
        layers.RandomBrightness(0.1),
        layers.RandomContrast(0.1),
    ]

    def change(batch: np.ndarray) -> np.ndarray:
        changed: Any = batch
        for layer in chain:
            changed = layer(changed, training=True)
        return np.asarray(changed)

    return partial(change, images)


def one_epoch(batches: Any) -> None:
    """Go through the batches as a network would."""
    for batch in range(len(batches)):
        batches[batch]
    batches.on_epoch_end()


def gather(pixels: np.ndarray) -> None:
    """Rows of the map as they are, against rows scaled to 0 to 1 by the CPU."""
    rows, truth = np.arange(len(pixels)), np.zeros((len(pixels), 1), np.float32)
    batches = training_batches(pixels, rows, truth, BATCH, NONE, seed=0)
    random = np.random.default_rng(0)

    def scaled() -> None:
        order = random.permutation(len(pixels))[:1280]
        for start in range(0, len(order), BATCH):
            pixels[order[start : start + BATCH]].astype(np.float32) / 255

    times = in_turns({"placa": lambda: one_epoch(batches), "scaled": scaled})
    theirs = [taken * len(pixels) / 1280 for taken in times["scaled"]]
    row(
        f"random batches of {BATCH} from {len(pixels):,} images of {SIZE}²",
        times["placa"],
        theirs,
        rate(len(pixels)),
        "`astype(float32) / 255`",
        1,
    )


def augment(pixels: np.ndarray) -> None:
    """Full augmentation, an image resampled once, against Keras' layers."""
    images = np.array(pixels[:BATCH])
    random, augmentation = np.random.default_rng(0), Augmentation()
    works = {"placa": lambda: augmentation.apply(images, random), "keras": keras_layers(images[..., None])}
    times = in_turns(works, pairs=15, clock=core_seconds)
    row(
        f"full augmentation of {SIZE}², a core",
        times["placa"],
        times["keras"],
        rate(BATCH),
        "Keras' six layers in turn",
        1,
    )


def train(directory: Any, size: int = 96, images: int = 1024, batch: int = 32) -> None:
    """An epoch of `small` as placa trains it, against Keras' `fit` from an array in memory, which Keras shuffles."""
    keras = load_keras()
    pixels = np.load(random_pixels(directory, images, size), mmap_mode="r")
    rows, truth = np.arange(images), np.random.default_rng(0).integers(0, 2, (images, 1)).astype(np.float32)
    stock, network = build("small", size, 1), fuse_batch_normalisation(build("small", size, 1))
    for one in (stock, network):
        one.compile(keras.optimizers.AdamW(1e-3), loss=weighted_loss(np.ones((2, 1), np.float32), 0.0))
    held = np.array(pixels)[..., None]
    bare, full = (training_batches(pixels, rows, truth, batch, one, seed=0) for one in (NONE, Augmentation()))
    works: dict[str, Any] = {
        "bare": lambda: network.fit(bare, verbose=0, shuffle=False),
        "memory": lambda: stock.fit(held, truth, batch_size=batch, verbose=0),
        "full": lambda: network.fit(full, verbose=0, shuffle=False),
    }
    if PARTS:
        works["the same network from memory"] = lambda: network.fit(held, truth, batch_size=batch, verbose=0)
        works["its steps alone"] = lambda: steps(network, held, truth, batch)
        works["Keras' steps alone"] = lambda: steps(stock, held, truth, batch)
        for name, taken in in_turns(works, clock=core_seconds).items():
            print(f"| {name} | {statistics.median(taken) * 1000 * batch / images:.0f} ms of CPU per step |", flush=True)
        return
    # TensorFlow's two threads now and then share a core for an epoch, which then takes twice as long.
    times = in_turns(works, pairs=15)
    what = f"an epoch of `small`, {images:,} images of {size}²"
    row(what, times["bare"], times["memory"], rate(images), "an array in memory")
    row(f"{what}, fully augmented", times["full"], times["memory"], rate(images), "an array in memory, not augmented")


def steps(network: Any, pixels: np.ndarray, truth: np.ndarray, batch: int) -> None:
    """Train on each batch once, without `fit`."""
    for start in range(0, len(pixels), batch):
        network.train_on_batch(pixels[start : start + batch], truth[start : start + batch])


def main() -> None:
    """Print the rows."""
    with work_directory() as directory:
        if PARTS:
            return train(directory)
        pixels = np.load(random_pixels(directory, IMAGES, SIZE), mmap_mode="r")
        gather(pixels)
        augment(pixels)
        train(directory)
    return None


if __name__ == "__main__":
    main()
