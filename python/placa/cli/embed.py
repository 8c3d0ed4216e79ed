"""``placa embed``: compute the embeddings of images with a foundation model or a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.cli.terminal import print_path, warn_rejected
from placa.core.arguments import positive_integer
from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa embed``."""
    parser.description = (
        "Write one embedding per image, a list of numbers, to a parquet file that placa train --features reads. An "
        "interrupted command continues when it is repeated."
    )
    parser.add_argument("encoder", type=Path, metavar="ENCODER", help="an ONNX file, or a run on pixels")
    parser.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="files and folders; or one prepared data set"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the parquet file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    parser.add_argument(
        "--preprocessor",
        type=Path,
        metavar="FILE",
        help="preprocessor_config.json of transformers, config.json of timm or open_clip_config.json, with mean and "
        "deviation of the input (default: the one beside the ONNX file)",
    )
    parser.add_argument(
        "--size", type=positive_integer, metavar="N", help="side of the input, where the files leave it open"
    )
    parser.add_argument(
        "--output", metavar="NAME[:cls|:mean]", help="output of the ONNX file, and how its tokens are pooled"
    )
    parser.add_argument("--model", metavar="NAME", help="name of the foundation model, for the record")
    parser.add_argument(
        "--pretrained-on",
        metavar="NAMES",
        help="data sets on which it was pretrained, separated by commas, by their names in placa sources if they have "
        "one (nih, mimic), for the record",
    )


def run(options: argparse.Namespace) -> None:
    """Embed the images and print the path of the file."""
    from placa.inference.embed import embed
    from placa.inference.encoder import open_encoder

    progress = RichProgress()
    encoder = open_encoder(options.encoder, options.preprocessor, options.size, options.output)
    if options.model:
        encoder.provenance["model"] = options.model
    if options.pretrained_on is not None:
        encoder.provenance["pretrained_on"] = [one.strip() for one in options.pretrained_on.split(",") if one.strip()]
    count, rejected = embed(encoder, options.images, options.out, options.overwrite, progress)
    warn_rejected(rejected, progress)
    progress.say(f"{count:,} embeddings of {encoder.length:,} numbers")
    print_path(options.out)
