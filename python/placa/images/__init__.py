"""Read image files as squares of grey levels: Pillow formats, DICOM, CT volumes.

Each name is imported at its first use (PEP 562): a radiograph needs no reader of volumes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from placa.images.ct.slabs import read_slabs as read_slabs
    from placa.images.grey import ImageRejected as ImageRejected
    from placa.images.read import read_image as read_image
    from placa.records.reading import VOLUME_OPTIONS as VOLUME_OPTIONS

#: Each public name, and the module that defines it.
_PUBLIC = {
    "VOLUME_OPTIONS": "placa.records.reading",
    "ImageRejected": "placa.images.grey",
    "read_image": "placa.images.read",
    "read_slabs": "placa.images.ct.slabs",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
