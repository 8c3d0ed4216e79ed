"""The types of the record ``update`` of ``run.json``: how a run was made from another one and a local data set."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, TypedDict

from msgspec import Meta

from placa.records.codes import Count, Fingerprint
from placa.records.validation import SelectedSet

#: Before the identifiers of local images in the predictions of an updated run, if equal ones may be other patients.
LOCAL = "local/"
#: What is changed: nothing, the intercept, intercept and slope, a step function, the map from the score, thresholds.
UpdateMethod: TypeAlias = Literal["none", "intercept", "logistic", "isotonic", "refit"]


class FindingUpdate(TypedDict):
    """The update of one finding."""

    method: Annotated[UpdateMethod, Meta(description="The method; `none` keeps the probabilities.")]
    proposed: Annotated[UpdateMethod | None, Meta(description="The method that the closed test proposes.")]
    intercept: Annotated[float | None, Meta(description="Intercept of the line on the logit; null for `isotonic`.")]
    slope: Annotated[float | None, Meta(description="Its slope.")]
    images: Annotated[Count, Meta(description="Local images with a label.")]
    positives: Annotated[Count, Meta(description="Positive ones among them.")]


class UpdateFacts(SelectedSet):
    """How a run was updated. Its test images are those of the local data set."""

    run: Annotated[str, Meta(description="Name of the run that was updated.")]
    model: Annotated[Fingerprint, Meta(description="Fingerprint of its model.")]
    method: Annotated[str, Meta(description="The requested method, such as `auto` or `thresholds`.")]
    used: Annotated[Count, Meta(description="Images that were used.")]
    findings: Annotated[dict[str, FindingUpdate], Meta(description="The update by finding.")]
