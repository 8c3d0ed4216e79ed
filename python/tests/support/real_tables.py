"""The complete tables of public sets, from torchxrayvision's data folder and mednet's lists, as far as they are here.

``PLACA_WHEELS`` names a directory with the wheels of torchxrayvision and mednet (``pip download --no-deps``), or both
are installed. Nothing of them is copied into the project.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from placa.core.progress import SILENT
from placa.images.read import EXTENSIONS
from placa.sources.public.records import PublicSet

_XRV = "torchxrayvision/data/"
_MEDNET = "mednet/config/classify/data/"
PADCHEST_TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"


def package_file(name: str) -> bytes | None:
    """Return a file of one of the two packages, or None where neither the package nor its wheel is."""
    package = name.split("/")[0]
    for wheel in sorted(Path(os.environ.get("PLACA_WHEELS", "/nowhere")).glob(f"{package}-*.whl")):
        with zipfile.ZipFile(wheel) as opened:
            return opened.read(name)
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]).parent / name
    return path.read_bytes() if path.is_file() else None


def lay_out(kind: str, root: Path) -> Path | None:
    """Write the real tables of a set under `root`, in the layout that placa reads; None where they are not here.

    Args:
        kind: The source on the command line.
        root: A directory.
    """
    names = {
        "chexpert": ("chexpert_train.csv.gz", "train.csv.gz"),
        "padchest": (f"{PADCHEST_TABLE}.gz", f"{PADCHEST_TABLE}.gz"),
        "siim": ("siim-pneumothorax-train-rle.csv.gz", "train-rle.csv.gz"),
        "vindr": ("vinbigdata-train.csv.gz", "train.csv.gz"),
        "rsna": ("kaggle_stage_2_train_images_dicom_headers.csv.gz", "dicom_headers.csv.gz"),
        "openi": ("nlmcxr_dicom_metadata.csv.gz", "nlmcxr_dicom_metadata.csv.gz"),
    }
    if kind == "nlm-tb":
        return _touch_nlm_tb(root)
    source, target = names[kind]
    content = package_file(_XRV + source)
    if content is None:
        return None
    root.mkdir(parents=True, exist_ok=True)
    (root / target).write_bytes(content)
    if kind == "rsna":
        labels = package_file(f"{_XRV}kaggle_stage_2_train_labels.csv.zip") or b""
        zipfile.ZipFile(io.BytesIO(labels)).extractall(root)
    if kind == "openi":
        reports = package_file(f"{_XRV}NLMCXR_reports.tgz") or b""
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(reports))) as opened:
            opened.extractall(root, filter="data")
    return root


def _touch_nlm_tb(root: Path) -> Path | None:
    """Make empty files with the names of all images."""
    for folder in ("shenzhen", "montgomery"):
        content = package_file(f"{_MEDNET}{folder}/default.json")
        if content is None:
            return None
        for part in json.loads(content).values():
            for name, *_ in part:
                path = root / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
    return root


def set_of(kind: str) -> PublicSet:
    """Return the description of a public set by its name on the command line."""
    name = kind.replace("-", "_")
    spec: PublicSet = getattr(import_module(f"placa.sources.{name}"), name.upper())
    return spec


def first_images(kind: str, root: Path, number: int) -> list[str]:
    """Return the files of the first images of a table that `lay_out` wrote, as PNG."""
    spec = set_of(kind)
    files = spec.read(root, spec.defaults, SILENT).images["file"].head(number)
    return [file if Path(file).suffix in EXTENSIONS else f"{file}.png" for file in files]
