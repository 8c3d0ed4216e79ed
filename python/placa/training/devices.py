"""All devices at once: the GPUs of this machine, and those of every process that trains the same network.

Each device holds the whole network and learns from its part of a batch; batch normalisation and gradients are those of
the whole batch, so that the number of devices changes a training by no more than rounding does.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import load_keras
from placa.records.reading import Reading
from placa.training.batches import ALONE, Share
from placa.training.errors import ProcessesNotConnectedError


class Devices:
    """The devices that a network learns on.

    Of those of a process as many are used as can share its part of a batch evenly; Keras on torch uses one.

    Args:
        batch_size: Images a batch, of all processes together.
        share: Which part of each batch this process makes.

    Raises:
        PlacaError: The processes cannot share a batch evenly, or this one is not connected to the others.
    """

    def __init__(self, batch_size: int, share: Share = ALONE) -> None:
        self._share = share
        part = share.of(batch_size)
        there = _by_process(share)
        least = min(len(names) for names in there)
        each = next(number for number in range(least, 0, -1) if (part.stop - part.start) % number == 0)
        self.idle = least - each
        self._names = [name for names in there for name in names[:each]]
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
        """How many they are, in all processes."""
        return len(self._names)

    @property
    def several(self) -> bool:
        """Whether the network that learns lies on several, and so cannot be asked by one process alone."""
        return self.count > 1

    def __str__(self) -> str:
        idle = f"; {self.idle} idle, as the batch does not divide evenly" if self.idle else ""
        return f"{self.count} {'devices' if self.several else 'device'}{idle}"

    def together(self) -> AbstractContextManager[None]:
        """What is built and compiled within this block lies on all devices."""
        return self.learning() if self._strategy is None else _inside(self._strategy)

    def learning(self) -> AbstractContextManager[None]:
        """What was built so is fitted within this block."""
        # A network on TensorFlow knows by itself where it lies.
        return self._within(self._distribution)

    def apart(self) -> AbstractContextManager[None]:
        """What is done within this block, a callback of a fit say, is done by this process on one device."""
        return self._within(None)

    def answers(
        self, ask: Callable[[NDArray[np.int64]], NDArray[np.float64]], rows: NDArray[np.int64], reading: Reading
    ) -> NDArray[np.float64]:
        """Let each process answer for its part of some rows, and tell all of them the answers to all.

        Then all judge by the very same numbers, and none goes on learning where another stops.

        Args:
            ask: Answers for rows: shape ``(files, findings)``.
            rows: Of the pixel cache, the same for all processes; those of one file in a row.
            reading: How many rows are one file.
        """
        if self._share.processes == 1:
            return ask(rows)
        squares = reading.squares
        files = len(rows) // squares
        part = -(-files // self._share.processes)
        first = self._share.process * part
        said = ask(rows[first * squares : (first + part) * squares])
        filled = np.zeros((part, said.shape[1]))
        filled[: len(said)] = said
        # JAX would round to 32 bits what it takes for numbers.
        gathered = importlib.import_module("jax.experimental.multihost_utils").process_allgather(filled.view(np.uint32))
        return np.ascontiguousarray(gathered).view(np.float64).reshape(-1, said.shape[1])[:files]

    def share_statistics(self, network: Any) -> Any:
        """Let batch normalisation see the whole batch, which JAX's own way to spread it does anyway."""
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


@contextmanager
def _inside(strategy: Any) -> Iterator[None]:
    with strategy.scope():
        yield


def _by_process(share: Share) -> list[list[str]]:
    """The names of the devices of each process."""
    keras = load_keras()
    backend = keras.backend.backend()
    if backend == "torch":
        return [["one"]]
    if share.processes == 1:
        return [keras.distribution.list_devices()]
    # Keras tells the devices of all processes, but not whose each one is.
    found = importlib.import_module("jax").devices() if backend == "jax" else []
    counted = Counter(device.process_index for device in found)
    if len(counted) != share.processes:
        raise ProcessesNotConnectedError(
            f"{share.processes} processes must train together, and JAX connects {len(counted)}. Start them with "
            "placa train --processes and KERAS_BACKEND=jax.",
            processes=share.processes,
            connected=len(counted),
        )
    return [
        [f"{device.platform}:{device.id}" for device in found if device.process_index == process]
        for process in range(share.processes)
    ]
