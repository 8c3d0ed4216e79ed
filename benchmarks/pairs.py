"""What the benchmarks share: work in turns, medians of pairs, rows of the table, and radiographs to work on."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

PAIRS = 5
#: The longest parts run only where they are asked for: ``benchmarks/run --full``.
FULL = "--full" in sys.argv[1:]


def seconds(work: Callable[[], object]) -> float:
    """Time one call by the clock."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def core_seconds(work: Callable[[], object]) -> float:
    """Time one call by what it takes of all cores together."""
    before = time.process_time()
    work()
    return time.process_time() - before


def in_turns(
    works: dict[str, Callable[[], object]],
    pairs: int = PAIRS,
    clock: Callable[[Callable[[], object]], float] = seconds,
    warm: bool = True,
) -> dict[str, list[float]]:
    """Time several works in turns, each time in another order; the first time of each, uncounted, warms up."""
    if warm:
        for work in works.values():
            work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for pair in range(pairs):
        names = list(works) if pair % 2 == 0 else list(reversed(works))
        for name in names:
            times[name].append(clock(works[name]))
    return times


def row(
    what: str,
    ours: list[float],
    theirs: list[float],
    say: Callable[[float], str],
    other: str,
    digits: int = 2,
) -> None:
    """Print a row of the table: the median of each, and the median, least and greatest ratio of their pairs.

    Args:
        what: What was done.
        ours: Seconds of placa, a value a pair.
        theirs: Seconds of what it is compared with.
        say: Writes a median, such as the images a second it comes to.
        other: What it is compared with.
        digits: Of the ratios.
    """
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    middle, least, most = (f"{x:.{digits}f}" for x in (statistics.median(ratios), min(ratios), max(ratios)))
    print(
        f"| {what} | {say(statistics.median(ours))} | {say(statistics.median(theirs))} ({other}) "
        f"| {middle} ({least} to {most}) |",
        flush=True,
    )


def rate(count: int, unit: str = "images/s") -> Callable[[float], str]:
    """Writes seconds for `count` things as things a second, to three digits."""

    def say(taken: float) -> str:
        value = count / taken
        return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"

    return say


def costs(work: Callable[[], object]) -> tuple[float, float, float]:
    """What one call costs: seconds by the clock, seconds of all cores together, and MB (10^6 bytes) of memory.

    Memory is the most that this process held of its own. Pages of mapped files are not counted: the kernel drops them
    when somebody needs the room. Looked at every 10 ms.
    """
    status, most, over = Path("/proc/self/status"), 0.0, Event()

    def look() -> None:
        nonlocal most
        while not over.wait(0.01):
            most = max(most, own())

    def own() -> float:
        if not status.exists():
            # macOS keeps only the most that was ever held, files and all.
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        return (
            next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("RssAnon"))
            * 1024e-6
        )

    looker = Thread(target=look)
    looker.start()
    try:
        before = time.process_time()
        taken = seconds(work)
        return taken, time.process_time() - before, max(most, own())
    finally:
        over.set()
        looker.join()


def alone(*arguments: str) -> str:
    """Run the script that calls this in a process of its own, and return what it printed."""
    done = subprocess.run([sys.executable, sys.argv[0], *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


@contextmanager
def work_directory() -> Iterator[Path]:
    """A directory that is gone in the end; TMPDIR says on which disk."""
    with TemporaryDirectory(prefix="placa-bench-") as directory:
        yield Path(directory)


def large_radiographs(directory: Path, count: int) -> tuple[list[str], str]:
    """Radiographs of 1024 x 1024 pixels: NIH's own where PLACA_DATA has them, otherwise phantoms drawn here.

    Args:
        directory: Where phantoms are drawn.
        count: How many paths to return; files repeat where there are fewer.

    Returns:
        Paths, and what they are.
    """
    folder = Path(os.environ.get("PLACA_DATA", Path(__file__).parents[2] / "shared" / "data")) / "nih" / "images"
    files, what = sorted(folder.glob("*.png")), "NIH's"
    if not files:
        from placa.phantoms.draw import draw_phantoms

        draw_phantoms(directory / "large", 24, 1024, workers=1)
        files, what = sorted((directory / "large").glob("*.png")), "phantoms"
    return [str(files[i % len(files)]) for i in range(count)], what


def random_pixels(directory: Path, count: int, size: int) -> Path:
    """Write a pixel cache of noise, as large as a real one, and return its path."""
    import numpy as np

    path = directory / f"pixels-{size}.npy"
    random = np.random.default_rng(0)
    cache = np.lib.format.open_memmap(path, "w+", "u1", (count, size, size))
    for start in range(0, count, 256):
        part = cache[start : start + 256]
        part[:] = random.integers(0, 256, part.shape, dtype=np.uint8)
    cache.flush()
    return path
