"""Errors of the report."""

from __future__ import annotations

from placa.core.errors import InputError, MachineError


class NotEvaluatedError(InputError):
    """A run has no evaluation. Values: ``run``."""


class OutputIsDirectoryError(InputError):
    """The file to write is an existing directory. Values: ``path``."""


class ReportSourceError(InputError):
    """PLACA_REPORTS names a folder without the report's source. Values: ``folder``, ``file``."""


class MissingRendererError(MachineError):
    """No program can render the report.

    Values: ``needed`` (programs, one is enough), ``format``, ``found`` (the version of an old Quarto, or None).
    """


class RenderError(MachineError):
    """The renderer failed. Values: ``renderer``, ``reason``, ``log``."""


class IdentifierLeftError(InputError):
    """A file that would be shared contains an identifier. Values: ``file``, ``identifier``."""


class ReportEndingError(InputError):
    """The file of a report has another ending than its format. Values: ``path``, ``format``."""


class FigureWidthError(InputError):
    """The width of figures is outside the range that is drawn. Values: ``width`` (millimetres)."""
