"""The types of ``validation.json`` and ``monitoring.json``: what a validation or a monitoring was made of."""

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from placa.records.codes import Coded, Count, Fingerprint, Record
from placa.records.embeddings import JoinedEmbeddings

#: Versions of the schemas of ``validation.json`` and ``monitoring.json``.
VALIDATION_SCHEMA = 1
MONITORING_SCHEMA = 1


class LeftOut(TypedDict):
    """Images that were left out because the model knows them; each is counted once, under the first reason."""

    same_image: Annotated[Count, Meta(description="The image ID is one of the model's, from the same source.")]
    same_patient: Annotated[Count, Meta(description="The patient ID is one of the model's, from the same source.")]
    exact_duplicate: Annotated[Count | None, Meta(description="Same pixels; null if the pixels were not compared.")]
    near_duplicate: Annotated[Count | None, Meta(description="Nearly the same pixels; null likewise.")]


class SelectedSet(TypedDict):
    """A prepared data set, and the images of it on which a model is not applied."""

    prepared: Annotated[str, Meta(description="Path of the prepared data set.")]
    kind: Annotated[str, Meta(description="Its source.")]
    label_source: Annotated[str, Meta(description="Origin of its labels.")]
    fingerprint: Annotated[Fingerprint, Meta(description="Fingerprint of the prepared data set.")]
    found: Annotated[Count, Meta(description="Its images.")]
    left_out: Annotated[LeftOut, Meta(description="Images that the model knows.")]
    other_view: Annotated[Count, Meta(description="Images of views that the model was not trained on; left out.")]
    embeddings: NotRequired[Annotated[JoinedEmbeddings, Meta(description="The embeddings that were predicted.")]]


class ValidationFacts(Record, SelectedSet):
    """The content of ``validation.json``."""

    schema_version: Annotated[
        int, Meta(ge=VALIDATION_SCHEMA, le=VALIDATION_SCHEMA, description="Version of this schema.")
    ]
    placa_version: Annotated[str, Meta(description="Version of placa.")]
    name: Annotated[str, Meta(description="Name of the validation.")]
    created: Annotated[str, Meta(description="Date and time (ISO 8601, UTC).")]
    model: Annotated[Fingerprint, Meta(description="Fingerprint of the model.")]
    used: Annotated[Count, Meta(description="Images that were evaluated.")]
    findings: Annotated[list[str], Meta(min_length=1, description="The findings that were evaluated.")]
    findings_without_labels: Annotated[list[str], Meta(description="Findings of the model without labels here.")]
    notes: Annotated[list[Coded], Meta(description="Remarks for the user.")]
    files: NotRequired[Annotated[dict[str, Fingerprint], Meta(description="Fingerprints of its other files by name.")]]


class MonitoringFacts(Record):
    """The content of ``monitoring.json``."""

    schema_version: Annotated[
        int, Meta(ge=MONITORING_SCHEMA, le=MONITORING_SCHEMA, description="Version of this schema.")
    ]
    placa_version: Annotated[str, Meta(description="Version of placa.")]
    model: Annotated[Fingerprint, Meta(description="Fingerprint of the model.")]
    files: Annotated[dict[str, Fingerprint], Meta(description="Fingerprints of the other files by name.")]
