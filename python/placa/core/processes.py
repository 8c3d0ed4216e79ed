"""Modules of placa that run in their own process, and the command that starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from placa.core import guard
from placa.core.errors import ProcessKilledError

#: Modules that are started by name. Type checkers do not see such names, so a test imports all of them.
MODULES = {
    "dicom": "placa.images.dicom.worker",
    "pictures": "placa.reporting.pictures",
    "training": "placa.workflows.train_worker",
}


def restart_without_r_libraries() -> None:
    """Start this program again if R added directories to its ``LD_LIBRARY_PATH``."""
    before = without_r_libraries()
    if before != os.environ:
        os.execve(sys.executable, sys.orig_argv, before)


def without_r_libraries() -> dict[str, str]:
    """Return this process's environment without the directories that R added to ``LD_LIBRARY_PATH``.

    R hands them down to programs that it starts. A Python with a shared library then loads that of the system.
    """
    home, libraries = os.environ.get("R_HOME"), os.environ.get("LD_LIBRARY_PATH", "")
    if not home or os.path.join(home, "lib") not in libraries.split(os.pathsep):
        return dict(os.environ)
    script = os.path.join(os.environ.get("R_ETC_DIR") or os.path.join(home, "etc"), "ldpaths")
    try:
        asked = subprocess.run(
            ["sh", "-c", f'LD_LIBRARY_PATH= ; . "{script}"; printf %s "$LD_LIBRARY_PATH"'],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return dict(os.environ)
    added = set(asked.stdout.split(os.pathsep)) | {os.path.join(home, "lib")}
    kept = os.pathsep.join(place for place in libraries.split(os.pathsep) if place and place not in added)
    others = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    return others | ({"LD_LIBRARY_PATH": kept} if kept else {})


def command(name: str, *arguments: str) -> list[str]:
    """Return the command that starts a module of placa.

    Args:
        name: A key of `MODULES`.
        arguments: Arguments of the command line.
    """
    # -P: a file in the working directory cannot shadow a module.
    return [sys.executable, "-P", "-m", MODULES[name], *arguments]


@contextmanager
def guarded(command: Sequence[str]) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Yield a command that ends when this process ends, whatever ends it.

    Args:
        command: The command; its children end with it.

    Yields:
        The command to start, and the file descriptors to pass to it. Its exit code is that of `command`.
    """
    if os.name == "nt":
        yield list(command), ()
        return
    reading, writing = os.pipe()
    try:
        # -I and -S: the guard needs the standard library alone, and starts in a few milliseconds.
        yield [sys.executable, "-I", "-S", str(guard.__file__), str(reading), *command], (reading,)
    finally:
        os.close(reading)
        os.close(writing)


def end_with_parent(parent: int) -> None:
    """Let the system kill this process when its parent ends; for the workers of a pool.

    Args:
        parent: The number of the parent.
    """
    if sys.platform != "linux":
        return
    import ctypes

    # PR_SET_PDEATHSIG is 1.
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


@contextmanager
def main_hidden() -> Iterator[None]:
    """Start processes that do not import the main script of the user, which may have no ``__name__`` guard."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def process_killed(program: str, code: int) -> ProcessKilledError:
    """Return the error for a process that a signal ended.

    Args:
        program: What it was: ``R``, ``a worker``.
        code: Its exit code, the negative number of the signal; 0 if it is unknown.
    """
    try:
        name = signal.Signals(-code).name if code < 0 else ""
    except ValueError:
        name = f"signal {-code}"
    by = f" by {name}" if name else ""
    message = f"{program} was killed{by}. The usual reason is that memory ran out: close other programs and try again."
    return ProcessKilledError(message, program=program, signal=name)


def environment() -> dict[str, str]:
    """Return this process's environment with placa first in ``PYTHONPATH``, and without the libraries of R."""
    # This process may have found the package through sys.path alone.
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return {**without_r_libraries(), "PYTHONPATH": path}
