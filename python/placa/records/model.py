"""The types of ``thresholds.json``, of the recalibration in ``run.json``, and of ``placa.json`` in a model file."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from placa.records.codes import Share
from placa.records.source import Comparison, ReadingFacts

#: Versions of the schemas of ``thresholds.json`` and ``placa.json``.
THRESHOLDS_SCHEMA = 2
MODEL_SCHEMA = 2


class OperatingPoints(TypedDict):
    """The thresholds of one finding."""

    default: Annotated[str, Meta(description="The operating point that classifies predictions.")]
    points: Annotated[
        dict[str, Share],
        Meta(min_length=1, description="Thresholds of the probability by operating point: positive at or above."),
    ]
    chosen: Annotated[bool, Meta(description="False if validation lacks a class; the thresholds are then 0.5.")]
    reason: Annotated[
        Literal["no_positive", "no_negative"] | None, Meta(description="Which class the validation images lack.")
    ]


class Thresholds(TypedDict):
    """The content of ``thresholds.json``."""

    schema_version: Annotated[
        int, Meta(ge=THRESHOLDS_SCHEMA, le=THRESHOLDS_SCHEMA, description="Version of this schema.")
    ]
    chosen_on: Annotated[
        Literal["validation"], Meta(description="The images; with folds, the validation images of all folds.")
    ]
    findings: Annotated[dict[str, OperatingPoints], Meta(min_length=1, description="Operating points by finding.")]


class RecalibrationFacts(TypedDict):
    """The map from logits of the network to logits of the probability, for one finding."""

    method: Annotated[
        Literal["platt", "temperature", "isotonic", "none", "by_fold"],
        Meta(description="The method; `none` for the identity, `by_fold` if each fold has its own."),
    ]
    chosen: Annotated[bool, Meta(description="False if the requested method could not be fitted.")]
    reason: Annotated[
        Literal["no_positive", "no_negative", "not_increasing"] | None,
        Meta(description="Why: validation lacks a class, or the probability does not increase with the score."),
    ]
    slope: NotRequired[Annotated[float, Meta(description="Slope of the line.")]]
    intercept: NotRequired[Annotated[float, Meta(description="Intercept of the line.")]]
    knots: NotRequired[Annotated[list[list[float]], Meta(description="Logit and recalibrated logit of each knot.")]]
    slope_beyond: NotRequired[Annotated[float, Meta(description="Slope beyond the outermost knots.")]]
    log_loss: NotRequired[
        Annotated[dict[str, float], Meta(description="Cross-validated log loss by method, if methods were compared.")]
    ]


class Calibration(TypedDict):
    """The recalibration of a run."""

    method: Annotated[str, Meta(description="The requested method.")]
    findings: Annotated[dict[str, RecalibrationFacts], Meta(description="The map by finding.")]


class ModelFacts(TypedDict):
    """The content of ``placa.json``, the member of ``model.keras`` that describes the model."""

    schema_version: Annotated[int, Meta(ge=MODEL_SCHEMA, le=MODEL_SCHEMA, description="Version of this schema.")]
    placa_version: Annotated[str, Meta(description="Version of placa.")]
    findings: Annotated[list[str], Meta(min_length=1, description="The findings, in the order of the outputs.")]
    positive_alone: Annotated[bool, Meta(description="Whether positive images had no other finding.")]
    comparison: Annotated[Comparison, Meta(description="The images that findings were compared with.")]
    size: Annotated[int, Meta(ge=1, description="Side of the squares that the model takes, in pixels.")]
    resize: Annotated[str, Meta(description="The name of the rule in `reading`.")]
    reading: Annotated[ReadingFacts, Meta(description="The rule for reading files.")]
    backbone: Annotated[str, Meta(description="The network.")]
    versions: Annotated[dict[str, str], Meta(description="Versions by package.")]
