"""The types of ``thresholds.json``, of the recalibration in ``run.json``, and of ``placa.json`` in a model file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypeAlias, TypedDict

from msgspec import Meta

from placa.records.codes import Count, Record, Share
from placa.records.embeddings import EmbeddingFacts
from placa.records.source import ClassFacts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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


class Thresholds(Record):
    """The content of ``thresholds.json``."""

    schema_version: Annotated[
        int, Meta(ge=THRESHOLDS_SCHEMA, le=THRESHOLDS_SCHEMA, description="Version of this schema.")
    ]
    chosen_on: Annotated[
        Literal["validation", "local", "given"],
        Meta(
            description="The images; with folds, the validation images of all folds; `local` after placa update; "
            "`given` if they are numbers of the user, or 0.5."
        ),
    ]
    findings: Annotated[dict[str, OperatingPoints], Meta(min_length=1, description="Operating points by finding.")]


#: Why a finding is not recalibrated, or a fold not alone: its validation images lack a class; the probability does not
#: increase with the score; the fold has fewer than 20 images of a class; or a network gives all images the same score.
Cause: TypeAlias = Literal["no_positive", "no_negative", "not_increasing", "too_few", "equal_scores"]


class FoldRecalibration(TypedDict):
    """The validation images of one fold for one finding, and why it was not recalibrated alone."""

    fold: Annotated[str, Meta(description="Number of the fold, from 1.")]
    reason: Annotated[Cause | None, Meta(description="Why it was not recalibrated alone; null if it was.")]
    positives: Annotated[Count, Meta(description="Its positive validation images.")]
    negatives: Annotated[Count, Meta(description="Its negative validation images.")]


class RecalibrationFacts(TypedDict):
    """The map from logits of the network to logits of the probability, for one finding."""

    method: Annotated[
        Literal["platt", "temperature", "isotonic", "none", "own", "shared", "flat"],
        Meta(
            description="The method; `none` for the identity. With folds: `own` if each fold has its own map, `shared` "
            "if they share one slope, `flat` if this slope is not positive."
        ),
    ]
    chosen: Annotated[bool, Meta(description="False if the requested method could not be fitted.")]
    reason: Annotated[Cause | None, Meta(description="Why the requested method could not be fitted.")]
    folds: NotRequired[Annotated[list[FoldRecalibration], Meta(description="With folds: their validation images.")]]
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


class TypicalityFacts(TypedDict):
    """The distances of the training images from each other, for the column ``typicality`` of predictions."""

    images: Annotated[Count, Meta(description="Training images; with folds, those of the smallest fold.")]
    limit: Annotated[float, Meta(description="Distance beyond which an image is outside, in standard deviations.")]
    quantiles: Annotated[
        list[float], Meta(min_length=2, description="Quantiles of their distances at equal steps from 0 to 1.")
    ]


class ModelFacts(ClassFacts):
    """The content of ``placa.json``, the member of ``model.keras`` that describes the model."""

    schema_version: Annotated[int, Meta(ge=MODEL_SCHEMA, le=MODEL_SCHEMA, description="Version of this schema.")]
    placa_version: Annotated[str, Meta(description="Version of placa.")]
    size: Annotated[int, Meta(ge=1, description="Side of the squares that the model takes, in pixels.")]
    backbone: Annotated[str, Meta(description="The network.")]
    typicality: NotRequired[
        Annotated[TypicalityFacts, Meta(description="What images the model was trained on; absent in older models.")]
    ]
    versions: Annotated[dict[str, str], Meta(description="Versions by package.")]
    embeddings: NotRequired[
        Annotated[EmbeddingFacts, Meta(description="The embeddings that the model takes in place of pixels.")]
    ]


def typicality_columns(distance: NDArray[np.float64] | None, facts: ModelFacts) -> dict[str, list[Any]]:
    """Return the typicality of images, and whether they are outside of what a model was trained on.

    Args:
        distance: The distance of each image from the training images, or None.
        facts: The facts of the model.

    Returns:
        ``typicality``, the share of the training images that are less typical, and ``outside``, one entry per image;
        empty if the model does not compare images.
    """
    known = facts.get("typicality")
    if known is None or distance is None:
        return {}
    import numpy as np

    steps = np.linspace(1, 0, len(known["quantiles"]))
    share = np.interp(distance, known["quantiles"], steps).round(4)
    return {"typicality": share.tolist(), "outside": (distance > known["limit"]).tolist()}
