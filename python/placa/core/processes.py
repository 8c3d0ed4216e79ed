"""Modules of placa that run in their own process, and the command that starts them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: Modules that are started by name. Type checkers do not see such names, so a test imports all of them.
MODULES = {
    "dicom": "placa.images.dicom.worker",
    "pictures": "placa.reporting.pictures",
    "training": "placa.workflows.train_worker",
}


def command(name: str, *arguments: str) -> list[str]:
    """Return the command that starts a module of placa.

    Args:
        name: A key of `MODULES`.
        arguments: Arguments of the command line.
    """
    # -P: a file in the working directory cannot shadow a module.
    return [sys.executable, "-P", "-m", MODULES[name], *arguments]


def environment() -> dict[str, str]:
    """Return this process's environment with placa first in ``PYTHONPATH``."""
    # This process may have found the package through sys.path alone.
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
