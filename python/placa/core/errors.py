"""The base classes of placa's errors, and the errors of the core package."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import Any


class PlacaError(Exception):
    """Base class of every error that a user of placa can meet.

    The message states the problem, what was received, and the remedy. The command line prints it on stderr without a
    traceback, and exits with `exit_code`. A subclass names the kind of problem; only subclasses are raised.

    Args:
        message: The text for the user: problem, received value, remedy. Its wording may change.
        values: The facts in the message, by name, for programs and tests.

    Attributes:
        values: The facts in the message, by name.
        exit_code: 2 for invalid input, 1 for a fault of the machine or a failed check.
    """

    exit_code = 2

    def __init__(self, message: str, **values: Any) -> None:
        super().__init__(message)
        self.values = values


class InputError(PlacaError):
    """Invalid input: a path, a name, a table, a file or an option."""


class MachineError(PlacaError):
    """Something on the machine or the network is missing or failed: R, a package, the disk, a process, a server."""

    exit_code = 1


class UnknownNameError(InputError):
    """A name is unknown. Values: ``kind``, ``name``, ``known`` (the most similar first)."""


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


class ProvenanceOptionError(InputError):
    """A value of ``--provenance`` is not ``KEY=VALUE``. Values: ``value``."""


class ThresholdOptionError(InputError):
    """A value of ``--thresholds`` is neither a number, ``FINDING=NUMBER`` nor a run. Values: ``value``."""


class DamagedFileError(InputError):
    """A file cannot be parsed. Values: ``path``, ``reason``."""


class FileTooLargeError(InputError):
    """A file has more values or bytes than `placa.core.limits` allows."""


class DiskFullError(MachineError):
    """A disk or quota is full. Values: ``path``."""


class FileAccessError(MachineError):
    """The operating system failed to read or write a path. Values: ``path``, ``reason``."""


class KerasSettingError(InputError):
    """Keras has a setting that placa's networks cannot use. Values: ``setting``, ``value``."""


class ForkedProcessError(InputError):
    """Keras cannot run in a process that was forked from one that used it. Values: ``parent`` (its number)."""


class MachineFaultError(MachineError):
    """The machine failed to read a file several times. Values: ``path``, ``reason``, ``errno``."""


class ProcessKilledError(MachineError):
    """A process of placa was killed. Values: ``program``, ``signal`` (its name, such as ``SIGKILL``)."""


class LowMemoryError(MachineError):
    """The memory of the machine ran out. Values: ``reason``."""


class MissingPackageError(MachineError):
    """A Python package cannot be imported. Values: ``package``, ``reason``."""


class MissingPartsError(MachineError):
    """Programs or packages that are needed are missing. Values: ``names``."""


class SchedulerAddressError(InputError):
    """The address of a Dask scheduler has no port. Values: ``address``."""


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


def require_range(name: str, value: float, lower: float, upper: float | None = None) -> None:
    """Require that a number is in a range.

    Args:
        name: Name of the option.
        value: The number.
        lower: The smallest value.
        upper: The largest value; None without one.

    Raises:
        OutOfRangeError: It is smaller or larger.
    """
    if not (lower <= value and (upper is None or value <= upper)):
        limits = f"≥ {lower:,}" if upper is None else f"from {lower:,} to {upper:,}"
        message = f"`{name}` must be {limits}, got {value:,}. Pass another value."
        raise OutOfRangeError(message, name=name, value=value, lower=lower, upper=upper)


def require_known(kind: str, given: str, known: Collection[str]) -> None:
    """Check that a name is known.

    Args:
        kind: What the name denotes, in the singular: ``"finding"``, ``"class folder"``.
        given: The name.
        known: All valid names.

    Raises:
        UnknownNameError: The name is not known.
    """
    if given not in known:
        raise unknown_name(kind, given, known)


#: Names that a message lists; a table can have thousands of columns.
_SHOWN = 30


def unknown_name(kind: str, given: str, known: Iterable[str]) -> UnknownNameError:
    """Return the error for an unknown name; its message lists the known names, the most similar first.

    Args:
        kind: What the name denotes, in the singular: ``"finding"``, ``"class folder"``.
        given: The unknown name.
        known: All valid names.
    """
    names = list(known)
    by_lower = {name.lower(): name for name in names}
    near = [by_lower[m] for m in difflib.get_close_matches(given.lower(), by_lower, n=max(len(names), 1), cutoff=0.0)]
    near += [name for name in names if name not in near]
    shown = ", ".join(near[:_SHOWN]) + (", …" if len(near) > _SHOWN else "")
    message = f"Unknown {kind} {given!r}. Use one of: {shown}."
    return UnknownNameError(message, kind=kind, name=given, known=near)
