"""Random batches from the pixel cache to the network's input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.backend import load_keras
from placa.train.augment import Augmentation


def training_batches(
    pixels: NDArray[np.uint8],
    rows: NDArray[np.int64],
    truth: NDArray[np.float32],
    batch_size: int,
    augmentation: Augmentation,
    seed: int,
) -> Any:
    """Make a `keras.utils.PyDataset` of augmented batches in a new random order each epoch.

    Pixels stay 8-bit up to the network, which rescales them itself: a quarter of the bytes to move. Order and
    augmentation depend on the seed, the epoch and the batch alone, not on what ran before.

    Args:
        pixels: The cache, ``(n, size, size)``.
        rows: Which of its rows to train on.
        truth: For each of `rows` the findings: 0, 1, or NaN where unknown; shape ``(rows, findings)``.
        batch_size: Images a batch.
        augmentation: How far to change them.
        seed: Seed of order and augmentation.

    Returns:
        Batches of uint8 pixels ``(b, size, size, 1)`` and float32 truth ``(b, findings)``. All batches have one
        size: a short last one would have poor batch statistics, so it is left out (other images each epoch), and fewer
        images than one batch are repeated.
    """
    keras = load_keras()

    class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.epoch = 0
            self._order = self._shuffled()

        def _shuffled(self) -> NDArray[np.int64]:
            return np.random.default_rng([seed, self.epoch]).permutation(len(rows))

        def __len__(self) -> int:
            return max(1, len(rows) // batch_size)

        def __getitem__(self, batch: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
            places = np.arange(batch * batch_size, (batch + 1) * batch_size) % len(rows)
            chosen = self._order[places]
            random = np.random.default_rng([seed, self.epoch, batch])
            images = augmentation.apply(pixels[rows[chosen]], random)
            return images[..., None], truth[chosen]

        def on_epoch_end(self) -> None:
            self.epoch += 1
            self._order = self._shuffled()

    return TrainingBatches()
