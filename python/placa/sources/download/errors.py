"""The errors of a download: its options, its directory, the disk, the server, and the files received."""

from __future__ import annotations

from placa.core.errors import InputError, MachineError


class JobCountError(InputError):
    """The number of simultaneous transfers is out of range. Values: ``jobs``, ``minimum``, ``maximum``."""


class BaseUrlError(InputError):
    """An address is not an HTTP or HTTPS URL. Values: ``url``."""


class PathInUseError(InputError):
    """Another file or folder exists where a download writes. Values: ``path``, ``images``, ``expected`` (counts)."""


class DiskSpaceError(MachineError):
    """The disk has too little free space. Values: ``directory``, ``needed``, ``images``, ``free`` (bytes)."""


class HttpStatusError(MachineError):
    """A server refused a file. Values: ``file``, ``url``, ``status``."""


class RetryLaterError(MachineError):
    """A server asked for a long pause. Values: ``file``, ``seconds``."""


class FileSizeError(MachineError):
    """A server sent a file of another size. Values: ``file``, ``url``, ``expected``, ``received`` (bytes)."""


class ChecksumError(MachineError):
    """A file does not have the expected checksum. Values: ``file``, ``url``."""


class TransferError(MachineError):
    """All attempts to fetch a file failed. Values: ``file``, ``url``, ``attempts``, ``reason``, ``received``."""


class SeveralFilesError(MachineError):
    """Several files could not be fetched. Values: ``files``, ``errors`` (class names)."""


class UnsafeArchiveError(MachineError):
    """An archive has contents that are not extracted. Values: ``file``, ``problem``, ``member``, ``received``."""


class DamagedArchiveError(MachineError):
    """An archive cannot be decompressed. Values: ``file``."""
