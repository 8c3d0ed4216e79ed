"""What the processes of a team tell each other while they train: where training begins, and that all ended alike."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placa.training.batches import Share
from placa.training.errors import StateNotSharedError, WeightsDifferError

#: Said instead of a state where the run is whole, and nothing is left to do.
_WHOLE = hashlib.sha256(b"whole").digest()


def say_where_it_begins(share: Share, state: Path, whole: bool) -> None:
    """Tell the others, from process 0, that the state on disk is the one to begin from, or that there is nothing to do.

    Args:
        share: Which process this is.
        state: The directory in which states are kept, as all processes are to find it.
        whole: Whether the run is whole already.
    """
    if share.processes > 1:
        _all_say(_WHOLE if whole else _digest_of_files(state))


def hear_where_it_begins(share: Share, state: Path) -> bool:
    """Wait until process 0 has said that, and look whether this process sees the same.

    Args:
        share: Which process this is.
        state: The directory in which states are kept.

    Returns:
        Whether there is anything to do.

    Raises:
        PlacaError: It does not see the state that process 0 sees.
    """
    said = _all_say(bytes(32))[0]
    if said == _WHOLE:
        return False
    if said != _digest_of_files(state):
        raise StateNotSharedError(
            f"Process {share.process} and process 0 find different training states in {state}. Put --out on a disk "
            "that all processes share.",
            process=share.process,
            state=str(state),
        )
    return True


def require_alike(share: Share, arrays: Iterable[NDArray[np.generic]]) -> None:
    """Make sure that all processes hold the same numbers, to the bit.

    Raises:
        PlacaError: They do not.
    """
    if share.processes == 1:
        return
    digest = hashlib.sha256()
    for one in arrays:
        digest.update(np.ascontiguousarray(one).tobytes())
    said = _all_say(digest.digest())
    other = [process for process, one in enumerate(said) if one != said[0]]
    if other:
        raise WeightsDifferError(
            f"The final weights of process {', '.join(map(str, other))} differ from those of process 0. Train again; "
            "if the error persists, report it.",
            processes=other,
        )


def _all_say(words: bytes) -> list[bytes]:
    """Exchange 32 bytes; returns those of all processes, in order."""
    # Keras has no call by which processes exchange anything.
    utilities = importlib.import_module("jax.experimental.multihost_utils")
    gathered = np.asarray(utilities.process_allgather(np.frombuffer(words, dtype=np.uint8)))
    return [row.tobytes() for row in gathered]


def _digest_of_files(state: Path) -> bytes:
    digest = hashlib.sha256()
    for path in sorted(state.rglob("*.npz")):
        digest.update(str(path.relative_to(state)).encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.digest()
