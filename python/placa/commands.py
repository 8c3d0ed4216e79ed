"""What each command of the command line does: one function a command, named like it."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from placa.progress import RichProgress

if TYPE_CHECKING:
    import pandas as pd

    from placa.sources import Source


def prepare(options: argparse.Namespace) -> None:
    """``placa prepare``"""
    from placa.files import refuse_existing
    from placa.prepare import DEFAULT_SIZE
    from placa.prepare import prepare as run

    refuse_existing(options.out, options.overwrite)
    progress = RichProgress()
    size = options.size or DEFAULT_SIZE
    run(_source(options, progress), options.out, size, options.seed, options.overwrite, progress)
    print(options.out)


def _source(options: argparse.Namespace, progress: RichProgress) -> Source | partial[Source]:
    if options.source == "nih":
        from placa.sources.nih import read_nih

        return read_nih(options.root, options.positive, options.negative)
    if options.source == "folders":
        from placa.sources.folders import read_folders

        return read_folders(options.root, options.positive)
    from placa.sources.phantom import read_phantoms

    return partial(
        read_phantoms,
        images=options.images,
        seed=options.seed,
        positive=options.positive,
        negative=options.negative,
        progress=progress,
    )


def train(options: argparse.Namespace) -> None:
    """``placa train``"""
    from placa.files import refuse_existing

    refuse_existing(options.out, options.overwrite)
    from placa.train import TrainOptions
    from placa.train import train as run

    names = ("backbone", "seed", "epochs", "batch_size", "learning_rate", "patience", "mirror")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    run(options.prepared, options.out, TrainOptions(**given), options.overwrite, RichProgress())
    print(options.out)


def predict(options: argparse.Namespace) -> None:
    """``placa predict``"""
    from placa.files import require_writable
    from placa.predict import predict_files
    from placa.terminal import print_predictions

    if options.out:
        require_writable(options.out.parent)
    progress = RichProgress()
    table, rejected, predictor = predict_files(options.run, options.images, progress)
    for path, reason in rejected:
        progress.warn(f"{path} was set aside: {reason}")
    print_predictions(table, options.rows)
    if options.out:
        _write_predictions(table, rejected, predictor.facts, options.out)
        progress.say(f"{len(table):,} rows written to {options.out}")


def _write_predictions(
    table: pd.DataFrame, rejected: list[tuple[str, str]], facts: dict[str, dict[str, object]], out: Path
) -> None:
    from placa.files import write_rejected
    from placa.predictions import write_predictions

    metadata = {name: facts["data"][name] for name in ("findings", "positive", "comparison")}
    fingerprint = facts["model"]["fingerprint"]
    write_predictions(table, out, {**metadata, "label_source": None, "model_fingerprint": fingerprint})
    set_aside = out.with_name(f"{out.stem}.rejected.csv")
    if rejected:
        write_rejected(set_aside, rejected)
    else:
        # One of an earlier prediction would speak of other images.
        set_aside.unlink(missing_ok=True)


def evaluate(options: argparse.Namespace) -> None:
    """``placa evaluate``"""
    from placa.evaluate import evaluate as run
    from placa.evaluate import headline

    summary = run(options.run, options.split, options.bridge, RichProgress())
    for line in headline(summary):
        print(line)
    print(options.run / "evaluation")


def report(options: argparse.Namespace) -> None:
    """``placa report``"""
    from placa.evaluate import evaluate as run_evaluation
    from placa.report import render_report
    from placa.runs import require_run

    require_run(options.run)
    progress = RichProgress()
    if not (options.run / "evaluation" / "summary.json").is_file():
        progress.say("the run was not evaluated yet; that comes first")
        run_evaluation(options.run, progress=progress)
    print(render_report(options.run, options.lang, renderer=options.renderer, progress=progress))


def doctor(options: argparse.Namespace) -> None:
    """``placa doctor``"""
    from placa.doctor import print_findings

    print_findings()


def demo(options: argparse.Namespace) -> None:
    """``placa demo``"""
    from placa.demo import run_demo

    run_demo(options.data, options.out, options.images, options.epochs, options.lang)
