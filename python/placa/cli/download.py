"""``placa download``: download a public data set."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from placa.core.arguments import LateParser
from placa.core.progress import Progress, RichProgress
from placa.core.text import shell_path

#: Help of ``--only``, and the finding and folder of the next command, by data set.
_ONLY = {
    "nih": "files to download: tables (12 MB), images (45 GB), or names such as images_003 (default: all)",
    "nlm-tb": "files to download: MontgomerySet (0.6 GB) or ChinaSet_AllFiles (3.8 GB) (default: both)",
    "openi": "files to download: ecgen-radiology (the reports) or NLMCXR_png (the images) (default: both)",
}
_NEXT = {"nih": ("Pneumonia", "pneumonia"), "nlm-tb": ("Tuberculosis", "tb"), "openi": ("Cardiomegaly", "cardiomegaly")}


def add_arguments(parser: LateParser) -> None:
    """Add a subcommand for each data set."""
    sets = parser.add_subparsers(prog=parser.prog, dest="dataset", metavar="SET", required=True)
    helps = {
        "nih": "NIH ChestX-ray14: 112,120 radiographs, 45 GB",
        "nlm-tb": "Shenzhen and Montgomery: 800 radiographs, 4.4 GB",
        "openi": "Open-I: 7,470 radiographs with 3,955 reports",
    }
    for name, text in helps.items():
        sets.add_parser(name, help=text).fill = partial(add_options, name)


def add_options(name: str, parser: argparse.ArgumentParser) -> None:
    """Add the options of a data set."""
    from placa.sources.download.download import DEFAULT_JOBS

    add = parser.add_argument
    add("--to", type=Path, required=True, metavar="DIR", help="directory to create or to complete")
    add("--only", nargs="+", metavar="NAME", help=_ONLY[name])
    add("--base-url", metavar="URL", help="a mirror with the files under their names")
    add(
        "--jobs",
        type=int,
        default=DEFAULT_JOBS,
        metavar="N",
        help="simultaneous transfers, 1 to 8 (default: %(default)s)",
    )
    add("--keep-archives", action="store_true", help="keep the archives after extraction")


def run(options: argparse.Namespace, progress: Progress | None = None) -> None:
    """Download the data set."""
    from placa.sources.download import download_nih, download_nlm_tb, download_openi

    download = {"nih": download_nih, "nlm-tb": download_nlm_tb, "openi": download_openi}[options.dataset]
    progress = progress or RichProgress()
    made = download(options.to, options.base_url, options.only, options.jobs, options.keep_archives, progress)
    if made and not options.only:
        finding, folder = _NEXT[options.dataset]
        progress.say(
            f"next: placa prepare {options.dataset} {shell_path(str(options.to))} --positive {finding} --out "
            f"data/prepared/{folder}"
        )
