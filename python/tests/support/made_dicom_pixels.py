"""Valid DICOM files over transfer syntaxes, depths, signs, polarities and tables, with their correct grey levels."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np
from made_pixels import LUMINANCE, SHAPE, Made, film, stored
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
STREAMS = (JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless)


def dicom(samples: np.ndarray, bits: int, syntax: UID = ExplicitVRLittleEndian, **more: Any) -> bytes:
    """Return a DICOM file; `samples` are the bit patterns, unsigned, or the bytes of the pixel data."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.Modality, data.PatientID, data.PhotometricInterpretation = "DX", "P1", "MONOCHROME2"
    data.Rows, data.Columns = samples.shape[:2]
    data.SamplesPerPixel = 1 if samples.ndim == 2 else samples.shape[2]
    data.BitsAllocated = 8 if samples.dtype == np.uint8 else 16
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, 0
    if samples.ndim == 3:
        data.PhotometricInterpretation, data.PlanarConfiguration = "RGB", 0
    for name, value in more.items():
        setattr(data, name, value)
    big = syntax == ExplicitVRBigEndian
    data.PixelData = _pixels(samples, bits, syntax, bool(data.get("PlanarConfiguration")))
    data["PixelData"].VR = "OW" if data.BitsAllocated > 8 else "OB"
    if data["PixelData"].VR == "OB" and syntax in PLAIN and len(data.PixelData) % 2:
        data.PixelData += b"\0"
    file = io.BytesIO()
    implicit = syntax == ImplicitVRLittleEndian
    data.save_as(file, enforce_file_format=True, little_endian=not big, implicit_vr=implicit)
    return file.getvalue()


def _pixels(samples: np.ndarray, bits: int, syntax: UID, planar: bool) -> bytes:
    if syntax in PLAIN:
        big = syntax == ExplicitVRBigEndian
        ordered = np.moveaxis(samples, -1, 0) if planar else samples
        return ordered.astype(ordered.dtype.newbyteorder(">" if big else "<")).tobytes()
    if syntax == RLELossless:
        planes = np.moveaxis(samples.reshape(*samples.shape[:2], -1), -1, 0)
        return encapsulate([_rle(planes)])
    encoders = {
        JPEGLosslessSV1: lambda: imagecodecs.jpeg8_encode(samples, lossless=True, bitspersample=bits),
        JPEGBaseline8Bit: lambda: imagecodecs.jpeg8_encode(samples, level=98),
        JPEGLSLossless: lambda: imagecodecs.jpegls_encode(samples),
        JPEG2000Lossless: lambda: imagecodecs.jpeg2k_encode(samples, level=0, reversible=True, codecformat="j2k"),
        JPEG2000: lambda: imagecodecs.jpeg2k_encode(samples, level=60, codecformat="j2k"),
        HTJ2KLossless: lambda: imagecodecs.htj2k_encode(samples),
    }
    return encapsulate([encoders[syntax]()])


def _rle(planes: np.ndarray) -> bytes:
    """Return an RLE frame (PS3.5 annex G): a segment for each byte of each plane, the highest first."""
    segments = []
    for plane in planes:
        for place in reversed(range(plane.dtype.itemsize)):
            octets = ((plane >> (8 * place)) & 255).astype(np.uint8).tobytes()
            parts = [octets[at : at + 128] for at in range(0, len(octets), 128)]
            segment = b"".join(bytes([len(part) - 1]) + part for part in parts)
            segments.append(segment + b"\0" * (len(segment) % 2))
    starts = [64 + sum(map(len, segments[:number])) for number in range(len(segments))]
    head = np.array([len(segments), *starts, *[0] * (15 - len(segments))], "<u4").tobytes()
    return head + b"".join(segments)


