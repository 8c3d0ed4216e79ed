"""``placa explain``: Grad-CAM of images."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa explain``."""
    parser.description = (
        "Grad-CAM (Selvaraju et al. 2017) of image files. In DIR, for each image and finding: IMAGE.FINDING.png, the "
        "overlay, coloured relative to the map's own maximum; IMAGE.FINDING.npy, the raw map (float32, the model's "
        "size, in units of the logit); and explain.csv, which lists them. Of a CT volume, the square of the highest "
        "score is explained."
    )
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("images", type=Path, nargs="*", metavar="IMAGE", help="files and folders, in any mix")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument("--finding", metavar="NAME", help="which (default: each image's most probable)")
    parser.add_argument(
        "--boxes",
        type=Path,
        metavar="PREPARED",
        help="explain the test images of a prepared set that have lesion boxes too, and score the maps against these: "
        "the pointing game, and overlap (boxes.csv, boxes.json)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="of its maximum, from which a map counts as marked in the overlap (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    """Explain the images and print where the maps are."""
    from placa.inference.explain import explain_files
    from placa.inference.explain.boxes import lines

    progress = RichProgress()
    table, rejected, summary = explain_files(
        options.run, options.images, options.out, options.finding, options.boxes, options.threshold, progress
    )
    for path, reason in rejected:
        progress.warn(f"{path} was set aside: {reason}")
    if (table["squares"] > 1).any():
        progress.say("of each volume, the square of the highest score is explained: column square of explain.csv")
    for line in lines(summary) if summary else []:
        print(line)
    print(options.out)
