"""Compressed DICOM pixels, decoded in processes of their own.

Decoders written in C end the whole process at some damaged files, fill the memory at others, and talk on the terminal.
In a process apart that costs one file, and the reason can be told. Processes also decode side by side, which threads
do not, for gdcm holds on to the interpreter.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from contextlib import suppress
from threading import Lock, Timer
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from placa.core.processes import command, environment
from placa.images.grey import ImageRejected

#: A radiograph decodes in a second or two; what takes so long will not end.
SECONDS = 120.0
#: Bytes that a decoder may ask for: several copies of the largest image that is read.
_MEMORY = 6 << 30


class _Worker:
    """A process that decodes one file after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            command("dicom"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )

    def decode(self, path: str | os.PathLike[str]) -> NDArray[Any] | str:
        """The stored values, or the reason why there are none.

        Raises:
            OSError, EOFError: The process died.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        late = Timer(SECONDS, self._process.kill)
        late.start()
        try:
            self._process.stdin.write(json.dumps(os.path.abspath(path)).encode() + b"\n")
            self._process.stdin.flush()
            said = self._process.stdout.readline()
            if not said.endswith(b"\n"):
                raise EOFError("the decoder died")
            answer = json.loads(said)
            if "reason" in answer:
                return str(answer["reason"])
            stored = np.empty(answer["shape"], dtype=answer["dtype"])
            whole = stored.reshape(-1).view(np.uint8).data
            done = 0
            while done < len(whole):
                read = self._process.stdout.readinto(whole[done:])  # type: ignore[attr-defined]
                if not read:
                    raise EOFError("the decoder died")
                done += read
            return stored
        finally:
            late.cancel()

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


def decode_apart(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Decode a file's pixels in another process.

    Args:
        path: A DICOM file that `placa.images.dicom.header.refuse` has nothing against.

    Returns:
        Stored values, as `placa.images.dicom.decode.decode` returns them.

    Raises:
        ImageRejected: They cannot be decoded, or the decoder died or came to no end.
    """
    with _GUARD:
        worker = _IDLE.pop() if _IDLE else None
    worker = worker or _Worker()
    try:
        stored = worker.decode(path)
    except (OSError, EOFError) as error:
        worker.end()
        raise ImageRejected("its pixels are damaged, and the decoder broke off at them: copy it again") from error
    except BaseException:
        # Stopped half-way (Ctrl-C): what is still to come would be taken for the answer to the next question.
        worker.end()
        raise
    with _GUARD:
        _IDLE.append(worker)
    if isinstance(stored, str):
        raise ImageRejected(stored)
    return stored


@atexit.register
def _end_all() -> None:
    while _IDLE:
        _IDLE.pop().end()


def _serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    from placa.images.dicom.decode import decode

    for question in questions:
        try:
            stored = np.ascontiguousarray(decode(json.loads(question)))
            said: dict[str, Any] = {"shape": stored.shape, "dtype": stored.dtype.str}
        except (ImageRejected, OSError, MemoryError) as error:
            stored, said = np.empty(0, np.uint8), {"reason": str(error) or "its pixels need too much memory"}
        answers.write(json.dumps(said).encode() + b"\n")
        answers.write(stored.reshape(-1).view(np.uint8).data)
        answers.flush()


def _bound_memory() -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY if most < 0 else min(_MEMORY, most), most))
        # A decoder that dies is expected, and leaves no core file behind.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _bound_memory()
    # Decoders that print do so to nowhere, and not between the answers.
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(KeyboardInterrupt, BrokenPipeError):
        _serve(sys.stdin.buffer, channel)
