"""Convert attenuation to an image: scatter, quantum noise, blur, display curve, borders and markers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placa.phantoms.geometry import Field

AIR_GLARE = 0.3
"""Maximum contribution of a pixel to the scatter, because the beam outside the patient scatters little."""


def coarse(field: Field, size: int) -> Field:
    """Reduce a field to (size, size) by averaging."""
    return np.asarray(Image.fromarray(field).resize((size, size), Image.Resampling.BOX), dtype=np.float32)


def fine(field: Field, size: int) -> Field:
    """Interpolate a field to (size, size) with a bicubic filter."""
    smooth = np.array(Image.fromarray(field).resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)
    return smooth


def soften(field: Field, weight: float) -> Field:
    """Blur a field with the kernel (weight, 1 - 2 weight, weight) along both axes."""
    w, m = np.float32(weight), np.float32(1 - 2 * weight)
    wide = np.pad(field, 1, mode="edge")
    rows = m * wide[1:-1] + w * (wide[:-2] + wide[2:])
    return np.asarray(m * rows[:, 1:-1] + w * (rows[:, :-2] + rows[:, 2:]), dtype=np.float32)


def _spread(field: Field, times: int) -> Field:
    for _ in range(times):
        field = soften(field, 0.25)
    return field


def cloud(rng: np.random.Generator, size: int, grains: list[tuple[int, float]]) -> Field:
    """Return correlated noise: white noise of several grain sizes, interpolated, weighted and summed."""
    total = np.zeros((size, size), dtype=np.float32)
    for cells, weight in grains:
        total += np.float32(weight) * fine(rng.standard_normal((cells, cells), dtype=np.float32), size)
    return total


def expose(line: Field, dose: float, veil: float, blur: float, rng: np.random.Generator) -> Field:
    """Return the negative logarithm of the detector signal behind a body with the given line integrals.

    The model has the Beer-Lambert law, scatter as a smooth veil, and Poisson counts with the normal approximation
    (thousands per pixel).
    """
    size = line.shape[0]
    beam = np.exp(-line)
    scatter = fine(_spread(coarse(np.minimum(beam, np.float32(AIR_GLARE)), 32), 14), size)
    beam += np.float32(veil) * np.clip(scatter, 0, None)
    beam = soften(beam, blur)
    noise = rng.standard_normal(line.shape, dtype=np.float32)
    # Light spreads in the detector, so the noise of neighbouring pixels is correlated.
    noise = soften(noise, 0.08)
    counts = beam * np.float32(dose)
    counts += noise * np.sqrt(counts)
    reading: Field = -np.log(np.maximum(counts, np.float32(4)) * np.float32(1 / dose))
    return reading


def window(line: Field, lung: Field, veil: float) -> tuple[float, float]:
    """Return the signals for black and white of the exposure control, computed without findings."""
    step = max(line.shape[0] // 48, 1)
    sample, inside = line[::step, ::step], lung[::step, ::step] > 60
    body = sample[sample > 0.8]
    dark = float(np.percentile(sample[inside], 12)) if inside.any() else 1.5
    bright = float(np.percentile(body, 97))
    floor = veil * float(np.minimum(np.exp(-sample), AIR_GLARE).mean())
    return float(-np.log(np.exp(-dark) + floor)), float(-np.log(np.exp(-bright) + floor))


def develop(reading: Field, ends: tuple[float, float], rng: np.random.Generator, bed: bool) -> NDArray[np.uint8]:
    """Convert a detector signal to pixels: contrast equalisation, then a sigmoid curve with white bones."""
    size = reading.shape[0]
    dark, bright = ends
    level = (reading - np.float32(dark)) * np.float32(1 / (bright - dark))
    # Vendors reduce large-scale contrast and increase small-scale contrast by different amounts.
    flat = rng.uniform(0.0, 0.4)
    smooth = fine(_spread(coarse(level, 32), 4), size)
    level = level - np.float32(flat) * (np.clip(smooth, -0.6, 1.2) - np.float32(0.5))
    level += np.float32(rng.uniform(0.0, 0.7)) * (level - soften(level, 0.25))
    gamma = rng.lognormal(0.98, 0.23) * (0.86 if bed else 1.0)
    middle = rng.normal(0.35, 0.13)
    shown = 1 / (1 + np.exp(-np.float32(gamma) * (level - np.float32(middle))))
    # The area outside the patient is nearly black, and the densest part is nearly white.
    low = float(1 / (1 + np.exp(gamma * (0.45 + 0.25 * rng.random() + middle))))
    high = float(1 / (1 + np.exp(-gamma * (1.05 - middle))))
    white = rng.uniform(0.82, 0.97)
    low *= rng.uniform(0.6, 1.0)
    shown = (shown - np.float32(low)) * np.float32(white / (high - low))
    pixels: NDArray[np.uint8] = np.clip(shown * 255 + np.float32(0.5), 0, 255).astype(np.uint8)
    return pixels


Stroke = tuple[tuple[float, float], tuple[float, float]]

_STROKES: dict[str, list[Stroke]] = {
    "L": [((0, 0), (0, 6)), ((0, 6), (4, 6))],
    "R": [
        ((0, 0), (0, 6)),
        ((0, 0), (3.4, 0)),
        ((3.4, 0), (4, 1.5)),
        ((4, 1.5), (3.4, 3)),
        ((3.4, 3), (0, 3)),
        ((1.6, 3), (4, 6)),
    ],
}


def _marker(pixels: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Draw a side marker, L or R, near an upper corner of that side."""
    size = pixels.shape[0]
    letter = "L" if rng.random() < 0.7 else "R"
    height = rng.uniform(0.035, 0.06) * size
    cx = size * (rng.uniform(0.84, 0.94) if letter == "L" else rng.uniform(0.06, 0.16))
    cy = size * rng.uniform(0.05, 0.2)
    angle = rng.normal(0, 0.35)
    reach = int(height) + 2
    x0, y0 = max(int(cx) - reach, 0), max(int(cy) - reach, 0)
    x1, y1 = min(int(cx) + reach, size), min(int(cy) + reach, size)
    xx, yy = np.arange(x0, x1)[None, :], np.arange(y0, y1)[:, None]
    scale = 6 / height
    px = (np.cos(angle) * (xx - cx) + np.sin(angle) * (yy - cy)) * scale + 2
    py = (np.cos(angle) * (yy - cy) - np.sin(angle) * (xx - cx)) * scale + 3
    ink = np.zeros_like(px)
    for (ax, ay), (bx, by) in _STROKES[letter]:
        dx, dy = bx - ax, by - ay
        t = np.clip(((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy), 0, 1)
        far = np.hypot(px - ax - t * dx, py - ay - t * dy)
        ink = np.maximum(ink, np.clip((0.75 - far) / scale + 0.5, 0, 1))
    ink *= rng.uniform(0.75, 1.0)
    patch = pixels[y0:y1, x0:x1]
    patch[:] = (patch + ink * (250.0 - patch)).astype(np.uint8)


def finish(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add a side marker to most images, and a collimated border to some."""
    size = pixels.shape[0]
    if rng.random() < 0.62:
        _marker(pixels, rng)
    if rng.random() < 0.4:
        shade = int(rng.integers(0, 9))
        wide = rng.uniform(0.003, 0.035, 4) * size * (rng.random(4) < 0.5)
        top, bottom, left, right = (round(float(w)) for w in wide)
        pixels[:top], pixels[size - bottom :] = shade, shade
        pixels[:, :left], pixels[:, size - right :] = shade, shade
    return pixels
