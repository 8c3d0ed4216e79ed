"""The errors of the workflows."""

from __future__ import annotations

from placa.core.errors import MachineError


class BridgeUnavailableError(MachineError):
    """The chosen bridge to R does not work on this machine. Values: ``bridge``, ``reason``."""
