"""The modules of placa that run as a process of their own, and how one is started."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: Each module that is started by its name. No type checker sees such a name: a test imports all of them.
MODULES = {
    "dicom": "placa.images.dicom.worker",
    "pictures": "placa.reporting.pictures",
    "training": "placa.workflows.train_worker",
}


def command(name: str, *arguments: str) -> list[str]:
    """Return the command that starts a module of placa.

    Args:
        name: A key of `MODULES`.
        arguments: What follows on the command line.
    """
    # -P: no file in the working directory hides a module.
    return [sys.executable, "-P", "-m", MODULES[name], *arguments]


def environment() -> dict[str, str]:
    """Return this process's environment, with placa first on the path of modules."""
    # The package may have been found through sys.path alone.
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
