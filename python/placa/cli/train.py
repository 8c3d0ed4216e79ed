"""``placa train``: train a network on a prepared data set."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.cli.terminal import print_path
from placa.core.arguments import add_features, provenance_of
from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa train``: those of the run, and all training options."""
    from placa.training import arguments

    parser.add_argument("prepared", type=Path, metavar="PREPARED")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run directory to create")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing run")
    parser.add_argument("--resume", action="store_true", help="resume an interrupted training of this run")
    add_features(
        parser,
        "parquet file (or folder) of embeddings, one row per image: a head is trained on them, not a network on the "
        "pixels; may be repeated",
    )
    parser.add_argument(
        "--processes", metavar="ADDRESSES", help="HOST or HOST:PORT of each training process, comma-separated"
    )
    parser.add_argument(
        "--process-id",
        type=int,
        metavar="N",
        help="index of this process in --processes, from 0 (default: that of torchrun, Open MPI or SLURM)",
    )
    arguments.add_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Train and print the path of the run."""
    from placa.core.files import refuse_existing

    if not options.resume:
        refuse_existing(options.out, options.overwrite)
    from placa.training.arguments import from_options
    from placa.training.distributed import find_process_group, started_without_srun
    from placa.workflows.train import train

    progress = RichProgress()
    process_group = find_process_group(options.processes, options.process_id)
    if process_group is None and (tasks := started_without_srun()):
        progress.warn(f"SLURM allocated {tasks} tasks, but only one process runs: start placa train with srun")
    wanted = from_options(options)
    train(
        options.prepared,
        options.out,
        wanted,
        options.overwrite,
        progress,
        options.resume,
        process_group=process_group,
        features=options.features,
        provenance=provenance_of(options),
    )
    if process_group is None or process_group.process == 0:
        print_path(options.out)
