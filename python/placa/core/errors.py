"""What placa says when it cannot go on, and who can mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class PlacaError(Exception):
    """The base of every error that a user of placa can meet.

    The message states the problem, what was received, and the remedy. The command line prints it on stderr without a
    traceback, and exits with `exit_code`. A subclass names the kind of problem; only subclasses are raised.

    Args:
        message: What is shown.
        values: The facts in the message, by name: what programs and tests look at. The wording may change.

    Attributes:
        values: As given.
        exit_code: 2 for a fault in what the user gave, 1 for a fault of the machine or a failed check.
    """

    exit_code = 2

    def __init__(self, message: str, **values: Any) -> None:
        super().__init__(message)
        self.values = values


class InputError(PlacaError):
    """What the user gave cannot be used: a path, a name, a table, a file, an option."""


class MachineError(PlacaError):
    """Something on this machine or on the network is missing or failed: R, a package, the disk, a process, a server."""

    exit_code = 1


class UnknownNameError(InputError):
    """A name is not among the known ones. Values: ``kind``, ``name``, ``known`` (the nearest first)."""


class OutOfRangeError(InputError):
    """A number is outside its range. Values: ``name``, ``value``, ``lower``, ``upper`` (None without a limit)."""


class PathNotFoundError(InputError):
    """A file or directory does not exist. Values: ``path``."""


class WrongFileTypeError(InputError):
    """A path is a file where a directory is needed, or the reverse. Values: ``path``."""


class PermissionDeniedError(InputError):
    """The user may not read or write a path. Values: ``path``."""


class NotWritableError(InputError):
    """No file can be created in a directory. Values: ``path``, ``directory`` (the nearest one that exists)."""


class OutputExistsError(InputError):
    """The output exists and may not be replaced. Values: ``path``."""


class ForeignDirectoryError(InputError):
    """The output is a directory that placa did not write. Values: ``path``."""


class InUseError(InputError):
    """Another process holds a lock on a path. Values: ``path``."""


class DamagedFileError(InputError):
    """A file cannot be parsed. Values: ``path``, ``reason``."""


class DiskFullError(MachineError):
    """A disk or quota is full. Values: ``path``."""


class FileAccessError(MachineError):
    """The operating system failed to read or write a path. Values: ``path``, ``reason``."""


class MissingPackageError(MachineError):
    """A Python package cannot be imported. Values: ``package``, ``reason``."""


class SchedulerNotFoundError(MachineError):
    """No Dask scheduler replies at an address. Values: ``address``, ``reason``."""


class ClusterLostError(MachineError):
    """The scheduler or the last worker disappeared; the same work can be resumed. Values: ``address``, ``reason``."""


class WorkerMismatchError(MachineError):
    """A Dask worker has other packages than this process.

    Values: ``worker``, ``package``, ``version``, ``expected`` (a version, None where the package is missing).
    """


class WorkerDiedError(MachineError):
    """Several Dask workers died of the same items. Values: ``address``, ``reason``."""


def unknown_name(kind: str, given: str, known: Iterable[str]) -> UnknownNameError:
    """Make the error for a name that is not among the known ones, the nearest of them first.

    Args:
        kind: What the name is of, in the singular: ``"finding"``, ``"class folder"``.
        given: The name that was typed.
        known: Every name that would have worked.
    """
    names = list(known)
    by_lower = {name.lower(): name for name in names}
    near = [by_lower[m] for m in difflib.get_close_matches(given.lower(), by_lower, n=max(len(names), 1), cutoff=0.0)]
    near += [name for name in names if name not in near]
    message = f"There is no {kind} {given!r}; there are, the nearest first: {', '.join(near)}."
    return UnknownNameError(message, kind=kind, name=given, known=near)
