"""Valid CT volumes over formats, types, byte orders, compressions, units, directions and scalings."""

from __future__ import annotations

import bz2
import gzip
import itertools
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import nibabel
import numpy as np

SIZE = (20, 18, 30)
#: Voxels in mm; the body gets denser from the feet upwards, and the patient's left is denser.
STEP = (0.7, 0.7, 4.0)


def body() -> np.ndarray:
    """Return voxels indexed from the patient's right to left, from front to back, from the feet upwards."""
    levels = np.full(SIZE, -1000, np.int16)
    levels[3:16, 4:14] = np.arange(SIZE[2]) * 30 - 800
    levels[10:16, 4:14] += 60
    return levels


def nrrd(levels: np.ndarray, space: str, unit: str, factor: float, encoding: str, order: str, directions: Any) -> bytes:
    """Return a NRRD; `directions` are the steps of the index axes in mm, in `space`."""
    names = {"i2": "short", "u2": "ushort", "i4": "int", "f4": "float", "f8": "double"}
    steps = " ".join("(" + ",".join(f"{value * factor:.9g}" for value in step) + ")" for step in directions)
    lines = [
        *("NRRD0004", "# a comment", f"type: {names[levels.dtype.str[1:]]}", "dimension: 3", f"space: {space}"),
        *(f"sizes: {' '.join(map(str, levels.shape))}", f"space directions: {steps}"),
        *(f"space units: {' '.join([chr(34) + unit + chr(34)] * 3)}" if unit else "# no units",),
        *(f"endian: {'little' if order == '<' else 'big'}", f"encoding: {encoding}", "key:=value", "", ""),
    ]
    voxels = levels.astype(levels.dtype.newbyteorder(order)).tobytes(order="F")
    packed = {"raw": bytes, "gzip": gzip.compress, "bzip2": bz2.compress}[encoding](voxels)
    return "\n".join(lines).encode() + packed


def meta_image(
    levels: np.ndarray, compressed: bool, order: str, matrix: str = "1 0 0 0 1 0 0 0 1", **more: str
) -> bytes:
    """Return a MetaImage."""
    names = {"i2": "MET_SHORT", "u2": "MET_USHORT", "i4": "MET_INT", "f4": "MET_FLOAT", "f8": "MET_DOUBLE"}
    voxels = levels.astype(levels.dtype.newbyteorder(order)).tobytes(order="F")
    packed = zlib.compress(voxels) if compressed else voxels
    fields = {
        **{"ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": str(order == ">")},
        **{"CompressedData": str(compressed), **({"CompressedDataSize": str(len(packed))} if compressed else {})},
        **{"TransformMatrix": matrix, "Offset": "0 0 0", "ElementSpacing": " ".join(map(str, STEP)), **more},
        **{"DimSize": " ".join(map(str, levels.shape)), "ElementType": names[levels.dtype.str[1:]]},
        "ElementDataFile": "LOCAL",
    }
    return "".join(f"{name} = {value}\n" for name, value in fields.items()).encode() + packed


def nifti(
    levels: np.ndarray, kind: int, order: str, extension: int = 0, slope: float = 1, intercept: float = 0
) -> bytes:
    """Return a NIfTI-1 or NIfTI-2 (not compressed), whose axes point to the left, to posterior and to superior."""
    header: Any = (nibabel.Nifti1Header, nibabel.Nifti2Header)[kind - 1](endianness=order)
    header.set_data_dtype(levels.dtype)
    header.set_data_shape(levels.shape)
    affine = np.diag([-STEP[0], -STEP[1], STEP[2], 1])
    header.set_sform(affine, 1)
    header.set_qform(affine, 1)
    header.set_xyzt_units("mm")
    block = bytearray(header.binaryblock)
    size = len(block)
    offset = size + 4 + extension
    if kind == 1:
        struct.pack_into(f"{order}fff", block, 108, offset, slope, intercept)
    else:
        struct.pack_into(f"{order}qdd", block, 168, offset, slope, intercept)
    block[4 if kind == 2 else 344 : 12 if kind == 2 else 348] = b"n+2\0\r\n\x1a\n" if kind == 2 else b"n+1\0"
    parts = bytes([int(extension > 0), 0, 0, 0])
    if extension:
        parts += struct.pack(f"{order}ii", extension, 6) + b"x" * (extension - 8)
    return bytes(block) + parts + levels.astype(levels.dtype.newbyteorder(order)).tobytes(order="F")


def volumes() -> Iterator[tuple[str, str, bytes]]:
    """Yield name, ending and content of volumes, all of the same voxels at the same places."""
    levels = body()
    kinds = ("i2", "i4", "f4", "f8")
    plain = np.diag(STEP)
    for kind, order, encoding in itertools.product(kinds, "<>", ("raw", "gzip", "bzip2")):
        data = nrrd(levels.astype(kind), "left-posterior-superior", "", 1, encoding, order, plain)
        yield f"nrrd {kind} {order} {encoding}", ".nrrd", data
    for unit, factor in (("mm", 1), ("cm", 0.1), ("m", 0.001), ("um", 1000), ("µm", 1000)):
        for space, signs in (("LPS", (1, 1, 1)), ("RAS", (-1, -1, 1)), ("left-anterior-superior", (1, -1, 1))):
            data = nrrd(levels, space, unit, factor, "raw", "<", plain * np.array(signs))
            yield f"nrrd {unit} {space}", ".nrrd", data
    for flips in itertools.product((1, -1), repeat=3):
        turned = levels[:: flips[0], :: flips[1], :: flips[2]]
        data = nrrd(np.asfortranarray(turned), "LPS", "mm", 1, "gzip", "<", plain * np.array(flips)[:, None])
        yield f"nrrd flipped {flips}", ".nrrd", data
        matrix = " ".join(str(value) for value in np.diag(flips).ravel())
        yield f"mha flipped {flips}", ".mha", meta_image(np.asfortranarray(turned), True, "<", matrix)
    for kind, order, compressed in itertools.product(kinds, "<>", (False, True)):
        yield f"mha {kind} {order} {compressed}", ".mha", meta_image(levels.astype(kind), compressed, order)
    for version, kind, order, packed in itertools.product((1, 2), kinds, "<>", (gzip.compress, bytes)):
        data = packed(nifti(levels.astype(kind), version, order))
        yield f"nifti-{version} {kind} {order} {packed.__name__}", ".nii.gz", data
    for version, extension in itertools.product((1, 2), (16, 32, 4096, 100_000)):
        data = gzip.compress(nifti(levels, version, "<", extension))
        yield f"nifti-{version} with an extension of {extension}", ".nii.gz", data
    for version, (slope, intercept), order in itertools.product((1, 2), ((2, -1024), (0.5, 3), (0, 7)), "<>"):
        values = levels if slope == 0 else (levels - intercept) / slope
        kind = "i2" if slope != 0.5 else "i4"
        data = gzip.compress(nifti(values.astype(kind), version, order, 0, slope, intercept))
        yield f"nifti-{version} {order} scaled by {slope} and {intercept}", ".nii.gz", data
