"""``placa train``: train a network on a prepared data set."""

from __future__ import annotations

import argparse
from pathlib import Path

from placa.core.progress import RichProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa train``: those of the run, and every option of training."""
    from placa.training import arguments

    parser.add_argument("prepared", type=Path, metavar="PREPARED")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run directory to make")
    parser.add_argument("--overwrite", action="store_true", help="replace a run that is there")
    parser.add_argument("--resume", action="store_true", help="go on where a training of this run was stopped")
    parser.add_argument(
        "--processes", metavar="ADDRESSES", help="HOST or HOST:PORT of each process that trains along, commas between"
    )
    parser.add_argument(
        "--process-id", type=int, metavar="N", help="which of them this is, from 0 (SLURM's own by itself)"
    )
    arguments.add_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Train, and print the path of the run."""
    from placa.core.files import refuse_existing

    if not options.resume:
        refuse_existing(options.out, options.overwrite)
    from placa.training.arguments import from_options
    from placa.training.distributed import find_team, started_without_srun
    from placa.workflows.train import train

    progress = RichProgress()
    team = find_team(options.processes, options.process_id)
    if team is None and (tasks := started_without_srun()):
        progress.warn(f"SLURM would start {tasks} tasks, and this is the script alone: type srun before placa train")
    wanted = from_options(options)
    train(options.prepared, options.out, wanted, options.overwrite, progress, options.resume, team=team)
    if team is None or team.process == 0:
        print(options.out)
