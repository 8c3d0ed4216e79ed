"""Run a command, and end it when the process that asked for it ends; started by `placa.core.processes.guarded`.

The first argument is the reading end of a pipe whose other end only that process holds, so the pipe ends with it. The
command has its own process group, which receives the signals of this process. Only the standard library is imported,
because this program starts before R.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from types import FrameType

#: Seconds between the request to end and the kill.
_GRACE = 2.0


def main() -> int:
    """Run the command of the command line, and return its exit code."""
    pipe, command = int(sys.argv[1]), sys.argv[2:]
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _: FrameType | None) -> None:
        if child is None:
            early.append(number)
        else:
            _signal_group(child, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)
    child = subprocess.Popen(command, start_new_session=True)
    for waiting in early:
        _signal_group(child, waiting)
    threading.Thread(target=_end_with_pipe, args=(pipe, child), daemon=True).start()
    code = child.wait()
    if code < 0:
        # The caller sees the signal.
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    return code


def _end_with_pipe(pipe: int, child: "subprocess.Popen[bytes]") -> None:
    while os.read(pipe, 1):
        pass
    _signal_group(child, signal.SIGTERM)
    threading.Event().wait(_GRACE)
    _signal_group(child, signal.SIGKILL)


def _signal_group(child: "subprocess.Popen[bytes]", number: int) -> None:
    # It may have ended.
    with suppress(OSError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main())
