"""Run directories: which is one, what it holds, what it says of itself."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from placa.cache import cores
from placa.errors import PlacaError
from placa.files import read_json

_PARTS = ("run.json", "model.keras", "thresholds.json")


def require_run(run: Path) -> dict[str, Any]:
    """Make sure that a directory is a whole run, and return its ``run.json``.

    Raises:
        PlacaError: It is not one, or a part is missing.
    """
    if not (run / "run.json").is_file():
        here = sorted(path.parent for path in run.parent.glob("*/run.json"))
        hint = f"; there are {', '.join(map(str, here))}" if here else ""
        raise PlacaError(f"{run} is not a run (it has no run.json): name a directory that placa train wrote{hint}.")
    missing = [name for name in _PARTS if not (run / name).is_file()]
    if missing:
        raise PlacaError(f"{run} is not a whole run, for it lacks {missing[0]}: train it again.")
    facts: dict[str, Any] = read_json(run / "run.json")
    return facts


def versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of the packages that are installed."""
    found = {"python": sys.version.split()[0]}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """The machine in the words that a methods section needs."""
    return {"platform": platform.platform(), "cores": cores(), "processor": platform.machine()}
