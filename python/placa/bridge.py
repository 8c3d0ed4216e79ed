"""The bridge from Python to R: a data frame and scalars over, R's own complaints back.

R is started inside this process by rpy2. Reticulate must never be loaded in that R, for a Python inside an R inside a
Python crashes; the R package knows an R that rpy2 embeds, and refuses.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

import placa
from placa.errors import PlacaError

_HOW_TO_GET_R = "run make setup, or install R 4.2 or newer with the packages that placa doctor lists"

# A condition's message as one line: no call in front, no colours, no bullets.
PLAIN_MESSAGE = """
plain_message <- function(condition) {
  options(cli.num_colors = 1L, width = 10000L)
  ours <- inherits(condition, "rlang_error") || inherits(condition, "rlang_warning")
  lines <- if (ours) rlang::cnd_message(condition, prefix = FALSE) else conditionMessage(condition)
  lines <- unlist(strsplit(lines, "\n", fixed = TRUE))
  paste(trimws(gsub("^[[:space:]]*[\u2716\u2139\u2714\u2022!*x] ", "", lines)), collapse = " ")
}
"""

# R's error comes back as data: its classes and its message; warnings are collected, for rpy2 would print them itself.
_CALL = (
    PLAIN_MESSAGE
    + """
function(name, arguments) {
  warnings <- character()
  failed <- tryCatch(
    withCallingHandlers(
      {
        do.call(getExportedValue("placa", name), arguments)
        NULL
      },
      warning = function(w) {
        warnings <<- c(warnings, plain_message(w))
        invokeRestart("muffleWarning")
      }
    ),
    error = identity
  )
  list(
    class = if (is.null(failed)) "" else class(failed),
    message = if (is.null(failed)) "" else plain_message(failed),
    warnings = warnings
  )
}
"""
)


class RError(PlacaError):
    """An error that R raised: its message, and in `r_class` the classes of its condition."""

    def __init__(self, message: str, r_class: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.r_class = r_class


class NoBridge(Exception):
    """rpy2 cannot be used here; the message says why."""


def start_r() -> Any:
    """Start R inside this process, once, and return `rpy2.robjects`.

    Raises:
        NoBridge: rpy2 is not installed or does not work with the R that is there.
        PlacaError: R is there and the package placa is not, or is of another version.
    """
    _require_r()
    os.environ.update(utf8_locale())
    choose_rpy2_mode()
    try:
        with _own_library_path():
            import rpy2.robjects as robjects
    except Exception as error:  # ImportError, but also OSError and ValueError from a library that does not fit.
        raise NoBridge(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__) from error
    installed = str(
        robjects.r('if (requireNamespace("placa", quietly = TRUE)) getNamespaceVersion("placa") else ""')[0]
    )
    require_r_package(installed)
    return robjects


def choose_rpy2_mode() -> None:
    """Have rpy2 start without the half that was not compiled, of which it would complain at each start."""
    if importlib.util.find_spec("_rinterface_cffi_api") is None:
        os.environ.setdefault("RPY2_CFFI_MODE", "ABI")


def utf8_locale() -> dict[str, str]:
    """What to set in the environment of an R, which in the C locale writes the ñ of a name as ``<U+00F1>``."""
    if "utf" in "".join(os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")).lower():
        return {}
    return {"LC_ALL": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"}


@contextmanager
def _own_library_path() -> Iterator[None]:
    # R sets LD_LIBRARY_PATH, which has done its work once libR is loaded. Left in place, every process started later
    # inherits it, and a Python among them may load a libpython that is not its own.
    before = os.environ.get("LD_LIBRARY_PATH")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("LD_LIBRARY_PATH", None)
        else:
            os.environ["LD_LIBRARY_PATH"] = before


def require_r_package(installed: str) -> None:
    """Make sure that R's half of placa is there and of this version.

    Raises:
        PlacaError: It is not.
    """
    if not installed:
        raise PlacaError("R has no package placa: run make setup, or R CMD INSTALL R in placa's source directory.")
    if installed != placa.__version__:
        raise PlacaError(
            f"R has placa {installed} and Python {placa.__version__}: run R CMD INSTALL R in placa's source directory."
        )


def call_r(function: str, warn: Callable[[str], None], **arguments: pd.DataFrame | str | float | None) -> None:
    """Call a function of the R package placa for what it writes.

    Args:
        function: An exported function's name.
        warn: Receives each of R's warnings.
        arguments: Data frames and scalars, by the names that R gives them.

    Raises:
        RError: R raised an error.
        NoBridge: rpy2 cannot be used here.
        PlacaError: There is no R, or no package placa in it.
    """
    robjects = start_r()
    from rpy2.robjects import pandas2ri

    converter = robjects.default_converter + pandas2ri.converter
    with _quiet_console(warn), converter.context():
        given = {
            name: for_r(value) if isinstance(value, pd.DataFrame) else value
            for name, value in arguments.items()
            if value is not None
        }
        result = robjects.r(_CALL)(function, robjects.ListVector(given))
        classes, message, warnings = (list(part) for part in result)
    for warning in warnings:
        warn(f"R: {warning}")
    if message[0]:
        raise RError(str(message[0]), tuple(map(str, classes)))


def for_r(frame: pd.DataFrame) -> pd.DataFrame:
    """Bring a frame to the types that cross to R without loss.

    Missing integers would arrive as -2147483648 and integers beyond 2^31 as text, so integers go as doubles, which
    hold them exactly up to 2^53; missing strings go as None, which becomes R's ``NA_character_``.
    """
    out: dict[Any, pd.Series] = {}
    for name, column in frame.reset_index(drop=True).items():
        if pd.api.types.is_bool_dtype(column):
            out[name] = column
        elif pd.api.types.is_numeric_dtype(column):
            out[name] = column.astype("float64")
        else:
            out[name] = pd.Series(
                [None if missing else value for value, missing in zip(column, column.isna(), strict=True)]
            )
    return pd.DataFrame(out)


@contextmanager
def _quiet_console(warn: Callable[[str], None]) -> Iterator[None]:
    from rpy2.rinterface_lib import callbacks

    kept = callbacks.consolewrite_print, callbacks.consolewrite_warnerror
    callbacks.consolewrite_print = lambda text: None
    callbacks.consolewrite_warnerror = lambda text: warn(f"R: {text.strip()}") if text.strip() else None
    try:
        yield
    finally:
        callbacks.consolewrite_print, callbacks.consolewrite_warnerror = kept


def find_r() -> str | None:
    """The R command, or None: ``R_HOME``'s where that is set, else the one on PATH."""
    home = os.environ.get("R_HOME")
    if home and os.access(os.path.join(home, "bin", "R"), os.X_OK):
        return os.path.join(home, "bin", "R")
    return shutil.which("R")


def _require_r() -> str:
    r = find_r()
    if r is None:
        raise PlacaError(f"R was needed and there is none on PATH: {_HOW_TO_GET_R}.")
    return r


def run_rscript(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run R code in a process of its own, with this Python for reticulate.

    Args:
        code: R code; it finds `arguments` in ``commandArgs(TRUE)``.

    Raises:
        PlacaError: There is no R.
    """
    r = _require_r()
    environment = {**os.environ, **utf8_locale(), "RETICULATE_PYTHON": sys.executable}
    command = [r, "--slave", "--no-echo", "--no-save", "--no-restore", "-e", code, "--args", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
