"""Save and load the state of a training, so that it resumes with identical results."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.files import ZIP_ERRORS, atomic_file, explain_os_error
from placa.core.json_files import parse_json
from placa.training.errors import DamagedStateError

_FILE = "state.npz"
#: Writing takes at most this fraction of the time: one part in 50.
_FACTOR = 50

#: Lists of arrays by name.
Arrays = dict[str, list[NDArray[Any]]]


class Checkpoint:
    """The saved training state of one network: numbers and arrays in one file, written atomically.

    The file is a NumPy ``.npz`` without pickled objects. Its checksums reveal damage.

    Args:
        directory: Directory of the file; created with the first state.
        every: Minimum seconds between two states within a phase; more if writing would take more than 2 % of the time.
            0 saves at every step.
        writes: Whether this process writes. Of several processes one writes, and all read.
    """

    def __init__(self, directory: Path, every: float = 20.0, writes: bool = True) -> None:
        self.directory = directory
        self.every = every
        self.writes = writes
        self._last = time.monotonic()
        self._interval = every

    def part(self, name: str) -> Checkpoint:
        """Return the checkpoint of one of several networks, such as one fold."""
        return Checkpoint(self.directory / name, self.every, self.writes)

    def due(self) -> bool:
        """Return whether enough time has passed since the last state."""
        return self.writes and time.monotonic() - self._last >= self._interval

    def save(self, facts: dict[str, Any], arrays: Arrays) -> None:
        """Replace the last state.

        Args:
            facts: Numbers and lists of numbers, stored as JSON.
            arrays: Arrays.

        Raises:
            PlacaError: The file cannot be written, or the disk is full. The last state remains.
        """
        if not self.writes:
            return
        started = time.monotonic()
        named = {f"{name}/{i}": one for name, several in arrays.items() for i, one in enumerate(several)}
        content = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
        with atomic_file(self.directory / _FILE) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, facts=content, **named)
        self._last = time.monotonic()
        self._interval = max(self.every, _FACTOR * (self._last - started)) if self.every else 0.0

    def load(self) -> tuple[dict[str, Any], Arrays] | None:
        """Read the last state.

        Returns:
            ``facts`` and ``arrays`` as saved, or None if there is no state.

        Raises:
            DamagedStateError: The file is damaged.
            PlacaError: The file cannot be read.
        """
        path = self.directory / _FILE
        try:
            with np.load(path, allow_pickle=False) as stored:
                facts: dict[str, Any] = parse_json(stored["facts"].tobytes())
                arrays: Arrays = {}
                for name in stored.files:
                    if "/" in name:
                        arrays.setdefault(name.split("/")[0], []).append(stored[name])
                return facts, arrays
        except FileNotFoundError:
            return None
        except (*ZIP_ERRORS, AttributeError, TypeError) as error:
            raise DamagedStateError(
                f"The saved training state {path} is damaged ({error}). Start again with --overwrite.",
                file=str(path),
                reason=str(error),
            ) from error
        except OSError as error:
            raise explain_os_error(error, path) from error

    def exists(self) -> bool:
        """Return whether a state was saved, here or in a part."""
        return any(self.directory.rglob(_FILE))
