"""Phantoms, the default data: synthetic radiographs, drawn when they are needed."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import pandas as pd

from placa.core.arguments import positive_integer
from placa.core.progress import SILENT, Progress
from placa.phantoms.draw import FINDINGS, draw_phantoms
from placa.phantoms.hospital import HOSPITALS
from placa.records.source import compared_with
from placa.sources.source import NO_FINDING, Source, require_different_findings

#: Side of the drawn radiographs, in pixels.
SIZE = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare phantom``."""
    parser.add_argument("--images", type=positive_integer, default=800, help="number of images (default: %(default)s)")
    parser.add_argument(
        "--hospital",
        default="none",
        choices=tuple(HOSPITALS),
        help="a made-up hospital with its own exposure, collimation, markers and prevalence; in north they differ "
        "between images with and without a finding (default: %(default)s)",
    )
    parser.add_argument("--positive", default=FINDINGS[0], metavar="FINDING", help="(default: %(default)s)")
    parser.add_argument("--negative", default=NO_FINDING, metavar="FINDING", help="(default: %(default)s)")


def from_options(options: argparse.Namespace, progress: Progress) -> partial[Source]:
    """Return the function that draws the source which the command line names."""
    return partial(
        read_phantoms,
        images=options.images,
        seed=options.seed,
        positive=options.positive,
        negative=options.negative,
        progress=progress,
        hospital=options.hospital,
    )


def read_phantoms(
    directory: str | Path,
    images: int = 800,
    seed: int = 0,
    positive: str = FINDINGS[0],
    negative: str = NO_FINDING,
    progress: Progress = SILENT,
    hospital: str = "none",
) -> Source:
    """Draw phantoms under a directory, and return them as a source.

    Args:
        directory: The directory in which the folder ``images`` is created.
        images: The number of images to draw; those with neither label are drawn and not used.
        seed: The random seed; the same seed gives the same bytes.
        positive: ``"Opacity"``, ``"Pneumothorax"`` or ``"No Finding"``.
        negative: Another of these names.
        progress: Where the progress bar is shown.
        hospital: One of `placa.phantoms.hospital.HOSPITALS`.

    Raises:
        UnknownNameError: A finding is unknown.
        PositiveNegativeOverlapError: Both findings are the same.
    """
    directory = Path(directory)
    require_different_findings(positive, negative, (*FINDINGS, NO_FINDING))
    with progress.bar("drawing", images) as advance:
        reported = 0

        def update(drawn_images: int) -> None:
            nonlocal reported
            advance(drawn_images - reported)
            reported = drawn_images

        drawn = draw_phantoms(directory / "images", images, SIZE, seed, progress=update, hospital=hospital)
    drawn[NO_FINDING] = (drawn[list(FINDINGS)].sum(axis=1) == 0).astype(int)
    used = drawn[(drawn[positive] == 1) | (drawn[negative] == 1)]
    keep = ["image_id", "path", "patient_id", "sex", "age", "view", positive]
    site = "phantom" if hospital == "none" else hospital
    source = used[keep].assign(site=site, label_source="phantom").reset_index(drop=True)
    return Source(
        kind="phantom",
        images=source,
        findings=[positive],
        comparison=compared_with(negative),
        label_source="phantom",
        options={"images": images, "seed": seed, "positive": positive, "negative": negative}
        | ({} if hospital == "none" else {"hospital": hospital}),
        boxes=_boxes(directory / "images" / "lesions.csv"),
    )


def _boxes(path: Path) -> pd.DataFrame:
    """Read the boxes of the drawn lesions, as fractions of the image."""
    boxes = pd.read_csv(path)
    sides = ["x", "y", "width", "height"]
    return boxes.assign(**{side: boxes[side] / SIZE for side in sides})
