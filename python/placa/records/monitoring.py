"""The type of ``monitoring.json``, which belongs to the tables that compare periods with a run's own test images."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from placa.records.codes import Fingerprint, Record

#: Version of the schema of ``monitoring.json``.
MONITORING_SCHEMA = 1


class MonitoringFacts(Record):
    """The content of ``monitoring.json``."""

    schema_version: Annotated[
        int, Meta(ge=MONITORING_SCHEMA, le=MONITORING_SCHEMA, description="Version of this schema.")
    ]
    placa_version: Annotated[str, Meta(description="Version of placa.")]
    model: Annotated[Fingerprint, Meta(description="Fingerprint of the model.")]
    files: Annotated[dict[str, Fingerprint], Meta(description="Fingerprints of the other files by name.")]
