"""Errors of the records that stages exchange."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from placa.core.errors import InputError


class MissingColumnError(InputError):
    """A table lacks a column. Values: ``column``, ``file`` (None for a table in memory), ``columns``."""


class ReservedNameError(InputError):
    """A finding has the name of a column that every manifest has. Values: ``name``."""


class DuplicateImageError(InputError):
    """Two rows of a manifest have the same image ID. Values: ``image_id``."""


class InvalidValueError(InputError):
    """A column has a value outside its range. Values: ``file``, ``column``, ``value``, ``rows`` (of such values)."""


class NotPreparedError(InputError):
    """A directory is not a prepared data set. Values: ``path``."""


class InvalidRecordError(InputError):
    """A record has not the form of its schema. Values: ``path``, ``problem`` (with the place, such as ``$.data``)."""


class SchemaVersionError(InputError):
    """A record has another schema version than this version of placa. Values: ``path``, ``version``, ``expected``."""


class UnknownReadingError(InputError):
    """A stored rule for reading files is unknown to this version. Values: ``rule``, ``squares``, ``options``."""


class VolumeRowsError(InputError):
    """A manifest has no block of consecutive rows per volume. Values: ``squares`` (rows per volume), ``rows``."""


class NotARunError(InputError):
    """A directory is not a run. Values: ``path``, ``runs`` (the runs beside it)."""


class IncompleteRunError(InputError):
    """A run lacks a file. Values: ``path``, ``missing``."""


class FingerprintMismatchError(InputError):
    """A file of a run does not belong to its model. Values: ``path``, ``expected``, ``received``."""


class TableEndingError(InputError):
    """The name of a table has no ending that placa writes. Values: ``path``, ``endings``."""


class MissingProvenanceError(InputError):
    """A file of embeddings does not state how they were made. Values: ``file``, ``missing`` (keys)."""


class InvalidProvenanceError(InputError):
    """A statement on how embeddings were made is invalid. Values: ``name``, ``value``, ``file``."""


class ProvenanceMismatchError(InputError):
    """Embeddings were made in another way than those with which they are joined.

    Values: ``file``, ``other`` (a file, a run or ``--provenance``), ``differ`` (``[other, file]`` by key).
    """


def require_columns(present: Iterable[Any], needed: Iterable[str], file: str | None, remedy: str) -> None:
    """Check that a table has some columns.

    Args:
        present: The columns of the table.
        needed: The columns that it must have.
        file: The name of the table; None for a table in memory.
        remedy: What to do if one is missing, as a sentence.

    Raises:
        MissingColumnError: A column is missing.
    """
    columns = [str(name) for name in present]
    for name in needed:
        if name not in columns:
            shown = ", ".join(columns[:12])
            message = f"No column {name!r} in {file or 'the table of images'} (columns: {shown}). {remedy}"
            raise MissingColumnError(message, column=name, file=file, columns=columns)
