"""A chest CT of 512 x 512 x 400 voxels from a folder of DICOM files on one core: squares, against dcm2niix.

It needs the command dcm2niix (PyPI: dcm2niix); without it, only placa is measured. dcm2niix writes all voxels, without
and with gzip; placa decodes the slices of the slabs. The time of placa includes the start of Python.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python" / "tests" / "support"))

import numpy as np
from made_series import write_series
from made_volumes import thorax
from pairs import work_directory

_READ = """
import sys
from placa.images.ct.slabs import find_volumes, read_slabs
from placa.records.reading import SQUARES, VOLUME_OPTIONS
[path] = find_volumes([sys.argv[1]])
read_slabs(path, 96, SQUARES, VOLUME_OPTIONS)
# Unlike the usage that the parent reads, it does not contain the memory of the parent before `exec`.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
_TIMES = 5
_WHAT = "CT series of 512² x 400 voxels to squares, one core"


def measure(command: list[str]) -> tuple[float, str]:
    """Seconds of a command on one core, and what it prints."""
    pinned = ["taskset", "-c", "0", *command] if shutil.which("taskset") else command
    start = time.perf_counter()
    done = subprocess.run(pinned, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout


if __name__ == "__main__":
    with work_directory() as work:
        levels = np.repeat(np.repeat(thorax(shape=(400, 128, 128)), 4, axis=1), 4, axis=2)
        folder = write_series(
            Path(work) / "scan", levels, places=[0.75 * number for number in range(400)], PixelSpacing=[0.7, 0.7]
        )
        converter = shutil.which("dcm2niix")
        times: dict[str, list[float]] = {"placa": [], "n": [], "y": []}
        peak = 0.0
        for _ in range(_TIMES):
            seconds, memory = measure([sys.executable, "-c", _READ, str(folder)])
            times["placa"].append(seconds)
            peak = max(peak, int(memory) / 1024)
            for packed in ("n", "y") if converter else ():
                target = Path(work) / packed
                target.mkdir(exist_ok=True)
                seconds, _ = measure([converter, "-z", packed, "-w", "1", "-o", str(target), str(folder)])
                times[packed].append(seconds)
        own = statistics.median(times["placa"])
        for packed, words in (("n", "dcm2niix, not compressed"), ("y", "dcm2niix, gzip")):
            if times[packed]:
                other = statistics.median(times[packed])
                print(f"| {_WHAT} | {own:.2f} s | {other:.2f} s ({words}) | {other / own:.2f} |")
        if not converter:
            print(f"| {_WHAT} | {own:.2f} s, at most {peak:.0f} MB | | |")
