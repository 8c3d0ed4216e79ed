"""Decode compressed DICOM pixels in separate processes.

Decoders in C crash on some damaged files, fill the memory on others, and print to the terminal. In a separate process
only one file is lost, and the reason is reported. Processes also decode in parallel.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from threading import Lock, Timer
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from placa.core import limits
from placa.core.faults import DecoderKilledError
from placa.core.processes import command, environment
from placa.images.grey import ImageRejected


class _Worker:
    """A process that decodes files one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            command("dicom"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )

    def decode(self, path: str | os.PathLike[str], frames: list[int] | None) -> NDArray[Any] | str | OSError:
        """Return the stored values, the reason why they cannot be decoded, or an error of the system.

        Raises:
            OSError, EOFError: The process died.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._late = False
        timeout = Timer(limits.MAX_SECONDS, self._stop)
        timeout.start()
        try:
            self._process.stdin.write(json.dumps([os.path.abspath(path), frames]).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            if not line.endswith(b"\n"):
                raise EOFError("the decoder died")
            reply = json.loads(line)
            if reply.get("errno"):
                return OSError(reply["errno"], os.strerror(reply["errno"]))
            if "reason" in reply:
                return str(reply["reason"])
            stored = np.empty(reply["shape"], dtype=reply["dtype"])
            buffer = stored.reshape(-1).view(np.uint8).data
            # A buffered stream fills the buffer, unless it ends.
            if self._process.stdout.readinto(buffer) < len(buffer):  # type: ignore[attr-defined]
                raise EOFError("the decoder died")
            return stored
        finally:
            timeout.cancel()

    def _stop(self) -> None:
        self._late = True
        self._process.kill()

    def failure(self) -> Exception:
        """Return the error for a process that died: of the file, or of the machine."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        if self._late:
            return ImageRejected(f"its pixels stopped the decoder: it needs more than {limits.MAX_SECONDS:.0f} seconds")
        if self._process.returncode in {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP}:
            return DecoderKilledError()
        return ImageRejected("its pixels are damaged and stopped the decoder: copy it again")

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process.wait()


_IDLE: list[_Worker] = []
_GUARD = Lock()


def decode_in_worker(path: str | os.PathLike[str], frames: list[int] | None = None) -> NDArray[Any]:
    """Decode the pixels of a file in another process.

    Args:
        path: A DICOM file that `placa.images.dicom.header.refuse` accepts, or one of several frames.
        frames: The frames to decode; None for a file with one image.

    Returns:
        Stored values, as `placa.images.dicom.decode.decode` returns them.

    Raises:
        ImageRejected: The pixels cannot be decoded, or the decoder crashed or did not end in time.
        OSError: The decoder could not read the file, or was killed from outside.
    """
    with _GUARD:
        worker = _IDLE.pop() if _IDLE else None
    worker = worker or _Worker()
    try:
        stored = worker.decode(path, frames)
    except (OSError, EOFError) as error:
        failure = worker.failure()
        worker.end()
        raise failure from error
    except BaseException:
        # After Ctrl-C, the rest of this reply would be read as the reply to the next request.
        worker.end()
        raise
    with _GUARD:
        _IDLE.append(worker)
    if isinstance(stored, str):
        raise ImageRejected(stored)
    if isinstance(stored, OSError):
        raise stored
    return stored


@atexit.register
def _end_all() -> None:
    while _IDLE:
        _IDLE.pop().end()


def _serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    from placa.images.dicom.decode import decode

    for request in requests:
        try:
            stored = np.ascontiguousarray(decode(*json.loads(request)))
            reply: dict[str, Any] = {"shape": stored.shape, "dtype": stored.dtype.str}
        except OSError as error:
            stored, reply = np.empty(0, np.uint8), {"reason": str(error), "errno": error.errno}
        except (ImageRejected, MemoryError) as error:
            stored, reply = np.empty(0, np.uint8), {"reason": str(error) or "its pixels need too much memory"}
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.write(stored.reshape(-1).view(np.uint8).data)
        replies.flush()


def _bound_memory() -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (limits.MAX_MEMORY if most < 0 else min(limits.MAX_MEMORY, most), most))
        # Decoders are expected to crash; no core file is written.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _bound_memory()
    # The output of decoders is discarded, so that it does not mix with the replies.
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(KeyboardInterrupt, BrokenPipeError):
        _serve(sys.stdin.buffer, channel)
