"""The machine and its installed packages."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from glob import glob
from importlib.metadata import PackageNotFoundError, version


def cores() -> int:
    """Return the number of cores that this process may use; in a container it is below that of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Return the size of the machine's memory, in bytes."""
    if not hasattr(os, "sysconf"):
        return sys.maxsize
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def has_gpu() -> bool:
    """Return whether the machine has an NVIDIA GPU that this process may use, without importing Keras."""
    return bool(glob("/dev/nvidia[0-9]*")) and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1")


#: Packages that decode images and volumes.
DECODERS = ("pillow", "isal", "imagecodecs", "tifffile", "pydicom", "nibabel")
#: Everything that can change a pixel, a probability or the audit, besides Python and R.
_PACKAGES = (
    "placa",
    "keras",
    "tensorflow",
    "jax",
    "jaxlib",
    "torch",
    "onnxruntime",
    "safetensors",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "scikit-learn",
    "opencv-python-headless",
    *DECODERS,
)


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of installed packages.

    Args:
        packages: Names of distributions; by default all that can change a pixel or a probability.
    """
    found = {package: installed_version(package) for package in packages or _PACKAGES}
    return {"python": sys.version.split()[0]} | {package: one for package, one in found.items() if one}


@cache
def installed_version(package: str) -> str | None:
    """Return the version of a package, or None if it is not installed; reading it takes a millisecond."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def decoder_versions() -> dict[str, str]:
    """Return the versions of what makes grey levels from a file: placa, NumPy and the decoders."""
    found = versions("placa", "numpy", *DECODERS)
    del found["python"]
    return found


def changed_decoders(before: Mapping[str, str]) -> str:
    """Return which decoders have another version here, such as ``pillow 12.0.0 there, 13.0.0 here``, or ``""``.

    Args:
        before: Versions by package, of another time or machine; unknown packages are not compared.
    """
    here = decoder_versions()
    changed = [name for name in here if before.get(name, here[name]) != here[name]]
    return "; ".join(f"{name} {before[name]} there, {here[name]} here" for name in changed)
