"""Exchange digests between processes: of the state at the start of training, and of the final weights."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placa.core.files import fingerprint
from placa.training.batches import Share
from placa.training.errors import StateNotSharedError, WeightsDifferError

#: Sent instead of the digest of a state if the run is complete.
_COMPLETE = hashlib.sha256(b"whole").digest()


def send_start(share: Share, state: Path, complete: bool) -> None:
    """Send the digest of the initial state from process 0 to the other processes, or that the run is complete.

    Args:
        share: The share of this process.
        state: The directory of saved states, on a disk that all processes share.
        complete: Whether the run is complete.
    """
    if share.processes > 1:
        _all_gather(_COMPLETE if complete else _digest_of_files(state))


def receive_start(share: Share, state: Path) -> bool:
    """Receive the digest of the initial state from process 0, and compare it with the state on disk.

    Args:
        share: The share of this process.
        state: The directory of saved states.

    Returns:
        False if the run is complete, otherwise True.

    Raises:
        StateNotSharedError: The state on disk differs from that of process 0.
    """
    digest = _all_gather(bytes(32))[0]
    if digest == _COMPLETE:
        return False
    if digest != _digest_of_files(state):
        raise StateNotSharedError(
            f"Process {share.process} and process 0 find different training states in {state}. Put --out on a disk "
            "that all processes share.",
            process=share.process,
            state=str(state),
        )
    return True


def require_equal_weights(share: Share, arrays: Iterable[NDArray[np.generic]]) -> None:
    """Check that all processes have the same weights, bit by bit.

    Args:
        share: The share of this process.
        arrays: The weights of this process.

    Raises:
        WeightsDifferError: The weights differ.
    """
    if share.processes == 1:
        return
    digest = hashlib.sha256()
    for one in arrays:
        digest.update(np.ascontiguousarray(one).tobytes())
    gathered = _all_gather(digest.digest())
    different = [process for process, one in enumerate(gathered) if one != gathered[0]]
    if different:
        raise WeightsDifferError(
            f"The final weights of process {', '.join(map(str, different))} differ from those of process 0. Train "
            "again. If the error persists, report it.",
            processes=different,
        )


def _all_gather(content: bytes) -> list[bytes]:
    """Exchange 32 bytes, and return those of all processes in order."""
    # Keras has no function for communication between processes.
    utilities = importlib.import_module("jax.experimental.multihost_utils")
    gathered = np.asarray(utilities.process_allgather(np.frombuffer(content, dtype=np.uint8)))
    return [row.tobytes() for row in gathered]


def _digest_of_files(state: Path) -> bytes:
    files = {path.relative_to(state).as_posix(): fingerprint(path) for path in sorted(state.rglob("*.npz"))}
    return hashlib.sha256(json.dumps(files).encode()).digest()