def dicoms() -> Iterator[Made]:
    """Yield DICOM files of one film."""
    grey = film()
    for syntax, bits, signed, white in itertools.product(
        (*PLAIN, RLELossless, *STREAMS), (8, 10, 12, 14, 16), (False, True), (False, True)
    ):
        low = 2 ** (bits - 1) if signed else 0
        values = stored(1 - grey if white else grey, bits).astype(np.int64) - low
        patterns = (values & (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
        window = {"WindowCenter": 2 ** (bits - 1) - low, "WindowWidth": 2**bits}
        more = {**window, "PixelRepresentation": int(signed)}
        if white:
            more["PhotometricInterpretation"] = "MONOCHROME1"
        name = f"dicom {syntax.name[:24]} {bits} bits{' signed' if signed else ''}{' white' if white else ''}"
        yield Made(name, dicom(patterns, bits, syntax, **more), grey * 255, 1.5)
        if signed and bits < 16 and syntax in (*PLAIN, RLELossless) and bits > 8:
            extended = values.astype(np.int16).view(np.uint16)
            yield Made(f"{name} extended", dicom(extended, bits, syntax, **more), grey * 255, 1.5)
        if not signed and bits < 16 and syntax in PLAIN and bits > 8:
            overlay = patterns | np.uint16(0x8000)
            yield Made(f"{name} overlay", dicom(overlay, bits, syntax, **more), grey * 255, 1.5)
            high = patterns << np.uint16(16 - bits)
            yield Made(f"{name} high bits", dicom(high, bits, syntax, HighBit=15, **more), grey * 255, 1.5)
            yield Made(f"{name} wrong high bit", dicom(patterns, bits, syntax, HighBit=15, **more), grey * 255, 1.5)
    yield from _colours(grey)
    yield from _tables(grey)


def _colours(grey: np.ndarray) -> Iterator[Made]:
    rgb = np.stack([grey, grey**2, grey * 0.5], -1)
    right = rgb @ LUMINANCE * 255
    for syntax, bits, planar in itertools.product((*PLAIN, RLELossless, *STREAMS[1:]), (8, 16), (0, 1)):
        if planar and syntax in STREAMS:
            continue
        data = dicom(stored(rgb, bits), bits, syntax, PlanarConfiguration=planar)
        yield Made(f"dicom rgb {syntax.name[:24]} {bits} planar {planar}", data, right, 1.5)
    ycc = np.stack([rgb @ LUMINANCE, *[np.full(SHAPE, 128 / 255)] * 2], -1)
    for syntax, kind in itertools.product((*PLAIN, RLELossless), ("YBR_FULL",)):
        data = dicom(stored(ycc, 8), 8, syntax, PhotometricInterpretation=kind)
        yield Made(f"dicom {kind} {syntax.name[:24]}", data, right, 1.5)
    for kind in ("YBR_FULL_422", "RGB"):
        data = dicom(stored(rgb, 8), 8, JPEGBaseline8Bit, PhotometricInterpretation=kind)
        yield Made(f"dicom jpeg {kind}", data, right, 4)
    for kind in ("YBR_RCT", "RGB"):
        data = dicom(stored(rgb, 8), 8, JPEG2000Lossless, PhotometricInterpretation=kind)
        yield Made(f"dicom jpeg 2000 {kind}", data, right, 1.5)
    yield Made(
        "dicom components",
        dicom(
            stored(grey, 8),
            8,
            JPEGLosslessSV1,
            SamplesPerPixel=3,
            PhotometricInterpretation="RGB",
            PlanarConfiguration=0,
        ),
        None,
    )
    yield Made("dicom columns", dicom(stored(grey, 8), 8, JPEG2000Lossless, Columns=SHAPE[1] - 1), None)


def _tables(grey: np.ndarray) -> Iterator[Made]:
    """Yield palettes and VOI LUTs in every plain syntax; a table is that of a square root, so that it is noticed."""
    eight, twelve = stored(grey, 8), stored(grey, 12)
    for syntax, bits in itertools.product(PLAIN, (8, 16)):
        order = ">" if syntax == ExplicitVRBigEndian else "<"
        # Up to 0.9, so that the two bytes of an entry differ.
        entries = stored(0.9 * np.linspace(1, 0, 256), bits)
        words = entries.view("<u2") if bits == 8 else entries
        palette = {
            f"{one}PaletteColorLookupTable{part}": value
            for one in ("Red", "Green", "Blue")
            for part, value in (("Descriptor", [256, 0, bits]), ("Data", words.astype(f"{order}u2").tobytes()))
        }
        data = dicom(255 - eight, 8, syntax, PhotometricInterpretation="PALETTE COLOR", **palette)
        yield Made(f"dicom palette {bits} {syntax.name[:24]}", data, grey * 0.9 * 255, 1.5)
        for first in (0, -1024, 100):
            entries = stored(np.sqrt(np.linspace(0, 1, 4096 - max(first, 0))), bits)
            item = Dataset()
            item.LUTDescriptor = [len(entries), first % 65536, bits]
            words = np.append(entries, entries[-1:]) if bits == 8 and len(entries) % 2 else entries
            words = words.view("<u2") if bits == 8 else words
            item.LUTData = words.astype(f"{order}u2").tobytes()
            item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
            rescale = {"RescaleIntercept": first, "RescaleSlope": 1} if first < 0 else {}
            places = twelve.astype(float) + min(first, 0) - first
            right = np.sqrt(np.clip(places / (4095 - max(first, 0)), 0, 1)) * 255
            data = dicom(twelve, 12, syntax, VOILUTSequence=[item], **rescale)
            yield Made(f"dicom voi lut {bits} from {first} {syntax.name[:24]}", data, right, 2)
    damaged = Dataset()
    damaged.LUTDescriptor = [4096, 0, 16]
    window = {"WindowCenter": "2048", "WindowWidth": "4096"}
    yield Made("dicom damaged lut", dicom(twelve, 12, VOILUTSequence=[damaged], **window), grey * 255, 1.5)
    for center, width in ((["2048", "100"], ["4096", "100"]), (["2048", "100"], "4096")):
        data = dicom(twelve, 12, WindowCenter=center, WindowWidth=width)
        yield Made(f"dicom windows {center} {width}", data, grey * 255, 1.5)
    raw = dicom(twelve, 12, WindowCenter="2048.0", WindowWidth="4096.0").replace(b"2048.0", b"2048,0")
    yield Made("dicom decimal comma", raw, grey * 255, 1.5)
    whole = dicom(eight, 8, HTJ2KLossless)
    yield Made("dicom jpeg xl", whole.replace(b"1.2.4.201", b"1.2.4.110"), None)
    yield Made("dicom video", whole.replace(b"1.2.4.201", b"1.2.4.102"), None)
    whole = dicom(eight, 8, JPEGBaseline8Bit)
    yield Made("dicom deflated frames", whole.replace(b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.8.1\0"), None)
