"""Run a function of the R package by the bridge that works: rpy2, or R in a separate process."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

import pandas as pd

from placa.core.arguments import BRIDGES
from placa.core.errors import require_known
from placa.core.progress import Progress
from placa.evaluation.bridge import call_r, run_rscript
from placa.evaluation.errors import Rpy2Error, r_error
from placa.evaluation.r_code import SEPARATE


def require_bridge(bridge: str) -> None:
    """Raise `UnknownNameError` if the name of a bridge is unknown."""
    require_known("bridge", bridge, BRIDGES)


def run_in_r(
    bridge: str,
    progress: Progress,
    function: str,
    arguments: Mapping[str, pd.DataFrame | str | float | None],
    separate: str,
    *texts: str,
) -> None:
    """Call a function in R.

    Args:
        bridge: One of `BRIDGES`.
        progress: Shows R's warnings.
        function: The function, for rpy2.
        arguments: Its arguments, for rpy2.
        separate: The function that does the same in a separate process, from files.
        texts: Its arguments.

    Raises:
        UnknownNameError: The bridge is unknown.
        Rpy2Error: The bridge is rpy2, and rpy2 does not work on this machine.
        RError: R rejects the input.
        PlacaError: R or its package placa is missing.
    """
    require_bridge(bridge)
    if bridge != "rscript":
        try:
            call_r(function, progress.warn, **arguments)
            return
        except Rpy2Error as reason:
            if bridge == "rpy2":
                message = f"rpy2 does not work on this machine ({reason}). Omit --bridge to run R without it."
                raise Rpy2Error(message, reason=str(reason)) from reason
            # The extra placa[r] has it; without it, R in a separate process is the usual way.
            if find_spec("rpy2") is not None:
                progress.warn(f"rpy2 does not work on this machine ({reason}); R runs in a separate process")
    run_separately(progress, separate, *texts)


def run_separately(progress: Progress, function: str, *arguments: str) -> None:
    """Call a function of the R package in a separate process; show its warnings and raise its error.

    Raises:
        RError: R rejects the input.
        PlacaError: R or its package placa is missing.
    """
    done = run_rscript(SEPARATE, function, *arguments)
    lines = [line for line in done.stderr.splitlines() if line.strip()]

    def lines_with(kind: str) -> list[str]:
        return [line.removeprefix(kind) for line in dict.fromkeys(lines) if line.startswith(kind)]

    for warning in lines_with("placa-warning: "):
        progress.warn(f"R: {warning}")
    if done.returncode:
        last = lines[-1] if lines else "no output"
        message = next(iter(lines_with("placa-error: ")), f"R failed: {last}")
        raise r_error(message, " ".join(lines_with("placa-class: ")).split())
