"""Validate a run on another prepared data set, with the model, its recalibration and its thresholds frozen."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec import convert

import placa
from placa.core.errors import OutputExistsError
from placa.core.executors import Executor
from placa.core.files import atomic_directory, fingerprints, require_writable
from placa.core.progress import Progress, show
from placa.evaluation.either_bridge import require_bridge, run_in_r
from placa.inference.errors import ValidationNameError
from placa.inference.external_images import Selection, select_images
from placa.inference.predict import Predictor
from placa.records.evaluation import Summary
from placa.records.files import read_record, write_record
from placa.records.predictions import describe_predictions, read_predictions, write_predictions
from placa.records.validation import VALIDATION_SCHEMA, ValidationFacts
from placa.reporting.model_card import write_model_card
from placa.workflows.evaluate import add_external, evaluated_folder, read_thresholds


def validate(
    run: str | Path,
    prepared: str | Path,
    name: str | None = None,
    overwrite: bool = False,
    bridge: str = "auto",
    progress: Progress | bool = True,
    executor: Executor | None = None,
    features: str | Path | Iterable[str | Path] = (),
    provenance: Mapping[str, str] | None = None,
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
        features: Files of embeddings of the data set, for a run that was trained on embeddings; images without an
            embedding are left out.
        provenance: How they were made, where their files do not state it.

    Returns:
        The content of ``validation/NAME/summary.json``.

    Raises:
        ProvenanceMismatchError: The embeddings were made in another way than those of the run.
        OtherFindingsError: The data set has no finding of the model.
        ReadingMismatchError: The data set was read by another rule: CT where radiographs were trained.
        OtherViewsError: The data set has no view of the model.
        OtherKindError: Most images differ from all training images of the model, such as CT slices.
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
    chosen = select_images(predictor, prepared, internal, features, provenance, progress, executor)
    evaluated_folder(run, "test", progress, bridge)
    split = read_record(run / "evaluation" / "summary.json", Summary)["split"]
    internal.attrs["placa"] = metadata
    with atomic_directory(out, overwrite) as partial:
        described = describe_predictions(predictor.card, chosen.facts["label_source"], predictor.fingerprint)
        external = partial / "predictions.parquet"
        write_predictions(chosen.table, external, described)
        chosen.table.attrs["placa"] = described
        tables = partial / "tables"
        run_in_r(
            bridge,
            progress,
            "validate_external",
            {
                "x": internal,
                "external": chosen.table,
                "thresholds": read_thresholds(run),
                "split": split,
                "out": str(tables),
            },
            "validate_run",
            str(run),
            str(external),
            str(tables),
            split,
        )
        for file in tables.iterdir():
            shutil.move(file, partial / file.name)
        tables.rmdir()
        written = _facts(name, predictor, prepared, chosen)
        written["files"] = fingerprints(partial)
        write_record(partial / "validation.json", written, ValidationFacts)
    add_external(run)
    write_model_card(run)
    return read_record(out / "summary.json", Summary)


def _checked_name(name: str) -> str:
    if name in ("", ".", "..") or name.startswith(".") or any(mark in name for mark in "/\\\0"):
        message = f"--name must be the name of a folder, without slashes, got {name!r}. Choose another --name."
        raise ValidationNameError(message, name=name)
    return name


def _facts(name: str, predictor: Predictor, prepared: Path, chosen: Selection) -> ValidationFacts:
    record = {
        "schema_version": VALIDATION_SCHEMA,
        "placa_version": placa.__version__,
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": predictor.fingerprint,
        **chosen.describe(prepared),
        "used": int(chosen.table["image_id"].nunique()),
        "findings": chosen.findings,
        "findings_without_labels": chosen.unlabelled,
        "notes": [note.as_record() for note in chosen.notes],
    }
    return convert(record, ValidationFacts)
