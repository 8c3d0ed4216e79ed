"""What each command of the command line does: one function a command, named like it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from placa.core.progress import RichProgress
from placa.sources.registry import SOURCES, source_row

if TYPE_CHECKING:
    import pandas as pd

    from placa.inference.predict import Predictor


def prepare(options: argparse.Namespace) -> None:
    """``placa prepare``"""
    from placa.core.files import refuse_existing
    from placa.workflows.prepare import DEFAULT_SIZE
    from placa.workflows.prepare import prepare as run

    refuse_existing(options.out, options.overwrite)
    from placa.core.executors import open_executor
    from placa.dataset.splits import SplitPlan

    progress = RichProgress()
    fractions = {"fractions": tuple(options.fractions)} if options.fractions else {}
    plan = SplitPlan(options.seed, test_list=options.test_list, **fractions)
    with open_executor(options.scheduler, progress) as executor:
        source = source_row(options.source).module().from_options(options, progress)
        size = options.size or DEFAULT_SIZE
        run(source, options.out, size, options.seed, options.overwrite, progress, plan, executor)
    print(options.out)


def audit(options: argparse.Namespace) -> None:
    """``placa audit``"""
    from placa.audit.show import print_audit
    from placa.workflows.audit import audit_prepared

    print_audit(audit_prepared(options.prepared, RichProgress()))


def sources(options: argparse.Namespace) -> None:
    """``placa sources``"""
    from placa.cli.terminal import print_sources

    print_sources(SOURCES)


def download(options: argparse.Namespace) -> None:
    """``placa download``"""
    from placa.sources.download.nih import run

    run(options, RichProgress())


def train(options: argparse.Namespace) -> None:
    """``placa train``"""
    from placa.core.files import refuse_existing

    if not options.resume:
        refuse_existing(options.out, options.overwrite)
    from placa.training.arguments import from_options
    from placa.training.distributed import find_team, started_without_srun
    from placa.workflows.train import train as run

    progress = RichProgress()
    team = find_team(options.processes, options.process_id)
    if team is None and (tasks := started_without_srun()):
        progress.warn(f"SLURM would start {tasks} tasks, and this is the script alone: type srun before placa train")
    wanted = from_options(options)
    run(options.prepared, options.out, wanted, options.overwrite, progress, options.resume, team=team)
    if team is None or team.process == 0:
        print(options.out)


def predict(options: argparse.Namespace) -> None:
    """``placa predict``"""
    from placa.cli.terminal import print_predictions
    from placa.core.executors import open_executor
    from placa.core.files import require_writable
    from placa.inference.predict import Predictor, predict_files
    from placa.inference.prepared import predict_prepared, the_prepared_set

    if options.out:
        require_writable(options.out.parent)
    progress = RichProgress()
    prepared = the_prepared_set(options.images)
    rejected: list[tuple[str, str]] = []
    label_source = None
    with open_executor(options.scheduler, progress) as executor:
        if prepared:
            predictor = Predictor(options.run)
            table, facts = predict_prepared(predictor, prepared, progress, executor)
            label_source = facts["label_source"]
        else:
            table, rejected, predictor = predict_files(options.run, options.images, progress, executor)
    for path, reason in rejected:
        progress.warn(f"{path} was set aside: {reason}")
    print_predictions(table, options.rows)
    if options.out:
        _write_predictions(table, rejected, predictor, label_source, options.out)
        progress.say(f"{len(table):,} rows written to {options.out}")


def _write_predictions(
    table: pd.DataFrame, rejected: list[tuple[str, str]], predictor: Predictor, label_source: str | None, out: Path
) -> None:
    from placa.core.files import write_rejected
    from placa.records.predictions import write_predictions

    metadata = {name: predictor.facts["data"][name] for name in ("findings", "positive", "comparison")}
    note = {**metadata, "label_source": label_source, "model_fingerprint": predictor.fingerprint}
    write_predictions(table, out, note)
    set_aside = out.with_name(f"{out.stem}.rejected.csv")
    if rejected:
        write_rejected(set_aside, rejected)
    else:
        # One of an earlier prediction would speak of other images.
        set_aside.unlink(missing_ok=True)


def explain(options: argparse.Namespace) -> None:
    """``placa explain``"""
    from placa.inference.explain import explain_files
    from placa.inference.explain.boxes import lines

    progress = RichProgress()
    table, rejected, summary = explain_files(
        options.run, options.images, options.out, options.finding, options.boxes, options.threshold, progress
    )
    for path, reason in rejected:
        progress.warn(f"{path} was set aside: {reason}")
    if (table["squares"] > 1).any():
        progress.say("of each volume, the square of the highest score is explained: column square of explain.csv")
    for line in lines(summary) if summary else []:
        print(line)
    print(options.out)


def evaluate(options: argparse.Namespace) -> None:
    """``placa evaluate``"""
    from placa.workflows.evaluate import evaluate as run
    from placa.workflows.evaluate import headline

    summary = run(options.run, options.split, options.bridge, RichProgress())
    for line in headline(summary):
        print(line)
    print(options.run / "evaluation")


def report(options: argparse.Namespace) -> None:
    """``placa report``"""
    from placa.records.run import require_run
    from placa.reporting.render import render_report
    from placa.workflows.evaluate import evaluate as run_evaluation

    require_run(options.run)
    progress = RichProgress()
    if not (options.run / "evaluation" / "summary.json").is_file():
        progress.say("the run was not evaluated yet; that comes first")
        run_evaluation(options.run, progress=progress)
    names = ("lang", "to", "document", "findings", "compare", "renderer")
    print(render_report(options.run, progress=progress, **{name: getattr(options, name) for name in names}))


def doctor(options: argparse.Namespace) -> None:
    """``placa doctor``"""
    from placa.cli.doctor import print_findings

    print_findings()


def demo(options: argparse.Namespace) -> None:
    """``placa demo``"""
    from placa.cli.demo import run_demo

    run_demo(options.data, options.out, options.images, options.epochs, options.lang)
