"""The bridge from Python to R: a data frame and scalars over, R's own complaints back.

R is started inside this process by rpy2. Reticulate must never be loaded in that R, for a Python inside an R inside a
Python crashes; the R package knows an R that rpy2 embeds, and refuses.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

import placa
from placa.evaluation.errors import (
    MissingRPackageError,
    RNotFoundError,
    RPackageVersionError,
    Rpy2Error,
    r_error,
)
from placa.evaluation.r_code import CALL
from placa.evaluation.r_frames import from_r, r_list, to_r

_HOW_TO_GET_R = "run make setup, or install R 4.2 or newer with the packages that placa doctor lists"


def start_r() -> Any:
    """Start R inside this process, once, and return `rpy2.rinterface`.

    Raises:
        Rpy2Error: rpy2 is not installed or does not work with the R that is there.
        PlacaError: R is there and the package placa is not, or is of another version.
    """
    _require_r()
    os.environ.update(utf8_locale())
    choose_rpy2_mode()
    try:
        with _own_library_path(), _own_sigint():
            import rpy2.rinterface as ri

            ri.initr()
    except Exception as error:  # ImportError, but also OSError and ValueError from a library that does not fit.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Rpy2Error(reason, reason=reason) from error
    installed = _run(
        ri.evalr('function() if (requireNamespace("placa", quietly = TRUE)) getNamespaceVersion("placa")[[1]] else ""')
    )
    require_r_package(str(installed[0]))
    return ri


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
        raise MissingRPackageError(
            "R has no package placa: run placa install-r, or R CMD INSTALL R in placa's source directory.",
            packages=["placa"],
        )
    if installed != placa.__version__:
        raise RPackageVersionError(
            f"R has placa {installed} and Python {placa.__version__}: run placa install-r.",
            installed=installed,
            expected=placa.__version__,
        )


def call_r(
    function: str, warn: Callable[[str], None], **arguments: pd.DataFrame | str | bool | float | None
) -> pd.DataFrame | None:
    """Call a function of the R package placa, for what it writes or for the data frame that it returns.

    Args:
        function: An exported function's name.
        warn: Receives each of R's warnings.
        arguments: Data frames (see `placa.evaluation.r_frames.to_r`) and scalars, by the names that R gives them; None
            is left to R's default.

    Returns:
        The data frame that R returned; None where it returned something else.

    Raises:
        RError: R rejected the input.
        RFailedError: R failed for another reason.
        Rpy2Error: rpy2 cannot be used here.
        PlacaError: There is no R, or no package placa in it, or a value cannot cross.
        KeyboardInterrupt: Ctrl-C, when R has ended its function and removed what was half-written.
    """
    ri = start_r()
    frames = {name: to_r(value) for name, value in arguments.items() if isinstance(value, pd.DataFrame)}
    scalars = {
        name: _scalar_to_r(value)
        for name, value in arguments.items()
        if value is not None and not isinstance(value, pd.DataFrame)
    }
    with _quiet_console(warn):
        called = _run(ri.evalr(CALL), ri.StrSexpVector([function]), r_list(**frames), r_list(**scalars))
    classes, message, warnings, value = called
    if "interrupt" in list(classes):
        raise KeyboardInterrupt
    for warning in warnings:
        warn(f"R: {warning}")
    if "error" in list(classes):
        raise r_error(str(message[0]), map(str, classes))
    return None if value is ri.NULL else from_r(value)


def _scalar_to_r(value: str | bool | float) -> Any:
    import rpy2.rinterface as ri

    if isinstance(value, bool):
        return ri.BoolSexpVector([value])
    return ri.StrSexpVector([value]) if isinstance(value, str) else ri.FloatSexpVector([value])


def _run(function: Any, *arguments: Any) -> Any:
    """Call an R function; Ctrl-C interrupts it as in R, and is Python's KeyboardInterrupt when R has tidied up.

    Python's own handler would have to wait until R returns.
    """
    from rpy2.rinterface_lib import openrlib

    stopped = False

    def interrupt_r(*_: object) -> None:
        nonlocal stopped
        stopped = True
        openrlib.rlib.R_interrupts_pending = 1

    # Only the main thread may have signals, and who ignores them (nohup) is left to.
    ours = threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT))
    before = signal.signal(signal.SIGINT, interrupt_r) if ours else None
    try:
        return function(*arguments)
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)
        if stopped:
            openrlib.rlib.R_interrupts_pending = 0
            raise KeyboardInterrupt


@contextmanager
def _own_sigint() -> Iterator[None]:
    # rpy2 puts Python's default handler in the place of whatever there was.
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGINT, before)


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
        raise RNotFoundError(f"R was needed and there is none on PATH: {_HOW_TO_GET_R}.", needed_by="R")
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
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=environment,
    ) as process:
        try:
            out, err = process.communicate()
        except KeyboardInterrupt:
            _let_end(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _let_end(process: subprocess.Popen[str]) -> None:
    # A terminal sends Ctrl-C to both; who sends it to Python alone leaves R running. Either way R tidies up first.
    try:
        process.communicate(timeout=1)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
