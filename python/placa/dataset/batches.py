"""Batches of a prepared data set for a training loop of the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.backend import load_keras
from placa.core.errors import MissingPackageError, require_known, require_range
from placa.records.manifest import SPLITS, findings_of


class SplitRows:
    """The squares of a split and their labels.

    Args:
        manifest: The manifest of a prepared data set.
        pixels: Its pixels, ``(n, size, size)``.
        split: ``train``, ``validation`` or ``test``.

    Raises:
        UnknownNameError: No split has that name.
    """

    def __init__(self, manifest: pd.DataFrame, pixels: NDArray[np.uint8], split: str) -> None:
        require_known("split", split, SPLITS)
        self.split, self.size, self.findings = split, pixels.shape[1], findings_of(manifest)
        self._rows = np.flatnonzero(manifest["split"] == split)
        self._pixels = pixels
        self._truth = manifest[self.findings].to_numpy(dtype="float32", na_value=np.nan)

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, places: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return grey levels ``(b, size, size, 1)`` and labels ``(b, findings)`` of some places in the split."""
        rows = self._rows[places]
        return np.asarray(self._pixels[rows])[..., None], self._truth[rows]


def keras_batches(data: SplitRows, batch_size: int, shuffle: bool | None, seed: int) -> Any:
    """Create a `keras.utils.PyDataset` (see `placa.dataset.prepared.Prepared.dataset`)."""
    keras = load_keras()
    require_range("batch_size", batch_size, 1)
    shuffled = data.split == "train" if shuffle is None else shuffle

    class SplitBatches(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.on_epoch_end()

        def __len__(self) -> int:
            return -(-len(data) // batch_size)

        def __getitem__(self, batch: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
            if not 0 <= batch < len(self):
                raise IndexError(batch)
            return data.at(self._order[batch * batch_size : (batch + 1) * batch_size])

        def on_epoch_end(self) -> None:
            self._epoch = getattr(self, "_epoch", -1) + 1
            random = np.random.default_rng([seed, self._epoch])
            self._order = random.permutation(len(data)) if shuffled else np.arange(len(data))

    return SplitBatches()


def tensorflow_batches(data: SplitRows, batch_size: int, shuffle: bool | None, seed: int) -> Any:
    """Create a `tf.data.Dataset` (see `placa.dataset.prepared.Prepared.to_tf`)."""
    tf = _require("tensorflow")
    batches = keras_batches(data, batch_size, shuffle, seed)

    def each_epoch() -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        yield from batches
        batches.on_epoch_end()

    shape, labels = (None, data.size, data.size, 1), (None, len(data.findings))
    kinds = (tf.TensorSpec(shape, tf.uint8), tf.TensorSpec(labels, tf.float32))
    dataset = tf.data.Dataset.from_generator(each_epoch, output_signature=kinds)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(tf.data.AUTOTUNE)


def torch_dataset(data: SplitRows) -> Any:
    """Create a `torch.utils.data.Dataset` (see `placa.dataset.prepared.Prepared.to_torch`)."""
    torch, utilities = _require("torch"), _require("torch.utils.data")

    class SplitDataset(utilities.Dataset):  # type: ignore[misc, name-defined]
        def __len__(self) -> int:
            return len(data)

        def __getitem__(self, place: int) -> tuple[Any, Any]:
            if not -len(data) <= place < len(data):
                raise IndexError(place)
            pixels, truth = data.at(np.array([place]))
            return torch.from_numpy(pixels[0, :, :, 0][None]), torch.from_numpy(truth[0])

    return SplitDataset()


def _require(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise MissingPackageError(
            f"{package} cannot be imported ({error}). Run pip install 'placa[{package}]'.",
            package=package,
            reason=str(error),
        ) from error
