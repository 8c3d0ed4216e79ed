"""Read image files as squares of grey levels: Pillow formats, DICOM, CT volumes."""

from placa.images.ct.slabs import read_slabs
from placa.images.grey import ImageRejected
from placa.images.read import read_image
from placa.records.reading import VOLUME_OPTIONS

__all__ = ["VOLUME_OPTIONS", "ImageRejected", "read_image", "read_slabs"]
