"""The foundation model from which the network of a run was trained."""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import Meta

from placa.records.codes import Fingerprint
from placa.records.embeddings import Provenance


class LicenceFacts(TypedDict):
    """The licence in the folder of a foundation model."""

    file: Annotated[str, Meta(min_length=1, description="The file that states it.")]
    fingerprint: Annotated[Fingerprint, Meta(description="Fingerprint of that file.")]
    date: Annotated[str, Meta(description="Date on which that file was last modified (ISO 8601).")]
    research_only: Annotated[
        bool, Meta(description="Whether its text or name limits the use to research, or to non-commercial purposes.")
    ]


class FoundationFacts(TypedDict):
    """The foundation model of a run."""

    model_type: Annotated[str, Meta(min_length=1, description="Its architecture.")]
    provenance: Annotated[Provenance, Meta(description="What it is, and what is done to its input.")]
    licence: Annotated[LicenceFacts | None, Meta(description="Its licence; null if the folder has none.")]
