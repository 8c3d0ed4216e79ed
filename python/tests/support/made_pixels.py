"""Valid image files over formats, depths, signs, planes, polarities, compressions and photometric interpretations.

Each file is made from the same film, and comes with the 8-bit grey levels that its standard gives, or None where placa
refuses the kind by name.
"""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

#: Height and width of the film; odd, so that rows are padded.
SHAPE = (37, 53)
LUMINANCE = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Made:
    """A file: its name, content, correct grey levels (None: refused), and the largest correct difference."""

    name: str
    data: bytes
    right: np.ndarray | None
    apart: float = 1.0


def film(seed: int = 0) -> np.ndarray:
    """Return a film from 0 to 1: a ramp, a white marker, a black corner and some noise."""
    ramp = np.add.outer(np.linspace(0, 0.5, SHAPE[0]), np.linspace(0, 0.5, SHAPE[1]))
    ramp = np.clip(ramp + np.random.default_rng(seed).normal(0, 0.01, SHAPE), 0, 1)
    ramp[:6, :6], ramp[-4:, :4] = 1, 0
    return ramp


def _levels(shares: np.ndarray) -> np.ndarray:
    return np.clip(shares, 0, 1) * 255


def stored(shares: np.ndarray, bits: int) -> np.ndarray:
    """Return unsigned samples."""
    samples = np.rint(shares * (2**bits - 1))
    return samples.astype(np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32)


def _tiff(samples: np.ndarray, **how: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, metadata=None, **how)
    return file.getvalue()


def tiffs() -> Iterator[Made]:
    """Yield TIFFs."""
    grey = film()
    orders = list(itertools.product("<>", (False, True)))
    for (order, big), white, packed in itertools.product(orders, (False, True), (None, "zlib", "lzw", "zstd")):
        how: dict[str, Any] = {
            "byteorder": order,
            "bigtiff": big,
            "photometric": "miniswhite" if white else "minisblack",
        }
        name = f"tiff {order} {'big ' if big else ''}{how['photometric']} {packed}"
        shares = 1 - grey if white else grey
        for bits in (8, 16):
            for predictor in (None, 2) if packed else (None,):
                data = _tiff(stored(shares, bits), compression=packed, predictor=predictor, **how)
                yield Made(f"{name} {bits} bits, predictor {predictor}", data, _levels(grey))
        for kind in (np.float16, np.float32, np.float64):
            data = _tiff(shares.astype(kind), compression=packed, **how)
            yield Made(f"{name} {kind.__name__}", data, _levels(grey))
        if packed is None and order == "<":
            # tifffile packs the bytes of big-endian samples in the wrong order.
            data = _tiff(stored(shares, 12), bitspersample=12, **how)
            yield Made(f"{name} 12 packed bits", data, _levels(grey))
        if not white:
            data = _tiff((grey * 200 - 100).astype(np.int8), compression=packed, **how)
            yield Made(f"{name} signed 8 bits", data, None)
            data = _tiff((grey * 4000 - 1000).astype(np.int16), compression=packed, **how)
            yield Made(f"{name} signed 16 bits", data, None)
    rgb = np.stack([grey, grey**2, grey * 0.5], -1)
    alpha = np.where(np.arange(SHAPE[1]) < 20, 0.0, 1.0) * np.ones(SHAPE)
    for order, bits, planar, packed in itertools.product("<>", (8, 16), ("contig", "separate"), (None, "zlib", "lzw")):
        how = {"byteorder": order, "planarconfig": planar, "compression": packed}
        name = f"tiff {order} {bits} bits {planar} {packed}"
        for extra in (None, "unassalpha", "assocalpha"):
            for what, colours, right in (("rgb", rgb, rgb @ LUMINANCE), ("minisblack", grey[..., None], grey)):
                if extra is None and what == "minisblack":
                    continue
                shown = colours if extra != "assocalpha" else colours * alpha[..., None]
                parts = np.concatenate([shown, alpha[..., None]], -1) if extra else shown
                samples = stored(parts, bits)
                samples = np.moveaxis(samples, -1, 0) if planar == "separate" else samples
                data = _tiff(samples, photometric=what, extrasamples=[extra] if extra else None, **how)
                yield Made(f"{name} {what} {extra}", data, _levels(right * alpha if extra else right), 1.5)
    palette = (np.stack([np.arange(256)[::-1]] * 3) * 257).astype(np.uint16)
    data = _tiff(stored(1 - grey, 8), photometric="palette", colormap=palette)
    yield Made("tiff palette", data, _levels(grey))
    for name, what in (
        ("tiles", {"tile": (32, 32)}),
        ("strips", {"rowsperstrip": 5}),
        ("jpeg2000", {"compression": "jpeg2000"}),
    ):
        yield Made(f"tiff {name}", _tiff(stored(grey, 16), photometric="minisblack", **what), _levels(grey))
    over = grey * 1.2 - 0.05
    yield Made("tiff overshoot", _tiff(over.astype(np.float32), photometric="minisblack"), _levels(over))
    yield Made("tiff around zero", _tiff((grey * 2 - 1).astype(np.float32), photometric="minisblack"), None)
    yield Made("tiff complex", _tiff(grey.astype(np.complex64), photometric="minisblack"), None)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples: np.ndarray, bits: int, colour: int, extra: bytes = b"") -> bytes:
    """Return a PNG; `samples` has the shape ``(height, width, samples)``."""
    height, width = samples.shape[:2]
    rows = []
    for row in samples.reshape(height, -1):
        if bits == 16:
            packed = row.astype(">u2").tobytes()
        elif bits == 8:
            packed = row.astype(np.uint8).tobytes()
        else:
            every = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]
            packed = np.packbits(every.ravel()).tobytes()
        rows.append(b"\0" + packed)
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = _chunk(b"IDAT", zlib.compress(b"".join(rows))) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + extra + body


