"""The type of ``evaluation/summary.json``, which R writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from placa.records.codes import Count, Fingerprint, Record, Share

#: Version of the schema of ``summary.json``.
SUMMARY_SCHEMA = 1


def evaluation_folder(run: Path, split: str = "test") -> Path:
    """Return the folder of the evaluation of one split: ``evaluation`` for the test set, which no other replaces."""
    return run / ("evaluation" if split == "test" else "evaluation-" + re.sub(r"[^\w.-]", "_", split))


class Headline(TypedDict):
    """The AUROC of one finding."""

    auroc: Annotated[Share | None, Meta(description="AUROC; null if the images have only one class.")]
    auroc_lower: Annotated[Share | None, Meta(description="Lower limit of its interval.")]
    auroc_upper: Annotated[Share | None, Meta(description="Upper limit.")]
    method: Annotated[
        Literal["score", "clustered bootstrap", "delong"],
        Meta(description="The method of the interval; `score` in this version, the others in older ones."),
    ]
    confidence: Annotated[Share, Meta(description="Confidence level of the interval.")]
    n_images: Annotated[Count, Meta(description="Labelled images.")]
    n_patients: Annotated[Count | None, Meta(description="Their patients; null if patients are unknown.")]
    n_positive: Annotated[Count, Meta(description="Images with the finding.")]


class EvaluatedLabels(TypedDict):
    """The labels of an evaluation."""

    source: Annotated[str | None, Meta(description="Origin of the labels; null if unknown.")]
    subset: Annotated[list[str] | None, Meta(description="The parts of a second label source that were used.")]
    n_images: Annotated[Count, Meta(description="Images of the split.")]
    n_labelled: Annotated[Count, Meta(description="Images with a label.")]
    unlabelled_findings: Annotated[list[str], Meta(description="Findings without any label.")]


class ExternalHeadline(Headline):
    """The AUROC of one finding in an external validation."""

    name: Annotated[str, Meta(description="Name of the validation.")]
    finding: Annotated[str, Meta(description="The finding.")]


class Summary(Record):
    """The content of ``summary.json``."""

    schema_version: Annotated[int, Meta(ge=SUMMARY_SCHEMA, le=SUMMARY_SCHEMA, description="Version of this schema.")]
    split: Annotated[str, Meta(description="The evaluated split.")]
    computed_in: NotRequired[
        Annotated[Literal["python"], Meta(description="Present if Python computed the tables, without R.")]
    ]
    engine: Annotated[str, Meta(description="The package that computed the metrics, with its version.")]
    r_version: Annotated[str, Meta(description="Version of R; empty if computed in Python.")]
    placa_version: Annotated[str, Meta(description="Version of placa.")]
    draws: Annotated[int, Meta(ge=0, description="Draws of the bootstrap; 0 if computed in Python.")]
    seed: Annotated[int, Meta(description="Seed of the draws.")]
    folds: NotRequired[
        Annotated[int, Meta(ge=2, description="Folds; AUROC, average precision and curves compare images within them.")]
    ]
    prevalence: NotRequired[
        Annotated[
            dict[str, Share],
            Meta(description="The prevalence where the model would be used, by finding, if it was given."),
        ]
    ]
    patients_known: NotRequired[
        Annotated[
            bool, Meta(description="False if no patient and no group is known, so that splits may share patients.")
        ]
    ]
    compared_with: Annotated[list[str], Meta(description="The other splits, which were checked for leaks.")]
    labels: Annotated[EvaluatedLabels, Meta(description="The labels.")]
    headline: Annotated[dict[str, Headline], Meta(min_length=1, description="AUROC by finding.")]
    external: NotRequired[
        Annotated[list[ExternalHeadline], Meta(description="AUROC of the external validations; absent without any.")]
    ]
    files: Annotated[list[str], Meta(description="The files of the evaluation.")]
    fingerprints: NotRequired[
        Annotated[dict[str, Fingerprint], Meta(description="Fingerprints of its other files by name.")]
    ]
    model_fingerprint: NotRequired[
        Annotated[Fingerprint, Meta(description="Fingerprint of the model whose predictions were evaluated.")]
    ]
