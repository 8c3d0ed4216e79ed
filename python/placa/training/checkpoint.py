"""Where a training is, on disk: enough to go on after it was killed as if it had not been."""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.files import explain_os_error, whole_file
from placa.training.errors import DamagedStateError

_FILE = "state.npz"
#: At most one part in so many of the time goes into writing.
_SPARING = 50

#: Named lists of arrays.
Arrays = dict[str, list[NDArray[Any]]]


class Checkpoint:
    """The state of one network that learns: numbers and arrays in one file, which is whole or not there.

    The file is NumPy's ``.npz`` without pickled objects, and its checksums tell a damaged one.

    Args:
        directory: Where it is kept; made when the first state is saved.
        every: Seconds from one state to the next in the midst of a phase, at least; longer where writing takes so long
            that it would cost more than a fiftieth of the time. 0 for every step.
        writes: Whether this process writes; of several that train one network, one does, and all read.
    """

    def __init__(self, directory: Path, every: float = 20.0, writes: bool = True) -> None:
        self.directory = directory
        self.every = every
        self.writes = writes
        self._last = time.monotonic()
        self._pause = every

    def part(self, name: str) -> Checkpoint:
        """The checkpoint of one network of several, such as those of folds."""
        return Checkpoint(self.directory / name, self.every, self.writes)

    def due(self) -> bool:
        """Whether the last state is long enough ago for another."""
        return self.writes and time.monotonic() - self._last >= self._pause

    def save(self, facts: dict[str, Any], arrays: Arrays) -> None:
        """Save a state in place of the last one.

        Args:
            facts: Numbers and lists of them that JSON can hold.
            arrays: Everything else.

        Raises:
            PlacaError: It cannot be written, or the disk is full; the last state stays.
        """
        if not self.writes:
            return
        began = time.monotonic()
        named = {f"{name}/{i}": one for name, several in arrays.items() for i, one in enumerate(several)}
        words = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
        with whole_file(self.directory / _FILE) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, facts=words, **named)
        self._last = time.monotonic()
        self._pause = max(self.every, _SPARING * (self._last - began)) if self.every else 0.0

    def load(self) -> tuple[dict[str, Any], Arrays] | None:
        """Read the last state, or None where none was saved.

        Raises:
            PlacaError: It cannot be read, or is damaged.
        """
        path = self.directory / _FILE
        try:
            with np.load(path, allow_pickle=False) as stored:
                facts: dict[str, Any] = json.loads(stored["facts"].tobytes())
                arrays: Arrays = {}
                for name in stored.files:
                    if "/" in name:
                        arrays.setdefault(name.split("/")[0], []).append(stored[name])
                return facts, arrays
        except FileNotFoundError:
            return None
        except (zipfile.BadZipFile, ValueError, KeyError, EOFError) as error:
            raise DamagedStateError(
                f"The saved training state {path} is damaged ({error}). Start again with --overwrite.",
                file=str(path),
                reason=str(error),
            ) from error
        except OSError as error:
            raise explain_os_error(error, path) from error

    def holds_anything(self) -> bool:
        """Whether a state was saved here or in a part."""
        return any(self.directory.rglob(_FILE))