def pngs() -> Iterator[Made]:
    """Yield PNGs of every colour type and depth, with and without transparency."""
    grey = film()
    rgb = np.stack([grey, grey**2, grey * 0.5], -1)
    alpha = np.linspace(0, 1, SHAPE[1]) * np.ones(SHAPE)
    for bits in (1, 2, 4, 8, 16):
        samples = stored(grey, bits)
        exact = samples / (2**bits - 1)
        yield Made(f"png grey {bits}", png(samples[..., None], bits, 0), _levels(exact))
        # Of one bit, without white nothing would be left: black is transparent.
        hidden = 2**bits - 1 if bits > 1 else 0
        white = _chunk(b"tRNS", struct.pack(">H", hidden))
        clear = np.where(samples == hidden, 0, exact)
        yield Made(f"png grey {bits}, transparent white", png(samples[..., None], bits, 0, white), _levels(clear))
        if bits <= 8:
            colours = np.repeat(np.arange(2**bits)[::-1, None] * 255 // (2**bits - 1), 3, axis=1).astype(np.uint8)
            table = _chunk(b"PLTE", colours.tobytes())
            yield Made(f"png palette {bits}", png(stored(1 - grey, bits)[..., None], bits, 3, table), _levels(exact))
            # The first colour, white, is transparent; of one bit, the second.
            table += _chunk(b"tRNS", b"\0" if bits > 1 else b"\xff\0")
            data = png((2**bits - 1 - samples)[..., None], bits, 3, table)
            yield Made(f"png palette {bits}, transparent", data, _levels(clear))
    for bits, depth in ((8, 8), (16, 16), (16, 12), (16, 10)):
        scaled = stored(rgb, depth)
        name = f"png {depth} of {bits} bits"
        yield Made(f"{name} rgb", png(scaled, bits, 2), _levels(rgb @ LUMINANCE), 1.5)
        key = _chunk(b"tRNS", struct.pack(">HHH", *scaled[0, 0].tolist()))
        hidden = np.where((scaled == scaled[0, 0]).all(-1), 0, rgb @ LUMINANCE)
        yield Made(f"{name} rgb, transparent", png(scaled, bits, 2, key), _levels(hidden), 1.5)
        for part, opaque in ((alpha, "half"), (np.ones(SHAPE), "opaque")):
            parts = stored(np.concatenate([rgb, part[..., None]], -1), depth)
            right = _levels(rgb @ LUMINANCE * part)
            yield Made(f"{name} rgba {opaque}", png(parts, bits, 6), right, 2)
            parts = stored(np.stack([grey, part], -1), depth)
            yield Made(f"{name} grey and alpha {opaque}", png(parts, bits, 4), _levels(grey * part), 2)


def jpegs() -> Iterator[Made]:
    """Yield JPEG, JPEG-LS and JPEG 2000 files."""
    grey = film()
    rgb = np.stack([grey, grey**2, grey * 0.5], -1)
    for bits in (2, 4, 8, 10, 12, 14, 16):
        samples = stored(grey, bits)
        exact = _levels(samples / (2**bits - 1))
        yield Made(f"lossless jpeg {bits}", imagecodecs.jpeg8_encode(samples, lossless=True, bitspersample=bits), exact)
        if bits >= 8:
            yield Made(f"jpeg-ls {bits}", imagecodecs.jpegls_encode(samples), exact)
    for bits in (8, 12):
        data = imagecodecs.jpeg8_encode(stored(grey, bits), level=98, bitspersample=bits)
        yield Made(f"jpeg {bits}", data, _levels(grey), 4)
    for space in ("YCBCR", "RGB"):
        for lossless in (False, True) if space == "RGB" else (False,):
            data = imagecodecs.jpeg8_encode(
                stored(rgb, 8), level=98, colorspace="RGB", outcolorspace=space, lossless=lossless
            )
            yield Made(f"jpeg {space}{' lossless' if lossless else ''}", data, _levels(rgb @ LUMINANCE), 4)
    for quality, how in itertools.product((90, 98), ({"progressive": True}, {"optimize": True}, {"subsampling": 2})):
        file = io.BytesIO()
        Image.fromarray(stored(rgb, 8)).save(file, "JPEG", quality=quality, **how)
        yield Made(f"jpeg {how} {quality}", file.getvalue(), _levels(rgb @ LUMINANCE), 12)
    alpha = np.where(np.arange(SHAPE[1]) < 20, 0.0, 1.0) * np.ones(SHAPE)
    for codec, bits in itertools.product(("jp2", "j2k"), (8, 16)):
        for name, parts, right in (
            ("grey", grey, grey),
            ("grey and alpha", np.stack([grey, alpha], -1), grey * alpha),
            ("rgb", rgb, rgb @ LUMINANCE),
            ("rgba", np.concatenate([rgb, alpha[..., None]], -1), rgb @ LUMINANCE * alpha),
        ):
            for mct in (False, True) if name == "rgb" else (False,):
                how = {"level": 0, "reversible": True, "codecformat": codec, "mct": mct}
                data = imagecodecs.jpeg2k_encode(stored(parts, bits), **how)
                yield Made(f"{codec} {bits} {name} {mct}", data, _levels(right), 1.5)
        how = {"level": 0, "reversible": True, "codecformat": codec}
        signed = (grey * 200 - 100).astype(np.int8 if bits == 8 else np.int16)
        yield Made(f"{codec} signed {bits}", imagecodecs.jpeg2k_encode(signed, **how), None)
        data = imagecodecs.jpeg2k_encode(
            stored(grey, bits), level=0, reversible=True, codecformat=codec, bitspersample=bits
        )
        yield Made(f"{codec} {bits} stated", data, _levels(grey))
    for bits in (8, 12, 16):
        data = imagecodecs.htj2k_encode(stored(grey, bits))
        yield Made(f"htj2k {bits}", data, _levels(grey))


def others() -> Iterator[Made]:
    """Yield BMP, WebP, GIF and PNM, and kinds that are refused by name."""
    grey, eight = film(), stored(film(), 8)
    for kind, how in (("BMP", {}), ("GIF", {}), ("WEBP", {"lossless": True}), ("PPM", {})):
        file = io.BytesIO()
        Image.fromarray(eight).save(file, kind, **how)
        yield Made(kind, file.getvalue(), _levels(grey), 1.5)
    for bits in (10, 12, 16):
        head = f"P5 {SHAPE[1]} {SHAPE[0]} {2**bits - 1}\n".encode()
        yield Made(f"PGM {bits}", head + stored(grey, bits).astype(">u2").tobytes(), _levels(grey))
    yield Made("JPEG XL", imagecodecs.jpegxl_encode(eight, lossless=True), None)
    yield Made("AVIF", imagecodecs.avif_encode(eight), None)
    yield Made("JPEG XR", imagecodecs.jpegxr_encode(eight), None)
