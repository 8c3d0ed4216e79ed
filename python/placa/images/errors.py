"""Errors of reading image files; a single file that cannot be used is an `ImageRejected` instead."""

from __future__ import annotations

from placa.core.errors import InputError


class NoReadableImageError(InputError):
    """None of the images can be read. Values: ``images`` (how many), ``path`` and ``reason`` (of the first)."""


class NoFilesFoundError(InputError):
    """No file of a kind is in the given places. Values: ``kind``, ``places``, ``endings``."""
