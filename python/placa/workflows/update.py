"""Update a run for a local data set: its recalibration and thresholds, not its networks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from placa.core.arguments import UPDATE_METHODS
from placa.core.errors import OutputExistsError, require_known
from placa.core.executors import Executor
from placa.core.files import atomic_directory, fingerprint, refuse_existing
from placa.core.progress import Progress, show
from placa.dataset.embeddings import Embeddings
from placa.evaluation.either_bridge import require_bridge, run_in_r
from placa.evaluation.errors import NoUpdateError
from placa.inference.external_images import Selection, select_images
from placa.inference.known_images import share_names
from placa.inference.predict import Predictor
from placa.models.assembled import UpdateMap, with_update
from placa.models.calibration import Recalibration, logit, operating_points, sigmoid
from placa.models.files import save_model
from placa.models.onnx_file import export_onnx, save_onnx
from placa.records.files import write_record
from placa.records.model import THRESHOLDS_SCHEMA, OperatingPoints, Thresholds
from placa.records.predictions import describe_predictions, read_predictions, write_predictions
from placa.records.run_facts import LOCAL, FindingUpdate, RunFacts, UpdateFacts
from placa.records.table_files import read_results
from placa.workflows.operating_gain import operating_gain
from placa.workflows.run_directory import write_updated_run

_TABLES = ("coefficients", "tests", "gain", "operating")


def update(
    run: str | Path,
    prepared: str | Path,
    out: str | Path,
    method: str = "auto",
    overwrite: bool = False,
    bridge: str = "auto",
    progress: Progress | bool = True,
    executor: Executor | None = None,
    features: str | Path | Iterable[str | Path] = (),
    provenance: Mapping[str, str] | None = None,
) -> RunFacts:
    """Update the probabilities and thresholds of a run for a local data set, and write a new run.

    The networks stay as they are. Images that the model knows are left out, as by `placa.workflows.validate.validate`.
    R fits the new map and estimates the gain by cross-fitting: the probability of an image comes from a fit to the
    images of other patients. The test images of the new run are the local images with these cross-fitted
    probabilities; all images of the old run are its training images. The new thresholds are chosen on the local images.

    Args:
        run: The run to update.
        prepared: The local data set, all images of which are used.
        out: The directory of the new run.
        method: ``auto`` (proposed by the closed test of Vergouwe et al. 2017, doi:10.1002/sim.7179), ``intercept``,
            ``logistic``, ``isotonic``, ``refit`` (from the score before recalibration), or ``thresholds`` (the
            probabilities stay).
        overwrite: Whether to replace `out`.
        bridge: ``rpy2``, ``rscript`` or ``auto`` (see `placa.workflows.evaluate.evaluate`).
        progress: Display for progress and remarks.
        executor: Where predictions are computed; in this process by default.
        features: Files of embeddings of the data set, for a run that was trained on embeddings; images without an
            embedding are left out.
        provenance: How they were made, where their files do not state it.

    Returns:
        The content of the new ``run.json``; ``update`` describes the update, and `out` ``/update`` has its tables.

    Raises:
        NoUpdateError: The method is ``auto``, and the data support no update.
        NoNewImagesError: The model knows all images, for example its own test images.
        TooFewImagesError: No finding has 10 images with it and 10 without it.
        OtherFindingsError, OtherViewsError, ReadingMismatchError: The data set does not fit the model.
        PlacaError: `run` is not a run, `prepared` is not a prepared data set, `out` exists, or R fails.
    """
    run, prepared, out, progress = Path(run), Path(prepared), Path(out), show(progress)
    require_bridge(bridge)
    require_known("method of updating", method, UPDATE_METHODS)
    if out.absolute() == run.absolute():
        raise OutputExistsError(f"{out} is the run to update. Choose another --out.", path=str(out))
    refuse_existing(out, overwrite)
    began = time.perf_counter()
    predictor = Predictor(run)
    internal, _ = read_predictions(run)
    chosen = select_images(predictor, prepared, internal, features, provenance, progress, executor)
    usable = [
        name for name in chosen.findings if chosen.table.loc[chosen.table["finding"] == name, "truth"].nunique() == 2
    ]
    local = chosen.table[chosen.table["finding"].isin(usable)].reset_index(drop=True)
    described = describe_predictions(predictor.card, chosen.facts["label_source"], predictor.fingerprint)
    with atomic_directory(out, overwrite) as partial:
        tables = partial / "update"
        external = partial / "predictions.parquet"
        write_predictions(local, external, described)
        local.attrs["placa"] = described
        in_r = "none" if method == "thresholds" else method
        run_in_r(
            bridge,
            progress,
            "update_model",
            {"predictions": local, "method": in_r, "out": str(tables)},
            "update_run",
            str(external),
            in_r,
            str(tables),
        )
        updates = _updates(predictor, tables, usable, chosen)
        if method == "auto" and all(one["method"] == "none" for one in updates.values()):
            raise NoUpdateError(
                f"The {chosen.table['image_id'].nunique():,} images of {prepared} do not support an update: the model "
                f"of {run} is not shown to be wrong on them. Use it as it is, or choose another --method.",
                run=str(run),
                prepared=str(prepared),
            )
        maps = [_map(updates[name], name, tables) for name in predictor.findings]
        thresholds = _thresholds(predictor, local, usable, maps)
        _write_model(predictor, maps, prepared, chosen.embeddings, partial)
        model_fingerprint = fingerprint(partial / "model.keras")
        write_record(partial / "thresholds.json", thresholds, Thresholds)
        crossed = _cross_fitted(local, read_results(tables / "predictions.csv"))
        operating_gain(crossed, predictor.thresholds).to_csv(tables / "operating.csv", index=False)
        crossed = crossed.drop(columns="before")
        for left in tables.iterdir():
            if left.stem not in _TABLES:
                left.unlink()
        if not share_names(chosen.facts, predictor.facts):
            for name in ("image_id", "patient_id", "group_id"):
                crossed[name] = (LOCAL + crossed[name]).astype("string")
        old = _old_images(internal, predictor, maps)
        described["model_fingerprint"] = model_fingerprint
        write_predictions(pd.concat([old, crossed], ignore_index=True), external, described)
        record: UpdateFacts = {
            "run": predictor.facts["name"],
            "model": predictor.fingerprint,
            "method": method,
            **chosen.describe(prepared),
            "used": int(local["image_id"].nunique()),
            "findings": updates,
        }
        if (run / "history.csv").is_file():
            shutil.copyfile(run / "history.csv", partial / "history.csv")
        seconds = time.perf_counter() - began
        return write_updated_run(partial, out.absolute().name, predictor, record, old, crossed, seconds)


def _updates(predictor: Predictor, tables: Path, usable: list[str], chosen: Selection) -> dict[str, FindingUpdate]:
    """Read the coefficients that R wrote; findings without labels of both classes keep their probabilities."""
    rows = read_results(tables / "coefficients.csv").set_index("finding")
    updates: dict[str, FindingUpdate] = {}
    for name in predictor.findings:
        truth = chosen.table.loc[chosen.table["finding"] == name, "truth"]
        known: FindingUpdate = {
            "method": "none",
            "proposed": None,
            "intercept": 0.0,
            "slope": 1.0,
            "images": int(truth.notna().sum()),
            "positives": int((truth == 1).sum()),
        }
        if name in usable:
            row: Any = rows.loc[name]
            slope = None if pd.isna(row["slope"]) else float(row["slope"])
            intercept = None if pd.isna(row["intercept"]) else float(row["intercept"])
            known |= {"method": row["method"], "proposed": row["proposed"], "intercept": intercept, "slope": slope}
        updates[name] = known
    return updates


def _map(one: FindingUpdate, finding: str, tables: Path) -> UpdateMap:
    if one["method"] != "isotonic":
        return UpdateMap(Recalibration(one["slope"] or 0.0, one["intercept"] or 0.0), one["method"] == "refit")
    steps = read_results(tables / "maps.csv")
    steps = steps[steps["finding"] == finding]
    knots = zip(steps["logit"].astype(float), np.maximum.accumulate(steps["updated"].astype(float)), strict=True)
    return UpdateMap(Recalibration(0.0, 0.0, tuple(knots)))


def _updated(table: pd.DataFrame, findings: list[str], maps: list[UpdateMap]) -> pd.Series:
    """Return the updated probability of each row."""
    updated = table["probability"].astype(float).copy()
    for name, one in zip(findings, maps, strict=True):
        rows = (table["finding"] == name).to_numpy()
        before = table.loc[rows, "score" if one.from_score else "probability"].to_numpy(dtype=float)
        updated.loc[rows] = sigmoid(one.map.apply(logit(before)))
    return updated


def _thresholds(predictor: Predictor, local: pd.DataFrame, usable: list[str], maps: list[UpdateMap]) -> Thresholds:
    findings: dict[str, OperatingPoints] = dict(predictor.thresholds)
    updated = _updated(local, predictor.findings, maps)
    for name in usable:
        rows = local["finding"] == name
        truth = local.loc[rows, "truth"].to_numpy(dtype="float32", na_value=np.nan)
        findings |= operating_points([name], updated[rows].to_numpy()[:, None], truth[:, None])
    return {"schema_version": THRESHOLDS_SCHEMA, "chosen_on": "local", "findings": findings}


def _write_model(
    predictor: Predictor, maps: list[UpdateMap], prepared: Path, embeddings: Embeddings | None, partial: Path
) -> None:
    if all(one == UpdateMap() for one in maps):
        for name in ("model.keras", "model.onnx"):
            if (predictor.run / name).is_file():
                shutil.copyfile(predictor.run / name, partial / name)
        return
    model = with_update(predictor.model, maps)
    save_model(model, partial / "model.keras", predictor.card)
    from placa.dataset.prepared import read_images

    inputs = read_images(prepared, predictor.size)[1] if embeddings is None else embeddings.vectors
    onnx = export_onnx(model, inputs, predictor.reading.squares)
    if onnx.content:
        save_onnx(onnx, partial / "model.onnx", fingerprint(partial / "model.keras"))


def _cross_fitted(local: pd.DataFrame, fitted: pd.DataFrame) -> pd.DataFrame:
    """Return the labelled local images with their cross-fitted probabilities, as test images, and those ``before``."""
    known = local.rename(columns={"probability": "before"})
    both = known.merge(fitted, on=["image_id", "finding"], how="inner").assign(split="test")
    return both[[*local.columns, "before"]]


def _old_images(internal: pd.DataFrame, predictor: Predictor, maps: list[UpdateMap]) -> pd.DataFrame:
    """Return the images of the old run as training images, which the new run must not be tested on."""
    old = internal.drop(columns="fold", errors="ignore").copy()
    old["probability"] = _updated(old, predictor.findings, maps)
    old["split"] = "train"
    return old
