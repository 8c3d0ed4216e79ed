"""Change files at random, and count what a reader does with them.

Each reader runs in a process of its own, so that a crash or a hang of a library costs one file. What crashes or hangs
is counted and described in words; the file and its seed are not kept.
"""

from __future__ import annotations

import multiprocessing
import zlib
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

#: Seconds for one file.
LIMIT = 20.0


def mutate(content: bytes, random: np.random.Generator) -> bytes:
    """Return a changed copy of a file: bits, bytes, cuts, repeats and extreme numbers, mostly near the start."""
    data = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        if not data:
            break
        reach = len(data) if random.random() < 0.5 else min(len(data), 512)
        at = int(random.integers(reach))
        kind = int(random.integers(6))
        if kind == 0:
            data[at] ^= 1 << int(random.integers(8))
        elif kind == 1:
            data[at] = int(random.integers(256))
        elif kind == 2:
            del data[at : at + int(random.integers(1, 64))]
        elif kind == 3:
            data[at:at] = data[at : at + int(random.integers(1, 64))]
        elif kind == 4:
            data[at : at + 4] = bytes(random.choice([[0] * 4, [255] * 4, [255, 255, 255, 127], [0, 0, 0, 128]]))
        else:
            del data[at:]
    return bytes(data)


def repair_png(content: bytes) -> bytes:
    """Return a PNG with the checksums of its chunks computed again, so that changes reach the decoder."""
    data, at = bytearray(content), 8
    while at + 12 <= len(data):
        over = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if over + 4 > len(data):
            break
        data[over : over + 4] = zlib.crc32(data[at + 4 : over]).to_bytes(4, "big")
        at = over + 4
    return bytes(data)


def run_campaign(
    read: Callable[[Path], bool], samples: list[bytes], name: str, files: int, seed: int, folder: Path
) -> Counter[str]:
    """Read changed files, and count the results.

    Args:
        read: Reads a file; False if it is refused. Any exception is counted as an error of placa.
        samples: Valid files.
        name: The name of the changed file.
        files: How many files to read.
        seed: Seed of the changes.
        folder: Where the changed file is written.

    Returns:
        Counts of ``tried``, ``refused``, ``accepted``, ``crashed``, ``hung`` and ``error: CLASS``.
    """
    random = np.random.default_rng(seed)
    context = multiprocessing.get_context("fork")
    counts: Counter[str] = Counter()
    worker: tuple[multiprocessing.process.BaseProcess, Connection] | None = None
    for _ in range(files):
        path = folder / name
        changed = mutate(samples[int(random.integers(len(samples)))], random)
        path.write_bytes(repair_png(changed) if path.suffix == ".png" and random.random() < 0.5 else changed)
        if worker is None:
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(read, there), daemon=True)
            process.start()
            there.close()
            worker = process, here
        process, here = worker
        counts["tried"] += 1
        here.send(path)
        try:
            counts[here.recv() if here.poll(LIMIT) else "hung"] += 1
            if process.is_alive() and not counts["hung"]:
                continue
        except EOFError:
            counts["crashed"] += 1
        process.kill()
        process.join()
        worker = None
    if worker is not None:
        worker[0].kill()
    return counts


def _serve(read: Callable[[Path], bool], pipe: Connection) -> None:
    while True:
        path = pipe.recv()
        try:
            result = "accepted" if read(path) else "refused"
        except Exception as error:
            result = f"error: {type(error).__name__}"
        pipe.send(result)
