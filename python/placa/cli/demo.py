"""``placa demo``: run all steps on phantoms in one process."""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

from placa.core.files import refuse_existing
from placa.core.language import translate
from placa.core.progress import RichProgress
from placa.evaluation.bridge import find_r
from placa.evaluation.errors import RNotFoundError

#: Phantoms are easier than radiographs and need few epochs.
EPOCHS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa demo``."""
    parser.add_argument("--data", type=Path, default=Path("data/prepared/demo"), help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), metavar="RUN", help="(default: %(default)s)")
    parser.add_argument("--images", type=int, default=800, help="number of phantoms (default: %(default)s)")
    parser.add_argument("--epochs", type=int, help="maximum number of epochs")


def run(options: argparse.Namespace) -> None:
    """Draw phantoms, train, predict, evaluate in R and render the report; print the path of the report.

    An existing data set or run is replaced.

    Raises:
        RNotFoundError: R is not on PATH. This is checked before any other work.
        PlacaError: A step failed, or placa did not write the directory to replace.
    """
    started, data, out = time.perf_counter(), options.data, options.out
    for place in (data, out):
        refuse_existing(place, overwrite=True)
    if find_r() is None:
        raise RNotFoundError(
            "The demonstration needs R, which was not found on PATH. Install R 4.2 or newer, then run placa install-r.",
            needed_by="demo",
        )
    progress = RichProgress(stages=5)

    progress.stage("phantoms: drawing synthetic radiographs")
    from placa.sources.phantom import read_phantoms
    from placa.workflows.prepare import prepare

    prepare(
        partial(read_phantoms, images=options.images, seed=0, progress=progress),
        data,
        overwrite=True,
        progress=progress,
    )

    progress.stage("training: a small convolutional network")
    from placa.training.options import TrainOptions
    from placa.workflows.train import train

    train(data, out, TrainOptions(epochs=options.epochs or EPOCHS), overwrite=True, progress=progress)

    progress.stage("prediction: five test phantoms of both classes, from their files")
    from placa.cli.terminal import print_line, print_predictions
    from placa.inference.predict import predict_files
    from placa.records.manifest import read_manifest
    from placa.records.predictions import read_predictions

    predictions, _ = read_predictions(out)
    tested = predictions[predictions["split"] == "test"]
    shown = [name for truth, rows in ((1, 3), (0, 2)) for name in tested["image_id"][tested["truth"] == truth][:rows]]
    files = read_manifest(data).set_index("image_id").loc[shown, "path"].tolist()
    print_predictions(predict_files(out, files, progress).columns(), rows=5)

    progress.stage("evaluation, in R")
    from placa.workflows.evaluate import evaluate, headline

    summary = evaluate(out, progress=progress)

    progress.stage("report")
    from placa.reporting.render import render_report

    path = render_report(out, options.lang, progress=progress)
    for line in headline(summary):
        print_line(line)
    print_line(translate("report: {path}", path=path))
    progress.say(f"done in {round(time.perf_counter() - started):,} s")
