"""``placa evaluate``: evaluate a run, or predictions made elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from placa.cli.terminal import print_json, print_line, print_path
from placa.core.arguments import add_bridge, add_json
from placa.core.errors import ThresholdOptionError
from placa.core.progress import RichProgress
from placa.records.evaluation import evaluation_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa evaluate``."""
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="a run, or a CSV or parquet file of any model's predictions"
    )
    parser.add_argument("--split", default="test", help="split to evaluate, in its own folder (default: %(default)s)")
    add_bridge(parser, python=True)
    add_json(parser)
    parser.add_argument(
        "--prevalence",
        type=float,
        metavar="SHARE",
        help="prevalence where the model would be used, such as 0.05, for the decision curve and predictive values",
    )
    parser.add_argument(
        "--readers",
        type=Path,
        metavar="FILE",
        help="CSV or parquet file with ratings of readers (reader, image_id, finding, rating), compared with the model",
    )

    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder to write, which replaces an older evaluation (default: in RUN, or NAME-evaluation beside a file)",
    )
    table = parser.add_argument_group("predictions made elsewhere (a CSV or parquet file)")
    table.add_argument(
        "--thresholds",
        nargs="+",
        metavar="NUMBER",
        help="a threshold, FINDING=NUMBER for each finding, or a run (default: chosen on validation rows, or 0.5)",
    )
    table.add_argument(
        "--images", type=Path, metavar="FOLDER", help="folder of the images, named by their ids, for an audit"
    )
    for name, about in _SEVERAL.items():
        table.add_argument(f"--{name}", nargs="+", metavar="COLUMN", help=about)
    for name, about in _SINGLE.items():
        table.add_argument(f"--{name}", metavar="LEVEL" if name == "event-level" else "COLUMN", help=about)


#: Options with the columns of a table.
_SEVERAL = {
    "truth": "the truth: one column, or one for each finding (default: truth)",
    "estimate": "the probability, 0 to 1: several columns are several findings (default: probability)",
}
_SINGLE = {
    "image-id": "the image (default: image_id; without it, each row is an image)",
    "patient-id": "the patient (default: patient_id; without it, intervals ignore repeated images)",
    "group-id": "images that belong together (default: group_id)",
    "finding": "the finding, where each row is an image and finding (default: finding)",
    "split-column": "the split (default: split; without it, all rows are the test set)",
    "event-level": "the level of the truth that is the finding: first, second, or its name",
}


def run(options: argparse.Namespace) -> None:
    """Evaluate the run or the table, and print the main results."""
    from placa.workflows.evaluate import evaluate, headline
    from placa.workflows.evaluate_table import table_folder

    names = [name.replace("-", "_") for name in (*_SEVERAL, *_SINGLE)]
    columns: Any = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    summary = evaluate(
        options.run,
        options.split,
        options.bridge,
        RichProgress(),
        options.prevalence,
        options.readers,
        options.out,
        _read_thresholds(options.thresholds),
        options.images,
        **columns,
    )
    if options.json:
        print_json(summary)
        return
    is_run = options.run.is_dir()
    folder = options.out or (evaluation_folder(options.run, options.split) if is_run else table_folder(options.run))
    if options.images is not None:
        from placa.cli.show_audit import print_audit
        from placa.records.audit import Audit
        from placa.records.files import read_record

        print_audit(read_record(folder / "audit.json", Audit), options.lang)
    for line in headline(summary):
        print_line(line)
    print_path(folder)


def _read_thresholds(texts: list[str] | None) -> float | dict[str, float] | Path | None:
    """Read the values of ``--thresholds``: a number, ``FINDING=NUMBER``, or the path of a run."""
    if texts is None:
        return None
    try:
        if len(texts) == 1 and "=" not in texts[0]:
            return float(texts[0].replace(",", "."))
        pairs = [text.rpartition("=") for text in texts]
        return {name: float(number.replace(",", ".")) for name, _, number in pairs}
    except ValueError as error:
        if len(texts) == 1 and Path(texts[0]).exists():
            return Path(texts[0])
        raise ThresholdOptionError(
            f"--thresholds must be a number, FINDING=NUMBER for each finding, or a run, got {' '.join(texts)!r}.",
            value=" ".join(texts),
        ) from error
