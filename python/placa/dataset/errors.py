"""Errors of preparing a data set."""

from __future__ import annotations

from collections.abc import Sequence

from placa.core.errors import InputError, MachineError


class FileDiffersOnWorkerError(MachineError):
    """A cluster's worker sees another file under a path, or none.

    Values: ``path``, ``size``, ``expected`` (both in bytes, None where the file is missing), ``worker``.
    """


class MissingPixelsError(InputError):
    """A prepared data set has no pixels of a size. Values: ``path``, ``sizes`` (those it has, in pixels)."""


class RowCountMismatchError(InputError):
    """A manifest and its pixels have different numbers of rows. Values: ``rows``, ``pixels``."""


class SplitSharesError(InputError):
    """A share of a split is not above 0, or they do not add up. Values: ``fractions`` (train, validation, test)."""


class EmptyTestSetError(InputError):
    """A list of test images matches no image. Values: ``file``, ``images`` (in the data set)."""


class NoTrainingImagesError(InputError):
    """A list of test images matches every image. Values: ``file``, ``images`` (in the data set)."""


class EmptySplitError(InputError):
    """A split has no image. Values: ``splits`` (the empty ones), ``unit`` (``"patient"`` or ``"group"``), ``units``."""


class SplitClassError(InputError):
    """All images of a split have the same label. Values: ``split``, ``finding``, ``missing`` (1 or 0), ``images``."""


class UnknownSplitError(InputError):
    """A row has no split, or an unknown one. Values: ``split``, ``known``."""


class PatientInTwoSplitsError(InputError):
    """A patient, group or image is in more than one split.

    Values: ``unit`` (``"patient"``, ``"group"`` or ``"image"``), ``name``, ``splits``, ``count`` (of such units).
    """


class TooFewDatesError(InputError):
    """Images cannot be split by date, because they have too few dates. Values: ``dates``, ``least``."""


class NoEmbeddingsError(InputError):
    """No row of embeddings belongs to an image of a data set.

    Values: ``files``, ``rows``, ``images``, ``example`` (an id of the files), ``expected`` (an id of the data set).
    """


class EmbeddingColumnError(InputError):
    """A file of embeddings lacks a column or has one of another type.

    Values: ``file``, ``column``, ``type`` (None if it is missing), ``columns``.
    """


class EmbeddingLengthError(InputError):
    """Embeddings have different lengths. Values: ``file``, ``length``, ``expected``, ``image_id`` (None: of a file)."""


class DuplicateEmbeddingError(InputError):
    """An image has several embeddings. Values: ``file``, ``image_id``."""


class InvalidEmbeddingError(InputError):
    """An embedding has a missing or infinite number. Values: ``file``, ``image_id``, ``rows`` (of such embeddings)."""


class VolumeEmbeddingsError(InputError):
    """A data set of CT volumes is joined with embeddings. Values: ``prepared``, ``squares``."""


def in_two_splits(unit: str, names: Sequence[str], splits: Sequence[str], remedy: str) -> PatientInTwoSplitsError:
    """Return the error for units that are in more than one split.

    Args:
        unit: ``patient``, ``group`` or ``image``.
        names: The units.
        splits: The splits of the first one.
        remedy: What to do.
    """
    count = f"{len(names)} such {unit}{'s' if len(names) > 1 else ''}"
    return PatientInTwoSplitsError(
        f"Each {unit} must be in one split, but {names[0]!r} is in {' and '.join(splits)} ({count}). Results would be "
        f"too optimistic. {remedy}",
        unit=unit,
        name=str(names[0]),
        splits=list(splits),
        count=len(names),
    )
