"""The whole way on phantoms, in one process: what `make demo` runs."""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

from placa.core.files import refuse_existing
from placa.core.progress import RichProgress
from placa.evaluation.bridge import find_r
from placa.evaluation.errors import RNotFoundError

#: Enough for phantoms, which are cleaner than patients.
EPOCHS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa demo``."""
    parser.add_argument("--data", type=Path, default=Path("data/prepared/demo"), help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), metavar="RUN", help="(default: %(default)s)")
    parser.add_argument("--images", type=int, default=800, help="how many phantoms (default: %(default)s)")
    parser.add_argument("--epochs", type=int, help="most epochs")
    parser.add_argument(
        "--lang", default="en", choices=("en", "es"), help="the report's language (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> None:
    """Run the demonstration."""
    run_demo(options.data, options.out, options.images, options.epochs, options.lang)


def run_demo(data: Path, out: Path, images: int, epochs: int | None, lang: str) -> None:
    """Phantoms, training, prediction, evaluation in R, and the report; prints the report's path.

    Args:
        data: The prepared data set to make; an older one is replaced.
        out: The run to make; an older one is replaced.
        images: How many phantoms to draw.
        epochs: Most epochs; 30 by default.
        lang: Language of the report, ``en`` or ``es``.

    Raises:
        PlacaError: Something that the demonstration needs is missing, said before any work is done.
    """
    started = time.perf_counter()
    for place in (data, out):
        refuse_existing(place, overwrite=True)
    if find_r() is None:
        raise RNotFoundError(
            "The demonstration evaluates in R, and there is no R here: install R 4.2 or newer, then make setup.",
            needed_by="demo",
        )
    progress = RichProgress(stages=5)

    progress.stage("phantoms: drawing synthetic radiographs")
    from placa.sources.phantom import read_phantoms
    from placa.workflows.prepare import prepare

    prepare(
        partial(read_phantoms, images=images, seed=0, progress=progress),
        data,
        overwrite=True,
        progress=progress,
    )

    progress.stage("training: a small convolutional network")
    from placa.training.options import TrainOptions
    from placa.workflows.train import train

    train(data, out, TrainOptions(epochs=epochs or EPOCHS), overwrite=True, progress=progress)

    progress.stage("prediction: five of the phantoms, from their files")
    from placa.cli.terminal import print_predictions
    from placa.inference.predict import predict_files

    files = sorted((data / "images").glob("*.png"))[:5]
    print_predictions(predict_files(out, files, progress)[0], rows=5)

    progress.stage("evaluation, in R")
    from placa.workflows.evaluate import evaluate, headline

    summary = evaluate(out, progress=progress)

    progress.stage("report")
    from placa.reporting.render import render_report

    path = render_report(out, lang, progress=progress)
    for line in headline(summary):
        print(line)
    print(f"report: {path}")
    progress.say(f"done in {time.perf_counter() - started:.0f} s")
