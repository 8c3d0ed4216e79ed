"""Train on several devices: the GPUs of this machine, and those of all processes that train the same network.

Each device holds the complete network and processes its part of a batch. Batch normalisation and gradients are those
of the complete batch, so that the number of devices changes the result by rounding errors only.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import device_names, load_keras
from placa.records.reading import Reading
from placa.training.batches import ALONE, Share
from placa.training.errors import ProcessesNotConnectedError


class Devices:
    """The devices on which a network is trained.

    Each process uses as many devices as divide its part of a batch evenly. Keras on torch uses one device.

    Args:
        batch_size: Images per batch, over all processes.
        share: The part of each batch for this process.

    Raises:
        BatchSizeError: The processes cannot share a batch evenly.
        ProcessesNotConnectedError: This process is not connected to the others.
    """

    def __init__(self, batch_size: int, share: Share = ALONE) -> None:
        self._share = share
        part = share.of(batch_size)
        by_process = _by_process(share)
        available = min(len(names) for names in by_process)
        each = next(number for number in range(available, 0, -1) if (part.stop - part.start) % number == 0)
        self.idle = available - each
        self._names = [name for names in by_process for name in names[:each]]
        self._strategy: Any = None
        self._distribution: Any = None
        if self.count == 1:
            return
        if load_keras().backend.backend() == "jax":
            self._distribution = load_keras().distribution.DataParallel(devices=self._names, auto_shard_dataset=False)
        else:
            # keras.distribution is for JAX alone; a strategy is how Keras uses several devices on TensorFlow.
            self._strategy = importlib.import_module("tensorflow").distribute.MirroredStrategy(self._names)

    @property
    def count(self) -> int:
        """Number of devices, over all processes."""
        return len(self._names)

    @property
    def several(self) -> bool:
        """Whether the network is on several devices, so that one process alone cannot run it."""
        return self.count > 1

    def __str__(self) -> str:
        idle = f"; {self.idle} idle, as the batch does not divide evenly" if self.idle else ""
        return f"{self.count} {'devices' if self.several else 'device'}{idle}"

    def build_scope(self) -> AbstractContextManager[Any]:
        """Return a context in which networks are built and compiled on all devices."""
        return self.fit_scope() if self._strategy is None else self._strategy.scope()

    def fit_scope(self) -> AbstractContextManager[None]:
        """Return a context for ``fit`` of a network from `build_scope`."""
        # On TensorFlow a network stores its strategy itself.
        return self._within(self._distribution)

    def local_scope(self) -> AbstractContextManager[None]:
        """Return a context in which this process computes on one device, for example in a callback."""
        return self._within(None)

    def gather_outputs(
        self, compute: Callable[[NDArray[np.int64]], NDArray[np.float64]], rows: NDArray[np.int64], reading: Reading
    ) -> NDArray[np.float64]:
        """Compute outputs for rows, divided among the processes, and return all of them in every process.

        All processes then have identical validation results, and stop at the same epoch.

        Args:
            compute: Function from rows to outputs, shape ``(files, findings)``.
            rows: Rows of the pixel cache, the same in all processes; the rows of a file are consecutive.
            reading: Number of rows per file.

        Returns:
            The outputs of all rows, shape ``(files, findings)``.
        """
        if self._share.processes == 1:
            return compute(rows)
        squares = reading.squares
        files = len(rows) // squares
        part = -(-files // self._share.processes)
        first = self._share.process * part
        outputs = compute(rows[first * squares : (first + part) * squares])
        filled = np.zeros((part, outputs.shape[1]))
        filled[: len(outputs)] = outputs
        # Sent as integers, as JAX rounds floats to 32 bits.
        gathered = importlib.import_module("jax.experimental.multihost_utils").process_allgather(filled.view(np.uint32))
        return np.ascontiguousarray(gathered).view(np.float64).reshape(-1, outputs.shape[1])[:files]

    def share_statistics(self, network: Any) -> Any:
        """Synchronise batch normalisation over the complete batch on TensorFlow; JAX does so by itself."""
        if self._strategy is not None:
            for layer in network._flatten_layers():
                if isinstance(layer, load_keras().layers.BatchNormalization):
                    layer.synchronized = True
        return network

    def _within(self, distribution: Any) -> AbstractContextManager[None]:
        return _distributed(distribution) if self._distribution is not None else nullcontext()


@contextmanager
def _distributed(distribution: Any) -> Iterator[None]:
    keras = load_keras()
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(distribution)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def _by_process(share: Share) -> list[list[str]]:
    """Return the device names of each process."""
    keras = load_keras()
    backend = keras.backend.backend()
    if backend == "torch":
        return [["one"]]
    if share.processes == 1:
        return [device_names()]
    # Keras lists the devices of all processes, but not the process of each device.
    found = importlib.import_module("jax").devices() if backend == "jax" else []
    counted = Counter(device.process_index for device in found)
    if len(counted) != share.processes:
        raise ProcessesNotConnectedError(
            f"{share.processes} processes must train together, but JAX connects {len(counted)}. Start them with "
            "placa train --processes and KERAS_BACKEND=jax.",
            processes=share.processes,
            connected=len(counted),
        )
    return [
        [f"{device.platform}:{device.id}" for device in found if device.process_index == process]
        for process in range(share.processes)
    ]
