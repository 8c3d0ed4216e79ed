"""Errors of evaluations, of R and of the connection to it."""

from __future__ import annotations

from collections.abc import Iterable

from placa.core.errors import InputError, MachineError

#: Conditions of the R package that report a missing package or program, or a file that cannot be written.
_MACHINE = frozenset({"placa_error_parquet", "placa_error_processx", "placa_error_python", "placa_error_write"})


class RError(InputError):
    """An R function of placa rejects its input. Values: ``classes`` (of R's condition)."""


class RFailedError(MachineError):
    """R fails for a reason other than its input. Values: ``classes`` (of R's condition, may be empty)."""


class Rpy2Error(MachineError):
    """rpy2 cannot start R in this process. Values: ``reason``."""


class RNotFoundError(MachineError):
    """R is not on PATH. Values: ``needed_by`` (a command of placa, or ``R`` for R itself)."""


class RStartError(MachineError):
    """R does not start. Values: ``command``, ``reason``."""


class MissingRPackageError(MachineError):
    """R packages are not installed. Values: ``packages``."""


class RPackageVersionError(MachineError):
    """R has another version of placa than Python. Values: ``installed``, ``expected``."""


class RInstallError(MachineError):
    """The R package placa cannot be installed. Values: ``library``, ``reason``."""


class MissingSourceError(MachineError):
    """A part of placa's installation is missing. Values: ``part`` (``R`` or ``reports``)."""


class NoUpdateError(InputError):
    """A data set does not support an update of a model. Values: ``run``, ``prepared``."""


class InvalidTextError(InputError):
    """A text contains a NUL or is not valid Unicode, so R cannot hold it. Values: ``text``."""


class PairedColumnsError(InputError):
    """The columns of the truth are neither one nor as many as the estimates. Values: ``truth``, ``estimate``."""


class TruthLevelsError(InputError):
    """The truth has not two levels, or none with a known meaning. Values: ``file``, ``column``, ``levels``."""


class EmptySplitError(InputError):
    """A split has no labelled row with a probability. Values: ``split``, ``known``."""


class NeedsRError(MachineError):
    """R is missing for a part of an evaluation. Values: ``part`` (``folds``, ``readers``, ``prevalence``)."""


class TableOptionError(InputError):
    """An option of tables was passed with a run. Values: ``options``, ``run``."""


def r_error(message: str, classes: Iterable[str]) -> RError | RFailedError:
    """Make the Python error for an error of R.

    Args:
        message: R's message, in one line.
        classes: The classes of R's condition.
    """
    names = list(classes)
    rejected = any(name.startswith("placa_error") for name in names) and not _MACHINE.intersection(names)
    return (RError if rejected else RFailedError)(message, classes=names)
