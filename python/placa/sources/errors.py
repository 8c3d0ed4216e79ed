"""The errors of the sources: a directory, a table, a column, a label or an option that cannot be used."""

from __future__ import annotations

from placa.core.errors import InputError


class ImageNamesError(InputError):
    """No image, or more than one, belongs to an id of a table. Values: ``folder``, ``ids`` (the first ones)."""


class MissingDirectoryError(InputError):
    """A directory is missing, or is a file. Values: ``directory``."""


class MissingFileError(InputError):
    """A directory lacks a file of the data set. Values: ``directory``, ``file``, ``found`` (similar files)."""


class TableFormatError(InputError):
    """A file is not a table.

    Values: ``file``, ``format`` (``"archive"``, ``"binary"``, ``"gzip"`` or ``"parquet"``).
    """


class EmptyTableError(InputError):
    """A table has no header. Values: ``file``."""


class TableHeaderError(InputError):
    """The header of a table cannot be parsed. Values: ``file``, ``line``."""


class ViewsUnknownError(InputError):
    """Images are selected by view, and no view is known. Values: ``views`` (those wanted)."""


class DatesUnknownError(InputError):
    """Images cannot be split by date, because the source has no dates. Values: ``source``."""


class AmbiguousDatesError(InputError):
    """The order of day and month in dates is unknown. Values: ``column``, ``value`` (an example)."""


class MissingColumnError(InputError):
    """A table lacks a column. Values: ``file``, ``column``, ``accepted`` (its possible names), ``columns``."""


class RepeatedColumnError(InputError):
    """Two columns of a table have the same name. Values: ``file``, ``column``."""


class EmptyColumnError(InputError):
    """Every cell of the label columns is empty. Values: ``file``, ``columns``."""


class NoUsableRowError(InputError):
    """Every row of a table is rejected. Values: ``file``, ``rows``, ``row`` (the first), ``reason``."""


class NoUsableFileError(InputError):
    """No file under a directory can be used. Values: ``directory``, ``files``, ``rejected``, ``unused``, ``match``."""


class ImagesNotFoundError(InputError):
    """None of the images of a table exists. Values: ``images``, ``searched`` (paths)."""


class EmptyClassFolderError(InputError):
    """A class folder has no image. Values: ``directory``, ``extensions``."""


class DividedPatientError(InputError):
    """The folders of a data set divide patients between splits. Values: ``directory``, ``patient``, ``count``."""


class TooFewClassesError(InputError):
    """A directory has fewer than two class folders. Values: ``directory``, ``classes``."""


class SingleClassError(InputError):
    """All images of a finding have the same label. Values: ``finding``, ``missing`` (``1`` or ``0``)."""


class LabelValuesError(InputError):
    """A label column holds words, and none is named as positive. Values: ``file``, ``column``, ``labels``."""


class LabelSeparatorError(InputError):
    """It is ambiguous whether a text separates findings. Values: ``file``, ``column``, ``value``, ``separator``."""


class PositiveNegativeOverlapError(InputError):
    """A class is positive and negative. Values: ``name``."""


class RepeatedNameError(InputError):
    """An option names the same thing twice. Values: ``option``, ``name``."""


class ReservedNameError(InputError):
    """A finding has the name of a manifest column. Values: ``name``."""


class LossyIdentifierError(InputError):
    """Identifiers were stored as numbers and lost digits. Values: ``file``, ``column``, ``value``."""


class InvalidWindowError(InputError):
    """A window of CT is neither a known name nor a level and a width above 0."""


class MissingOptionError(InputError):
    """An option is needed because of another. Values: ``option``, ``given`` (options or ``None``)."""


class ConflictingOptionsError(InputError):
    """An option does not accept these values together. Values: ``option``, ``names``."""


class ShortKeyError(InputError):
    """A secret key is too short. Values: ``file``, ``bytes``, ``minimum``."""


class UncleanMappingError(InputError):
    """A set has no label with the meaning of a finding. Values: ``kind``, ``finding``, ``similar`` (its labels)."""


class WrongSourceError(InputError):
    """A directory has the files of another data set. Values: ``directory``, ``expected``, ``found`` (sources)."""
