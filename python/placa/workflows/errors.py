"""The errors of the workflows."""

from __future__ import annotations

from placa.core.errors import InputError, MachineError


class NoReadableImageError(InputError):
    """None of the images can be read. Values: ``images`` (how many), ``file`` and ``reason`` of the first."""


class BridgeUnavailableError(MachineError):
    """The chosen bridge to R does not work on this machine. Values: ``bridge``, ``reason``."""
