"""Phantoms, the embedded default: synthetic radiographs, drawn where they are needed."""

from __future__ import annotations

from pathlib import Path

from placa.cache import cores
from placa.phantoms.draw import FINDINGS, draw_phantoms
from placa.progress import SILENT, Progress
from placa.sources import NO_FINDING, Source, require_two_findings

#: Side of the drawn radiographs, in pixels.
SIZE = 256


def read_phantoms(
    directory: Path,
    images: int = 800,
    seed: int = 0,
    positive: str = FINDINGS[0],
    negative: str = NO_FINDING,
    progress: Progress = SILENT,
) -> Source:
    """Draw phantoms under a directory, and return them as a source.

    Args:
        directory: Where to make the folder ``images``.
        images: How many to draw; those with neither label are drawn and not used.
        seed: Same seed, same bytes.
        positive: ``"Opacity"``, ``"Pneumothorax"`` or ``"No Finding"``.
        negative: Another of these.
        progress: Where to show the bar.

    Raises:
        PlacaError: A finding is unknown, or both are the same.
    """
    require_two_findings(positive, negative, (*FINDINGS, NO_FINDING))
    with progress.bar("drawing", images) as advance:
        done = 0

        def moved(finished: int) -> None:
            nonlocal done
            advance(finished - done)
            done = finished

        drawn = draw_phantoms(directory / "images", images, SIZE, seed, workers=cores(), progress=moved)
    drawn[NO_FINDING] = (drawn[list(FINDINGS)].sum(axis=1) == 0).astype(int)
    used = drawn[(drawn[positive] == 1) | (drawn[negative] == 1)]
    keep = ["image_id", "path", "patient_id", "sex", "age", "view", positive]
    source = used[keep].assign(site="phantom", label_source="phantom").reset_index(drop=True)
    return Source(
        kind="phantom",
        images=source,
        findings=[positive],
        positive=positive,
        comparison=negative,
        label_source="phantom",
        options={"images": images, "seed": seed, "positive": positive, "negative": negative},
    )
