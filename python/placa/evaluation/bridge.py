"""The bridge from Python to R: pass data frames and scalars, and report R's errors.

rpy2 starts R inside this process. Reticulate must not be loaded in that R: a Python inside an R inside a Python
crashes. The R package detects that rpy2 embeds its R, and stops with an error.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from typing import TYPE_CHECKING, Any

import placa
from placa.core.language import current_language
from placa.core.processes import guarded, process_killed
from placa.core.temporary import temporary_directory
from placa.core.text import r_string
from placa.evaluation.errors import (
    MissingRPackageError,
    RNotFoundError,
    RPackageVersionError,
    Rpy2Error,
    r_error,
)
from placa.evaluation.r_code import CALL
from placa.evaluation.rpy2_start import choose_rpy2_mode, require_own_r

if TYPE_CHECKING:
    import pandas as pd

#: The line after which the output of R code begins.
_START = "placa-output:"
_R_REMEDY = "Install R 4.2 or newer with the packages that placa doctor lists, or run make setup."


def start_r() -> Any:
    """Start R inside this process, once, and return `rpy2.rinterface`.

    Raises:
        RNotFoundError: R is not on PATH.
        Rpy2Error: rpy2 is not installed, or does not work with the installed R.
        MissingRPackageError: R has no package placa.
        RPackageVersionError: R has another version of placa.
    """
    _require_r()
    require_own_r()
    os.environ.update(utf8_locale())
    choose_rpy2_mode()
    try:
        # The user's profile of R may change the directory.
        with _restored_library_path(), _restored_sigint(), chdir(os.curdir):
            import rpy2.rinterface as ri

            ri.initr()
    except Exception as error:  # ImportError, but also OSError and ValueError from a library that does not fit.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Rpy2Error(reason, reason=reason) from error
    version = ri.evalr(
        'function() if (requireNamespace("placa", quietly = TRUE)) getNamespaceVersion("placa")[[1]] else ""'
    )
    # An interrupt makes R write an empty line, which rpy2 would log.
    with _quiet_console(lambda warning: None):
        installed = _run(version)
    require_r_package(str(installed[0]))
    return ri


def utf8_locale() -> dict[str, str]:
    """Return environment variables that give R a UTF-8 locale.

    In the C locale R writes ñ as ``<U+00F1>``.
    """
    if "utf" in "".join(os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")).lower():
        return {}
    return {"LC_ALL": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"}


@contextmanager
def _restored_library_path() -> Iterator[None]:
    # R sets LD_LIBRARY_PATH to load libR. Every process started later would inherit it, and a Python among them could
    # load the wrong libpython.
    before = os.environ.get("LD_LIBRARY_PATH")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("LD_LIBRARY_PATH", None)
        else:
            os.environ["LD_LIBRARY_PATH"] = before


def require_r_package(installed: str) -> None:
    """Require that R has the package placa of this version.

    Args:
        installed: The version in R, ``""`` if the package is missing.

    Raises:
        MissingRPackageError: R has no package placa.
        RPackageVersionError: R has another version of placa.
    """
    if not installed:
        raise MissingRPackageError("The R package placa is not installed. Run placa install-r.", packages=["placa"])
    if installed != placa.__version__:
        raise RPackageVersionError(
            f"The R package placa must have version {placa.__version__}, found {installed}. Run placa install-r.",
            installed=installed,
            expected=placa.__version__,
        )


def call_r(function: str, warn: Callable[[str], None], **arguments: pd.DataFrame | str | bool | float | None) -> None:
    """Call a function of the R package placa, for the files that it writes.

    Args:
        function: Name of an exported function.
        warn: Called with each of R's warnings.
        arguments: Data frames (see `placa.evaluation.r_frames.to_r`) and scalars, by the names of R's arguments; for
            None, R's default is used.

    Raises:
        RError: R rejected the input.
        RFailedError: R failed for another reason.
        Rpy2Error: rpy2 cannot start R.
        RNotFoundError: R is not on PATH.
        MissingRPackageError, RPackageVersionError: R has no package placa, or another version of it.
        InvalidTextError: A text contains a NUL or is not valid Unicode.
        KeyboardInterrupt: Ctrl-C, after R has stopped and has removed incomplete files.
    """
    # pandas is imported here: `placa doctor` and `placa demo --help` do not need it.
    import pandas as pd

    from placa.evaluation.r_frames import to_r

    ri = start_r()
    given = {
        name: to_r(value) if isinstance(value, pd.DataFrame) else value
        for name, value in arguments.items()
        if value is not None
    }
    with _quiet_console(warn):
        ri.evalr(f"options(placa.language = '{current_language()}')")
        classes, message, warnings = _run(ri.evalr(CALL), function, **given)
    if "interrupt" in list(classes):
        raise KeyboardInterrupt
    for warning in warnings:
        warn(f"R: {warning}")
    if "error" in list(classes):
        raise r_error(str(message[0]), map(str, classes))


def _run(function: Any, *arguments: Any, **named: Any) -> Any:
    """Call an R function. Ctrl-C interrupts R, which cleans up; then KeyboardInterrupt is raised.

    Python's own handler would not run until R returns.
    """
    from rpy2.rinterface_lib import openrlib

    stopped = False

    def interrupt_r(*_: object) -> None:
        nonlocal stopped
        stopped = True
        openrlib.rlib.R_interrupts_pending = 1

    # Only the main thread can set signal handlers. An ignored SIGINT (nohup) stays ignored.
    handles_sigint = threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT))
    before = signal.signal(signal.SIGINT, interrupt_r) if handles_sigint else None
    try:
        return function(*arguments, **named)
    finally:
        if handles_sigint:
            signal.signal(signal.SIGINT, before)
        if stopped:
            openrlib.rlib.R_interrupts_pending = 0
            raise KeyboardInterrupt


@contextmanager
def _restored_sigint() -> Iterator[None]:
    # rpy2 replaces the current handler by Python's default one.
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _quiet_console(warn: Callable[[str], None]) -> Iterator[None]:
    from rpy2.rinterface_lib import callbacks

    before = callbacks.consolewrite_print, callbacks.consolewrite_warnerror
    callbacks.consolewrite_print = lambda text: None
    callbacks.consolewrite_warnerror = lambda text: warn(f"R: {text.strip()}") if text.strip() else None
    try:
        yield
    finally:
        callbacks.consolewrite_print, callbacks.consolewrite_warnerror = before


def find_r() -> str | None:
    """Return the path of the R command: that of ``R_HOME`` if it is set, otherwise the one on PATH; None without R."""
    home = os.environ.get("R_HOME")
    if home and os.access(os.path.join(home, "bin", "R"), os.X_OK):
        return os.path.join(home, "bin", "R")
    return shutil.which("R")


def _require_r() -> str:
    r = find_r()
    if r is None:
        raise RNotFoundError(f"R was not found on PATH. {_R_REMEDY}", needed_by="R")
    return r


def run_rscript(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run R code in a separate process, with this Python for reticulate.

    Args:
        code: R code; `arguments` are in its ``commandArgs(TRUE)``.

    Returns:
        The finished process, without what the user's profile printed on stdout.

    Raises:
        RNotFoundError: R is not on PATH.
        ProcessKilledError: R was killed.
    """
    r = _require_r()
    environment = {**os.environ, **utf8_locale(), "RETICULATE_PYTHON": sys.executable}
    # A profile may print, change the directory, or change how numbers are written.
    options = f"OutDec = '.', scipen = 0, digits = 7, placa.language = '{current_language()}'"
    start = f"setwd({r_string(os.getcwd())})\noptions({options})\ncat('\\n{_START}\\n')\n"
    command = [r, "--slave", "--no-echo", "--no-save", "--no-restore", "-e", start + code, "--args", *arguments]
    done = _communicate(command, environment)
    mark = f"\n{_START}\n"
    if done.returncode and mark not in done.stdout and "R_PROFILE_USER" not in environment:
        # The user's profile may be broken.
        done = _communicate(command, {**environment, "R_PROFILE_USER": os.devnull})
        if mark in done.stdout:
            os.environ["R_PROFILE_USER"] = os.devnull
    done.stdout = done.stdout.partition(mark)[2]
    return done


def _communicate(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    # The temporary directory of R is inside ours, which the next start removes after a kill.
    with (
        temporary_directory("placa-r-") as temporary,
        guarded(command) as (start, files),
        subprocess.Popen(
            start,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={**environment, "TMPDIR": str(temporary)},
            pass_fds=files,
        ) as process,
    ):
        try:
            out, err = process.communicate()
        except KeyboardInterrupt:
            _wait_or_kill(process)
            raise
    if process.returncode < 0:
        raise process_killed("R", process.returncode)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _wait_or_kill(process: subprocess.Popen[str]) -> None:
    # A terminal sends Ctrl-C to Python and to R; kill -INT sends it to Python alone. R gets time to clean up in both.
    try:
        process.communicate(timeout=1)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            # The guard sends it to R.
            process.terminate()
