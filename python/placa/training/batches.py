"""Draw random training batches from the pixel cache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import load_keras
from placa.core.system import cores
from placa.models.outputs import as_input
from placa.training.augment import Augmentation
from placa.training.errors import BatchSizeError
from placa.training.mixup import draw_blend
from placa.training.prefetch import Prefetcher

Batch = tuple[NDArray[Any], NDArray[np.float32]]


@dataclass(frozen=True)
class Share:
    """The part of every batch for one of several processes that train one network.

    Attributes:
        process: Number of the process, from 0.
        processes: Number of processes.
    """

    process: int = 0
    processes: int = 1

    def of(self, batch_size: int) -> slice:
        """Return the slice of a batch for this process; all processes have slices of equal length.

        Args:
            batch_size: Images per batch, over all processes.

        Raises:
            BatchSizeError: The batch size is not a multiple of the number of processes.
        """
        if batch_size % self.processes:
            raise BatchSizeError(
                f"--batch-size must be a multiple of {self.processes}, the number of processes, got {batch_size}.",
                batch_size=batch_size,
                processes=self.processes,
            )
        part = batch_size // self.processes
        return slice(self.process * part, (self.process + 1) * part)


ALONE = Share()


def training_batches(
    pixels: NDArray[Any],
    rows: NDArray[np.int64],
    truth: NDArray[np.float32],
    batch_size: int,
    augmentation: Augmentation,
    seed: int,
    mixup: float = 0.0,
    share: Share = ALONE,
    probabilities: NDArray[np.float64] | None = None,
) -> Any:
    """Create a `keras.utils.PyDataset` of augmented batches in a new random order each epoch, with prefetching.

    Pixels stay 8-bit up to the network, which rescales them: a quarter of the bytes to transfer. Order, augmentation
    and mixup depend on the seed, the epoch and the batch only, not on earlier batches or on the number of processes.
    Set `epoch` to resume at an epoch, and `done` to leave out the first batches of an epoch.

    Args:
        pixels: The pixel cache, ``(n, size, size)``; or embeddings, ``(n, length)``, without augmentation and mixup.
        rows: Rows of the cache to train on.
        truth: Labels of `rows`: 0, 1, or NaN where unknown; shape ``(rows, findings)``.
        batch_size: Images per batch, over all processes.
        augmentation: Amounts of augmentation.
        seed: Seed of order, augmentation and mixup.
        mixup: Alpha of the Beta distribution for mixup (Zhang et al. 2018); 0 for none.
        share: The part of each batch for this process.
        probabilities: Probability by which each row is drawn, shape ``(rows,)``, with replacement; None for each row
            once per epoch.

    Returns:
        Batches of uint8 pixels ``(b, size, size, 1)``, or embeddings, and float32 truth ``(b, findings)``, where b is
        the part of this process. All batches have one size: a short last batch would have poor batch statistics, so
        that its images are omitted (other images each epoch). Fewer images than one batch are repeated.

    Raises:
        BatchSizeError: The processes cannot share a batch evenly.
    """
    keras = load_keras()
    mine = share.of(batch_size)
    count = max(1, len(rows) // batch_size)

    # The current epoch, and the next one, whose first batches are prefetched.
    @lru_cache(maxsize=2)
    def order(epoch: int) -> NDArray[np.int64]:
        random = np.random.default_rng([seed, epoch])
        if probabilities is None:
            return random.permutation(len(rows))
        return random.choice(len(rows), len(rows), p=probabilities)

    def make(key: tuple[int, int]) -> Batch:
        epoch, batch = key
        chosen = order(epoch)[np.arange(batch * batch_size, (batch + 1) * batch_size) % len(rows)]
        changes = augmentation.draw(batch_size, np.random.default_rng([seed, epoch, batch]))

        def changed(places: NDArray[np.int64] | slice) -> NDArray[np.uint8]:
            return changes.at(places).apply(pixels[rows[chosen[places]]])

        images = changed(mine)
        if not mixup:
            return as_input(images), truth[chosen[mine]]
        blend = draw_blend(batch_size, mixup, np.random.default_rng([seed, epoch, batch, 1]))
        others = changed(blend.partners[mine])
        return blend.of_pixels(images, others, mine)[..., None], blend.of_truth(truth[chosen], mine)

    def following(key: tuple[int, int]) -> tuple[int, int]:
        epoch, batch = key
        return (epoch, batch + 1) if batch + 1 < count else (epoch + 1, 0)

    prefetcher = Prefetcher(make, following, threads=cores(), ahead=cores() + 1)

    class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.epoch = self.done = 0

        def __len__(self) -> int:
            return count - self.done

        def __getitem__(self, batch: int) -> Batch:
            return prefetcher.get((self.epoch, self.done + batch))

        def on_epoch_end(self) -> None:
            self.epoch += 1

    return TrainingBatches()
