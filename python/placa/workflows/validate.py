"""Validate a run on another prepared data set, with the model, its recalibration and its thresholds frozen."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import placa
from placa.core.errors import OutputExistsError, PathNotFoundError
from placa.core.executors import Executor
from placa.core.files import atomic_directory, require_writable
from placa.core.progress import Progress, show
from placa.dataset.errors import MissingPixelsError
from placa.dataset.prepared import read_images
from placa.evaluation.either_bridge import require_bridge, run_in_r
from placa.evaluation.r_code import VALIDATE_RUN
from placa.inference.errors import (
    NoNewImagesError,
    OtherFindingsError,
    OtherViewsError,
    TooFewImagesError,
    ValidationNameError,
)
from placa.inference.known_images import KnownImages, find_known_images
from placa.inference.predict import Predictor
from placa.inference.prepared import predict_prepared
from placa.records.codes import Note
from placa.records.errors import NotPreparedError
from placa.records.evaluation import Summary
from placa.records.files import read_record, write_record
from placa.records.predictions import describe_predictions, read_predictions, write_predictions
from placa.records.run import require_predictions
from placa.records.run_facts import DataFacts
from placa.records.source import SourceFacts
from placa.records.validation import VALIDATION_SCHEMA, ValidationFacts
from placa.reporting.model_card import write_model_card
from placa.workflows.evaluate import add_external, evaluate, read_thresholds

#: Minimum number of images of each class. With fewer, the interval of an AUROC is about 0.4 wide.
LEAST = 10


@dataclass(frozen=True)
class _Selection:
    """The images of a data set that are evaluated: predictions, and why others are left out."""

    table: pd.DataFrame
    found: int
    known: KnownImages
    other_view: int
    findings: list[str]
    unlabelled: list[str]
    notes: list[Note]


def validate(
    run: str | Path,
    prepared: str | Path,
    name: str | None = None,
    overwrite: bool = False,
    bridge: str = "auto",
    progress: Progress | bool = True,
    executor: Executor | None = None,
) -> Summary:
    """Validate a run on all images of another prepared data set, and write ``validation/NAME/`` of the run.

    The model, its recalibration and its thresholds are those of the run. Images that the model knows are left out: the
    same image or patient of the same source, and exact and near duplicates of any image of its data set. So are images
    of views that the model was not trained on. R writes the tables of `evaluate`, and compares the results with those
    on the run's own test images.

    Args:
        run: A run directory.
        prepared: A prepared data set, such as one prepared with ``--fractions 0 0 1``; its splits have no effect.
        name: Name of the validation; by default that of the data set.
        overwrite: Whether to replace a validation of that name.
        bridge: ``rpy2``, ``rscript`` or ``auto`` (see `placa.workflows.evaluate.evaluate`).
        progress: Display for progress and remarks.
        executor: Where predictions are computed; in this process by default.

    Returns:
        The content of ``validation/NAME/summary.json``.

    Raises:
        OtherFindingsError: The data set has no finding of the model.
        ReadingMismatchError: The data set was read by another rule: CT where radiographs were trained.
        OtherViewsError: The data set has no view of the model.
        NoNewImagesError: The model knows all images.
        TooFewImagesError: No finding has 10 images with it and 10 without it.
        OutputExistsError: A validation of that name exists.
        PlacaError: `run` is not a run, `prepared` is not a prepared data set, or R fails.
    """
    run, prepared, progress = Path(run), Path(prepared), show(progress)
    require_bridge(bridge)
    predictor = Predictor(run)
    require_writable(run)
    name = _checked_name(prepared.absolute().name if name is None else name)
    out = run / "validation" / name
    if out.is_dir() and any(out.iterdir()) and not overwrite:
        message = f"{out} already exists. Choose another --name, or add --overwrite to replace it."
        raise OutputExistsError(message, path=str(out))
    internal, metadata = read_predictions(run)
    require_predictions(run, predictor.facts, metadata)
    facts = read_record(prepared / "source.json", SourceFacts)
    _require_finding(predictor, prepared, facts)
    table, _ = predict_prepared(predictor, prepared, progress, executor)
    chosen = _select(predictor, prepared, facts, internal, table, progress)
    if not (run / "evaluation" / "summary.json").is_file():
        progress.say("evaluating the run first, which has no evaluation yet")
        evaluate(run, bridge=bridge, progress=progress)
    split = read_record(run / "evaluation" / "summary.json", Summary)["split"]
    internal.attrs["placa"] = metadata
    with atomic_directory(out, overwrite) as partial:
        described = describe_predictions(predictor.card, facts["label_source"], predictor.fingerprint)
        external = partial / "predictions.parquet"
        write_predictions(chosen.table, external, described)
        chosen.table.attrs["placa"] = described
        tables = partial / "tables"
        run_in_r(
            bridge,
            progress,
            "validate_external",
            lambda: {
                "x": internal,
                "external": chosen.table,
                "thresholds": read_thresholds(run),
                "split": split,
                "out": str(tables),
            },
            VALIDATE_RUN,
            str(run),
            str(external),
            str(tables),
            split,
        )
        for file in tables.iterdir():
            shutil.move(file, partial / file.name)
        tables.rmdir()
        write_record(partial / "validation.json", _facts(name, predictor, prepared, facts, chosen), ValidationFacts)
    add_external(run)
    write_model_card(run)
    return read_record(out / "summary.json", Summary)


def _checked_name(name: str) -> str:
    if name in ("", ".", "..") or name.startswith(".") or any(mark in name for mark in "/\\\0"):
        message = f"--name must be the name of a folder, without slashes, got {name!r}. Choose another --name."
        raise ValidationNameError(message, name=name)
    return name


def _require_finding(predictor: Predictor, prepared: Path, facts: SourceFacts) -> None:
    if not set(predictor.findings) & set(facts["findings"]):
        theirs, own = ", ".join(facts["findings"]), ", ".join(predictor.findings)
        raise OtherFindingsError(
            f"{prepared} has labels of {theirs}, but the model of {predictor.run} predicts {own}. Prepare the images "
            "with labels of a finding of the model, under its name.",
            prepared=str(prepared),
            findings=facts["findings"],
            model_findings=predictor.findings,
        )


def _select(
    predictor: Predictor,
    prepared: Path,
    facts: SourceFacts,
    internal: pd.DataFrame,
    table: pd.DataFrame,
    progress: Progress,
) -> _Selection:
    """Leave out images that the model knows or that it cannot be asked about, and say how many."""
    count = len(predictor.findings)
    images = table.iloc[::count].reset_index(drop=True)
    known = find_known_images(
        images,
        facts,
        internal.drop_duplicates("image_id"),
        predictor.facts["data"],
        read_images(prepared, predictor.size)[1],
        _model_pixels(predictor),
    )
    notes = _notes(known, facts, predictor.facts["data"], progress)
    if known.known.all():
        message = f"The model of {predictor.run} knows all {len(images):,} images of {prepared}. Validate it on others."
        raise NoNewImagesError(message, prepared=str(prepared), images=len(images))
    views = sorted(internal["view"].dropna().unique())
    other = (
        (images["view"].notna() & ~images["view"].isin(views)).to_numpy(dtype=bool) if views else known.known & False
    )
    if (known.known | other).all():
        theirs = ", ".join(sorted(images["view"].dropna().unique()))
        raise OtherViewsError(
            f"{prepared} has images of the view {theirs}, but the model was trained on {', '.join(views)}. Validate it "
            "on images of these views.",
            prepared=str(prepared),
            views=sorted(images["view"].dropna().unique()),
            model_views=views,
        )
    other &= ~known.known
    if other.any():
        progress.warn(f"{int(other.sum()):,} images of views other than {', '.join(views)} are left out")
    kept = table[np.repeat(~(known.known | other), count)].reset_index(drop=True)
    labelled = [
        finding for finding in predictor.findings if kept.loc[kept["finding"] == finding, "truth"].notna().any()
    ]
    _require_enough(kept, labelled, prepared)
    kept = kept[kept["finding"].isin(labelled)].reset_index(drop=True).drop(columns=["path", "class"])
    unlabelled = [finding for finding in predictor.findings if finding not in labelled]
    if unlabelled:
        progress.warn(f"no labels of {', '.join(unlabelled)}: not validated")
    return _Selection(kept, len(images), known, int(other.sum()), labelled, unlabelled, notes)


def _model_pixels(predictor: Predictor) -> NDArray[np.uint8] | None:
    """Return the pixels that the model was trained on, if they still exist and are the same."""
    data = predictor.facts["data"]
    for place in (Path(data["prepared"]), predictor.run.parent.parent / data["prepared"]):
        try:
            if read_record(place / "source.json", SourceFacts)["fingerprint"] == data["fingerprint"]:
                return read_images(place, predictor.size)[1]
        except (PathNotFoundError, NotPreparedError, MissingPixelsError):
            continue
    return None


def _notes(known: KnownImages, facts: SourceFacts, data: DataFacts, progress: Progress) -> list[Note]:
    notes: list[Note] = []
    total = int(known.known.sum())
    if total:
        parts = {
            "of the same name": known.counts["same_image"],
            "of the same patients": known.counts["same_patient"],
            "exact duplicates": known.counts["exact_duplicate"],
            "near duplicates": known.counts["near_duplicate"],
        }
        text = ", ".join(f"{n:,} {what}" for what, n in parts.items() if n)
        progress.say(f"{total:,} images that the model knows are left out: {text}")
    if known.counts["exact_duplicate"] is None:
        text = "the model's data set does not exist any more, so duplicates of its images cannot be found"
        notes.append(Note(text, "duplicates_not_compared"))
    if facts["comparison"] != data["comparison"] or facts["positive_alone"] != data["positive_alone"]:
        text = "positive and negative images are chosen by another rule than those of the model"
        notes.append(Note(text, "other_comparison"))
    if known.shared:
        notes.append(Note(f"the two sources overlap: {known.shared}", "overlapping_sources", kind=facts["kind"]))
    for note in notes:
        progress.warn(note)
    return notes


def _require_enough(table: pd.DataFrame, findings: list[str], prepared: Path) -> None:
    of = {finding: table.loc[table["finding"] == finding, "truth"] for finding in findings}
    positives = {finding: int((truth == 1).sum()) for finding, truth in of.items()}
    negatives = {finding: int((truth == 0).sum()) for finding, truth in of.items()}
    if any(min(positives[finding], negatives[finding]) >= LEAST for finding in findings):
        return
    counts = "; ".join(
        f"{finding}: {positives[finding]:,} with, {negatives[finding]:,} without" for finding in findings
    )
    images = table["image_id"].nunique()
    raise TooFewImagesError(
        f"{prepared} must have {LEAST} images with a finding and {LEAST} without it, got {counts or 'no label'}. "
        "Prepare more images.",
        prepared=str(prepared),
        images=images,
        positives=positives,
        negatives=negatives,
        least=LEAST,
    )


def _facts(name: str, predictor: Predictor, prepared: Path, facts: SourceFacts, chosen: _Selection) -> ValidationFacts:
    return {
        "schema_version": VALIDATION_SCHEMA,
        "placa_version": placa.__version__,
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": predictor.fingerprint,
        "prepared": str(prepared),
        "kind": facts["kind"],
        "label_source": facts["label_source"],
        "fingerprint": facts["fingerprint"],
        "found": chosen.found,
        "left_out": chosen.known.counts,
        "other_view": chosen.other_view,
        "used": int(chosen.table["image_id"].nunique()),
        "findings": chosen.findings,
        "findings_without_labels": chosen.unlabelled,
        "notes": [note.as_record() for note in chosen.notes],
    }
