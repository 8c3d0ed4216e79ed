"""Networks by name, one module a family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from placa.errors import unknown_name
from placa.models.small import build_small

BACKBONES: dict[str, Callable[[int, int], Any]] = {"small": build_small}


def build(backbone: str, size: int, findings: int) -> Any:
    """Build a backbone by name.

    Raises:
        PlacaError: There is none of that name.
    """
    if backbone not in BACKBONES:
        raise unknown_name("backbone", backbone, BACKBONES)
    return BACKBONES[backbone](size, findings)
