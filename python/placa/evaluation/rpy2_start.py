"""What must hold before rpy2 starts R in this process."""

from __future__ import annotations

import importlib.util
import os
import sys

from placa.evaluation.errors import Rpy2Error


def require_own_r() -> None:
    """Require that no R runs this Python.

    Raises:
        Rpy2Error: R runs this Python by reticulate, which has loaded its module ``rpytools``. A second R in the same
            process would end both.
    """
    if "rpytools" in sys.modules:
        raise Rpy2Error("R runs this Python by reticulate", reason="reticulate")


def choose_rpy2_mode() -> None:
    """Select rpy2's ABI mode if its API mode was not compiled; otherwise rpy2 prints a warning at each start."""
    if importlib.util.find_spec("_rinterface_cffi_api") is None:
        os.environ.setdefault("RPY2_CFFI_MODE", "ABI")
