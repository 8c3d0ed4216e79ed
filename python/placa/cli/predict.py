"""``placa predict``: predict findings for images with a run's model."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placa.core.arguments import SCHEDULER, add_features, add_json, nonnegative_integer, provenance_of
from placa.core.progress import RichProgress

if TYPE_CHECKING:
    import pandas as pd

    from placa.inference.loaded_run import LoadedRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa predict``."""
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument(
        "images", type=Path, nargs="*", metavar="IMAGE", help="files and folders; or one prepared data set"
    )
    add_features(parser, "parquet file (or folder) of embeddings, for a run that was trained on embeddings")
    parser.add_argument(
        "--encoder",
        type=Path,
        metavar="FILE",
        help="network that makes the embeddings: an ONNX file, or a run on pixels",
    )
    parser.add_argument(
        "--preprocessor", type=Path, metavar="FILE", help="configuration of its input (see placa embed --help)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the table to a file that ends in .parquet, .csv or .json"
    )
    parser.add_argument("--paths", action="store_true", help="write the path of each image, which may name a patient")
    parser.add_argument("--key", type=Path, metavar="FILE", help="secret key for the ids of DICOM files")
    parser.add_argument(
        "--unit",
        choices=("image", "study"),
        default="image",
        help="study: pool the images of each study of a prepared data set (default: %(default)s)",
    )
    parser.add_argument(
        "--rows", type=nonnegative_integer, default=20, help="number of rows to print (default: %(default)s; 0: all)"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help=SCHEDULER)
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    """Predict, print the table, and write it if --out is given."""
    from placa.cli.terminal import print_json, print_predictions, warn_outside, warn_rejected
    from placa.core.executors import open_executor
    from placa.core.files import require_writable
    from placa.inference.loaded_run import LoadedRun
    from placa.inference.predict import predict_files
    from placa.inference.prepared import find_prepared_set, predict_set, require_inputs
    from placa.models.errors import MissingStudyError

    if options.out:
        from placa.records.table_files import require_table_format

        require_table_format(options.out)
        require_writable(options.out.parent)
    progress = RichProgress()
    prepared = find_prepared_set(options.images)
    require_inputs(options.images, options.features, prepared)
    if options.unit == "study" and not prepared:
        raise MissingStudyError("The studies of files are unknown. Name a prepared data set, or omit --unit study.")
    rejected: list[tuple[str, str]] = []
    label_source = None
    columns: Mapping[str, Sequence[Any]] | pd.DataFrame
    with open_executor(options.scheduler, progress) as executor:
        if prepared:
            predictor = LoadedRun(options.run)
            table, facts, _ = predict_set(
                predictor, prepared, options.features, provenance_of(options), progress, executor, options.unit
            )
            columns, label_source = table, facts["label_source"]
        elif options.features:
            from placa.inference.embedded import predict_table

            predictor = LoadedRun(options.run)
            columns = table = predict_table(predictor, options.features, provenance_of(options), progress)
        elif options.encoder:
            from placa.inference.encoder import predict_encoded

            predictions = predict_encoded(options.run, options.encoder, options.images, options.preprocessor, progress)
            columns, rejected, predictor = predictions.columns(), predictions.rejected, predictions.predictor
        else:
            predictions = predict_files(options.run, options.images, progress, executor)
            columns, rejected, predictor = predictions.columns(), predictions.rejected, predictions.predictor
    warn_rejected(rejected, progress)
    warn_outside(columns, progress)
    # The file is written first: the reader of the table, such as head, may end early.
    if options.out:
        if not prepared and not options.features:
            table = predictions.table()
        if not options.paths and "path" in table:
            table, rejected = _without_paths(table, rejected, options.key, prepared is not None)
        _write_predictions(table, rejected, predictor, label_source, options.out)
        progress.say(f"{len(table):,} rows written to {options.out}")
    if options.json:
        named = {name: list(columns[name]) for name in ("image_id", "finding", "probability", "class")}
        print_json([dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)])
    else:
        print_predictions(columns, options.rows)


def _without_paths(
    table: pd.DataFrame, rejected: list[tuple[str, str]], key: Path | None, prepared: bool
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    if prepared:
        # The ids of a prepared data set contain no identifiers.
        return table.drop(columns="path"), rejected
    from placa.inference.public_ids import without_paths
    from placa.sources.dicom.patient_key import read_patient_key

    return without_paths(table, rejected, cache(lambda: read_patient_key(key)))


def _write_predictions(
    table: pd.DataFrame, rejected: list[tuple[str, str]], predictor: LoadedRun, label_source: str | None, out: Path
) -> None:
    from placa.core.files import write_rejected
    from placa.records.predictions import describe_predictions, write_predictions
    from placa.records.table_files import write_text_table

    if out.suffix.lower() == ".parquet":
        write_predictions(table, out, describe_predictions(predictor.card, label_source, predictor.fingerprint))
    else:
        write_text_table(table, out)
    rejected_csv = out.with_name(f"{out.stem}.rejected.csv")
    if rejected:
        write_rejected(rejected_csv, rejected)
    else:
        # A file of an earlier prediction would list other images.
        rejected_csv.unlink(missing_ok=True)
