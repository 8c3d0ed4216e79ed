"""The types of ``source.json``: where a prepared data set comes from, and how it was split."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from placa.records.audit import GroupRules
from placa.records.codes import Coded, Count, Fingerprint, Record, Share

#: Version of the schema of ``source.json``.
SOURCE_SCHEMA = 3


class Comparison(TypedDict):
    """The images that a finding is compared with."""

    kind: Annotated[
        Literal["rest", "absent", "classes"],
        Meta(description="All other images; images labelled negative; or images of the named classes."),
    ]
    classes: Annotated[list[str], Meta(description="The names of the classes; empty for the other kinds.")]


#: All images without the finding.
REST: Comparison = {"kind": "rest", "classes": []}
#: The images whose label is negative.
ABSENT: Comparison = {"kind": "absent", "classes": []}


def compared_with(*classes: str) -> Comparison:
    """Return the comparison with images of the named classes."""
    return {"kind": "classes", "classes": list(classes)}


class GivenSplit(TypedDict):
    """A split that was given, for some or all images."""

    by: Annotated[
        Literal["official", "list", "column"],
        Meta(description="An official list of the source, a list of test images, or a column of the table."),
    ]
    name: Annotated[str | None, Meta(description="The file or column, if it has a name.")]


class SplitFacts(TypedDict):
    """How images were assigned to training, validation and test."""

    given: Annotated[GivenSplit | None, Meta(description="The split that was given; null if all images were assigned.")]
    unit: Annotated[
        Literal["patient", "group"] | None,
        Meta(description="What was assigned at random, stratified by finding; null if the given split was complete."),
    ]
    seed: Annotated[Count, Meta(description="Seed of the random assignment.")]
    fractions: Annotated[
        list[Share], Meta(description="Target shares of training, validation and test.", min_length=3, max_length=3)
    ]
    temporal: NotRequired[Annotated[bool, Meta(description="Whether images were assigned by date, not at random.")]]


class ReadingFacts(TypedDict):
    """The rule by which a file becomes squares of grey levels (`placa.records.reading.Reading`)."""

    rule: Annotated[Literal["stretch", "ct-slabs"], Meta(description="The rule.")]
    squares: Annotated[int, Meta(ge=1, description="Squares per file.")]
    options: Annotated[dict[str, Any], Meta(description="Parameters of the rule.")]


class WrittenLabels(TypedDict):
    """The labels of a finding in the complete table of the source, as written."""

    finding: Annotated[str, Meta(description="The finding.")]
    positive: Annotated[Count, Meta(description="Positive labels.")]
    negative: Annotated[Count, Meta(description="Negative labels.")]
    uncertain: Annotated[Count, Meta(description="Uncertain labels.")]
    blank: Annotated[Count, Meta(description="Rows that do not mention the finding.")]
    unknown: Annotated[Count, Meta(description="Rows whose labels do not state whether the finding is present.")]


class LabelPolicy(TypedDict):
    """What uncertain labels, and findings that are not mentioned, mean."""

    uncertain: Annotated[
        Literal["negative", "positive", "unknown", "drop"] | None, Meta(description="Null if the set has none.")
    ]
    blank: Annotated[Literal["negative", "unknown"] | None, Meta(description="Null if the set has none.")]
    written: Annotated[list[WrittenLabels], Meta(description="The labels by finding.")]


class ClassFacts(TypedDict):
    """What the findings are compared with, and how files are read; of a data set and of its model."""

    findings: Annotated[list[str], Meta(min_length=1, description="The findings, in order.")]
    positive_alone: Annotated[bool, Meta(description="Whether positive images have no other finding.")]
    comparison: Annotated[Comparison, Meta(description="The images that findings are compared with.")]
    resize: Annotated[str, Meta(description="The name of the rule in `reading`.")]
    reading: Annotated[ReadingFacts, Meta(description="The rule for reading files.")]


class DatasetFacts(ClassFacts):
    """What ``source.json`` and ``run.json`` have in common."""

    kind: Annotated[str, Meta(description="The source's name on the command line.")]
    label_source: Annotated[
        str, Meta(description="Origin of the labels: `phantom`, `folders`, or the name of a table or data set.")
    ]
    image_size: Annotated[int, Meta(ge=1, description="Side of the squares in pixels.")]
    split: Annotated[SplitFacts, Meta(description="How images were split.")]
    found: Annotated[Count, Meta(description="Image files found.")]
    rows: Annotated[Count, Meta(description="Rows or files read: kept, rejected, missing and unused.")]
    rejected: Annotated[Count, Meta(description="Images in rejected.csv.")]
    missing: Annotated[Count, Meta(description="Images of the table without a file.")]
    unused: Annotated[Count, Meta(description="Rows or files without a requested label.")]
    notes: Annotated[list[Coded], Meta(description="Remarks for the user.")]
    label_policy: NotRequired[
        Annotated[LabelPolicy, Meta(description="The label policy, if the set has uncertain or blank labels.")]
    ]
    fingerprint: Annotated[Fingerprint, Meta(description="Fingerprint of manifest.parquet and the pixels.")]


class SourceFacts(Record, DatasetFacts):
    """The content of ``source.json``."""

    schema_version: Annotated[int, Meta(ge=SOURCE_SCHEMA, le=SOURCE_SCHEMA, description="Version of this schema.")]
    placa_version: Annotated[str, Meta(description="Version of placa.")]
    options: Annotated[dict[str, Any], Meta(description="Options of the preparation.")]
    labelled_by_name: Annotated[bool, Meta(description="Whether the labels are the folder names.")]
    grouping: Annotated[GroupRules, Meta(description="How images were assigned to groups.")]
    files: NotRequired[Annotated[dict[str, Fingerprint], Meta(description="Fingerprints of its tables by name.")]]
    tables: Annotated[dict[str, Fingerprint], Meta(description="Fingerprints of the label files by name.")]
    versions: Annotated[dict[str, str], Meta(description="Versions by package.")]
    seconds: Annotated[float, Meta(ge=0, description="Duration of the preparation in seconds.")]
