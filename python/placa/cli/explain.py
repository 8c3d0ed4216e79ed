"""``placa explain``: explain predictions with Grad-CAM."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.cli.terminal import print_line, print_path, warn_rejected
from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa explain``."""
    parser.description = (
        "Explain predictions for image files with Grad-CAM (Selvaraju et al. 2017). For each image and finding, DIR "
        "contains IMAGE.FINDING.png, the overlay, with colours relative to the maximum of the map, and "
        "IMAGE.FINDING.npy, the map (float32, at the model's size, in units of the logit). explain.csv lists them. For "
        "a CT volume, the square with the highest score is explained."
    )
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("images", type=Path, nargs="*", metavar="IMAGE", help="files and folders")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the directory to write to")
    parser.add_argument("--finding", metavar="NAME", help="the finding to explain (default: the most probable)")
    parser.add_argument(
        "--boxes",
        type=Path,
        metavar="PREPARED",
        help="also explain the test images with lesion boxes of a prepared data set, and score the maps against the "
        "boxes: pointing game and overlap (boxes.csv, boxes.json)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="share of the map's maximum from which a pixel counts as marked in the overlap (default: %(default)s)",
    )
    parser.add_argument("--paths", action="store_true", help="write the path of each image, which may name a patient")
    parser.add_argument("--key", type=Path, metavar="FILE", help="secret key for the ids of DICOM files")


def run(options: argparse.Namespace) -> None:
    """Explain the images and print the directory of the maps."""
    from placa.inference.explain import explain_files
    from placa.inference.explain.boxes import format_summary

    progress = RichProgress()
    table, rejected, summary = explain_files(
        options.run,
        options.images,
        options.out,
        options.finding,
        options.boxes,
        options.threshold,
        progress,
        paths=options.paths,
        key=options.key,
    )
    warn_rejected(rejected, progress)
    if (table["squares"] > 1).any():
        progress.say(
            "for each volume, the square with the highest score is explained: see column square of explain.csv"
        )
    for line in format_summary(summary) if summary else []:
        print_line(line)
    print_path(options.out)
