"""Predict and select the images of a data set on which a model can be validated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.core.errors import PathNotFoundError
from placa.core.executors import Executor
from placa.core.places import public_path
from placa.core.progress import Progress
from placa.dataset.embeddings import Embeddings
from placa.dataset.errors import MissingPixelsError
from placa.dataset.prepared import read_images, select_rows
from placa.inference.errors import (
    NoNewImagesError,
    OtherFindingsError,
    OtherKindError,
    OtherViewsError,
    TooFewImagesError,
)
from placa.inference.known_images import KnownImages, find_known_images
from placa.inference.predict import Predictor
from placa.inference.prepared import predict_set
from placa.models.outputs import ModelOutputs
from placa.models.studies import pool_studies
from placa.records.codes import Note
from placa.records.errors import NotPreparedError
from placa.records.files import read_record
from placa.records.predictions import tidy
from placa.records.reading import Reading, collapse
from placa.records.run_facts import DataFacts
from placa.records.source import SourceFacts
from placa.records.validation import SelectedSet

#: Minimum number of images of each class. With fewer, the interval of an AUROC is about 0.4 wide.
LEAST = 10


@dataclass(frozen=True)
class Selection:
    """The images of a data set that are evaluated: predictions, and why others are left out.

    `facts` is the content of its ``source.json``, `embeddings` what was predicted in place of its pixels.
    """

    table: pd.DataFrame
    found: int
    known: KnownImages
    other_view: int
    findings: list[str]
    unlabelled: list[str]
    notes: list[Note]
    facts: SourceFacts
    embeddings: Embeddings | None

    def describe(self, prepared: Path) -> SelectedSet:
        """Return the record of the data set, whose path is `prepared`, and of what is left out."""
        record: SelectedSet = {
            "prepared": public_path(prepared),
            "kind": self.facts["kind"],
            "label_source": self.facts["label_source"],
            "fingerprint": self.facts["fingerprint"],
            "found": self.found,
            "left_out": self.known.counts,
            "other_view": self.other_view,
        }
        if self.embeddings is not None:
            record["embeddings"] = self.embeddings.facts
        return record


def select_images(
    predictor: Predictor,
    prepared: Path,
    internal: pd.DataFrame,
    features: str | Path | Iterable[str | Path],
    provenance: Mapping[str, str] | None,
    progress: Progress,
    executor: Executor | None,
) -> Selection:
    """Predict images, and select those of trained views that the model does not know; report how many are left out.

    Args:
        predictor: The run.
        prepared: The prepared data set.
        internal: The predictions of the run.
        features, provenance, executor: As for `predict_set`.
        progress: Display for progress and remarks.

    Raises:
        OtherFindingsError: The data set has no labels of a finding of the model.
        NoNewImagesError, OtherViewsError: No image is left.
        OtherKindError: Most images differ from all training images of the model.
        TooFewImagesError: No finding has enough images of both classes.
    """
    facts = read_record(prepared / "source.json", SourceFacts)
    _require_finding(predictor, prepared, facts)
    table, _, embeddings = predict_set(predictor, prepared, features, provenance, progress, executor)
    count = len(predictor.findings)
    images = table.iloc[::count].reset_index(drop=True)
    known = find_known_images(
        images,
        facts,
        internal.drop_duplicates("image_id"),
        predictor.facts,
        _pixels(prepared, predictor.size, embeddings),
        _model_pixels(predictor),
    )
    notes = _notes(known, facts, predictor.facts["data"], progress)
    if known.known.all():
        message = f"The model of {predictor.run} knows all {len(images):,} images of {prepared}. Use other images."
        raise NoNewImagesError(message, prepared=str(prepared), images=len(images))
    # A study may have several views.
    views = sorted({view for text in internal["view"].dropna().unique() for view in re.findall(r"\w+", text)})
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
    require_kind(images[~(known.known | other)], prepared)
    other &= ~known.known
    if other.any():
        progress.warn(f"{int(other.sum()):,} images of views other than {', '.join(views)} are left out")
    kept = table[np.repeat(~(known.known | other), count)].reset_index(drop=True)
    if predictor.facts["training"].get("unit") == "study":
        kept = _by_study(kept, predictor, prepared, facts)
    labelled = [
        finding for finding in predictor.findings if kept.loc[kept["finding"] == finding, "truth"].notna().any()
    ]
    _require_enough(kept, labelled, prepared)
    kept = kept[kept["finding"].isin(labelled)].reset_index(drop=True)
    kept = kept.drop(columns=["path", "class"], errors="ignore")
    unlabelled = [finding for finding in predictor.findings if finding not in labelled]
    if unlabelled:
        progress.warn(f"no labels of {', '.join(unlabelled)}: not validated")
    return Selection(kept, len(images), known, int(other.sum()), labelled, unlabelled, notes, facts, embeddings)


def _pixels(prepared: Path, size: int, embeddings: Embeddings | None) -> NDArray[np.uint8]:
    pixels = read_images(prepared, size)[1]
    return pixels if embeddings is None else select_rows(pixels, embeddings.present)


def _require_finding(predictor: Predictor, prepared: Path, facts: SourceFacts) -> None:
    """Check that a data set has labels of a finding of a model.

    Raises:
        OtherFindingsError: It has none.
    """
    if not set(predictor.findings) & set(facts["findings"]):
        theirs, own = ", ".join(facts["findings"]), ", ".join(predictor.findings)
        raise OtherFindingsError(
            f"{prepared} has labels of {theirs}, but the model of {predictor.run} predicts {own}. Prepare the images "
            "with labels of a finding of the model, under its name.",
            prepared=str(prepared),
            findings=facts["findings"],
            model_findings=predictor.findings,
        )


def require_kind(images: pd.DataFrame, prepared: Path) -> None:
    """Check that images are of the kind that a model was trained on, by its predictions of each.

    Raises:
        OtherKindError: Most of them differ from all training images.
    """
    if "outside" not in images or not len(images):
        return
    outside = int(images["outside"].eq(True).sum())
    if 2 * outside > len(images):
        raise OtherKindError(
            f"{outside:,} of {len(images):,} images of {prepared} differ from all training images of the model: they "
            "may be of another modality or body part. Validate it on images of the kind that it was trained on.",
            prepared=str(prepared),
            images=len(images),
            outside=outside,
        )


def _by_study(table: pd.DataFrame, predictor: Predictor, prepared: Path, facts: SourceFacts) -> pd.DataFrame:
    """Pool the predictions of the images of each study, as those of the model's own images were."""
    manifest = collapse(read_images(prepared, predictor.size)[0], Reading.from_record(facts["reading"]))
    images = manifest[manifest["image_id"].isin(table["image_id"])].reset_index(drop=True)
    shape = len(images), len(predictor.findings)
    outputs = ModelOutputs(table["probability"].to_numpy().reshape(shape), table["score"].to_numpy().reshape(shape))
    studies, outputs = pool_studies(images, predictor.findings, outputs)
    return tidy(studies, predictor.findings, outputs.probability, outputs.score)


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
