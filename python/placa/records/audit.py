"""The types of ``audit.json``, which `placa.audit` writes; ``docs/audit.md`` has its rules and formulas."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from placa.records.codes import Count, Fingerprint, Record, Share, Values, Verdict
from placa.records.unusual import Unusual

#: Version of the schema of ``audit.json``.
AUDIT_SCHEMA = 3


class Side(TypedDict):
    """The images of one split or side."""

    images: Annotated[Count, Meta(description="Images.")]
    groups: Annotated[Count, Meta(description="Patients or groups.")]
    images_per_group: Annotated[float | None, Meta(description="Mean number of images per patient or group.")]
    prevalence: Annotated[dict[str, Share | None], Meta(description="Share of positive images by finding.")]
    age_median: Annotated[float | None, Meta(description="Median age in years.")]
    female: Annotated[Share | None, Meta(description="Share of images of women among those with known sex.")]
    ap: Annotated[Share | None, Meta(description="Share of AP views among those with a known view.")]


class Duplicates(TypedDict):
    """Pairs of duplicate images."""

    pairs: Annotated[Count | None, Meta(description="Pairs; null without pixels.")]
    across_splits: Annotated[Count | None, Meta(description="Pairs in two different splits.")]
    examples: Annotated[
        list[list[str | float]], Meta(description="Two image IDs each, and the correlation of a near duplicate.")
    ]


class NearRule(TypedDict):
    """The definition of a near duplicate: similar after one image is shifted and scaled onto the other."""

    nearest: Annotated[Count, Meta(description="Images compared with each image: those with the nearest thumbnails.")]
    thumbnail: Annotated[Count, Meta(description="Side of the thumbnails in pixels.")]
    side: Annotated[Count, Meta(description="Side at which details are compared, in pixels.")]
    correlation: Annotated[float, Meta(description="Correlation of the details above which a pair is near.")]


class NearDuplicates(Duplicates):
    """Pairs of near duplicates."""

    rule: Annotated[NearRule | None, Meta(description="The definition; null without pixels.")]


class PredictiveName(TypedDict):
    """A part of a path that predicts a finding."""

    where: Annotated[Literal["folder", "file_name"], Meta(description="Where the token is.")]
    kind: Annotated[Literal["whole", "word", "shape"], Meta(description="A folder name, a word, or a name's pattern.")]
    token: Annotated[str, Meta(description="The token, in lower case.")]
    finding: Annotated[str, Meta(description="The finding.")]
    images: Annotated[Count, Meta(description="Images with the token.")]
    positive_with: Annotated[Share, Meta(description="Share of positive images among them.")]
    positive_without: Annotated[Share, Meta(description="Share of positive images among the others.")]


class Names(TypedDict):
    """File and folder names that predict a finding."""

    examined: Annotated[Count, Meta(description="Tokens examined.")]
    telling: Annotated[list[PredictiveName], Meta(description="Tokens that predict a finding.")]
    by_construction: Annotated[bool, Meta(description="Whether the labels are the folder names.")]


class Joined(TypedDict):
    """Images that one rule joined to groups."""

    rule: Annotated[Literal["copies", "neighbours", "look_alikes", "left_over"], Meta(description="The rule.")]
    values: Annotated[Values, Meta(description="Its numbers: distances, correlations, sizes.")]
    pairs: Annotated[Count, Meta(description="Pairs that it joined.")]


class GroupRules(TypedDict):
    """How images were assigned to groups."""

    rule: Annotated[Literal["patient", "found"], Meta(description="By patient, or by similarity of the images.")]
    cap: Annotated[Count | None, Meta(description="Largest number of images of a group that was found.")]
    refused: Annotated[Count | None, Meta(description="Joins above that number.")]
    joined_by: Annotated[list[Joined], Meta(description="Rules of similarity; empty if patients are known.")]


#: The assignment if patients are known.
BY_PATIENT: GroupRules = {"rule": "patient", "cap": None, "refused": None, "joined_by": []}


class Grouping(GroupRules):
    """The rules that assigned images to groups, and the resulting groups."""

    groups: Annotated[Count, Meta(description="Groups.")]
    largest: Annotated[Count, Meta(description="Images of the largest group.")]
    largest_share: Annotated[Share, Meta(description="Its share of all images.")]


class Leakage(TypedDict):
    """What training and test have in common."""

    verdict: Annotated[Verdict, Meta(description="The verdict.")]
    patients_across_splits: Annotated[Count, Meta(description="Patients in more than one split.")]
    groups_across_splits: Annotated[Count, Meta(description="Groups in more than one split.")]
    image_wise_split_would_leak: Annotated[
        Share, Meta(description="Share of test images with a known group after a split by image: the mean of draws.")
    ]
    image_wise_lowest: NotRequired[Annotated[Share, Meta(description="The lowest share of these draws.")]]
    image_wise_highest: NotRequired[Annotated[Share, Meta(description="The highest share.")]]
    image_wise_draws: NotRequired[Annotated[Count, Meta(description="Splits that were drawn.")]]
    test_images_duplicated: Annotated[Share, Meta(description="Share of test images with a duplicate elsewhere.")]
    exact_duplicates: Annotated[Duplicates, Meta(description="Identical pixels.")]
    near_duplicates: Annotated[NearDuplicates, Meta(description="Similar pixels after alignment.")]
    names: Annotated[Names, Meta(description="Names with the label in them.")]
    grouping: Annotated[Grouping, Meta(description="Groups.")]


class Reason(TypedDict):
    """Why a probe was not measured."""

    code: Annotated[
        Literal[
            "too_few_groups",
            "no_pixels",
            "constant",
            "no_view_age_sex",
            "same_dimensions",
            "same_file",
            "unequal_groups",
            "missing_files",
            "unknown_dimensions",
        ],
        Meta(description="The reason."),
    ]
    values: Annotated[Values, Meta(description="Its numbers.")]


class Probe(TypedDict):
    """How well one simple property of the images predicts one finding."""

    probe: Annotated[
        Literal[
            "view_age_sex",
            "file",
            "dimensions",
            "histogram",
            "frame",
            "thumbnail",
            "maker",
            "model",
            "reader",
            "follow_up",
            "days",
            "site",
            "window",
            "scan",
        ],
        Meta(description="The property; `maker` to `window` only where the source records them, `scan` of CT volumes."),
    ]
    columns: NotRequired[
        Annotated[
            list[Literal["view", "age", "sex"]],
            Meta(
                description="For `view_age_sex`, the columns that differ between images and are not the label itself."
            ),
        ]
    ]
    finding: Annotated[str, Meta(description="The finding.")]
    images: Annotated[Count, Meta(description="Images with a label.")]
    groups: Annotated[Count, Meta(description="Their patients or groups.")]
    auroc: Annotated[Share | None, Meta(description="Cross-validated AUROC.")]
    lower: Annotated[float | None, Meta(description="Lower limit of the simultaneous 95 % interval.")]
    upper: Annotated[float | None, Meta(description="Upper limit.")]
    verdict: Annotated[Verdict, Meta(description="The verdict.")]
    reason: Annotated[Reason | None, Meta(description="Why it was not measured.")]


class Shortcuts(TypedDict):
    """How well simple properties predict the findings."""

    images: Annotated[Count, Meta(description="Images used.")]
    sampled_from: Annotated[Count, Meta(description="Images of the data set.")]
    folds: Annotated[Count, Meta(description="Folds of the cross-validation.")]
    penalty: Annotated[float, Meta(description="Inverse strength of the L2 penalty.")]
    seconds: Annotated[float, Meta(description="Duration in seconds.")]
    probes: Annotated[list[Probe], Meta(description="One row per probe and finding.")]
    verdict: Annotated[Verdict, Meta(description="The worst verdict.")]


class PolicyCounts(TypedDict):
    """The labels of a finding in the complete table of the source under one label policy."""

    finding: Annotated[str, Meta(description="The finding.")]
    uncertain: Annotated[str | None, Meta(description="Truth of uncertain labels; null if the set has none.")]
    blank: Annotated[str | None, Meta(description="Truth of findings that are not mentioned; null if it has none.")]
    positive: Annotated[Count, Meta(description="Rows that are positive.")]
    negative: Annotated[Count, Meta(description="Rows that are negative.")]
    unknown: Annotated[Count, Meta(description="Rows whose truth is unknown, or that are left out.")]
    used: Annotated[bool, Meta(description="Whether this policy was used.")]


class LabelQuality(TypedDict):
    """Agreement of the labels with a second source."""

    finding: Annotated[str, Meta(description="The finding.")]
    labels: Annotated[str, Meta(description="Origin of the labels.")]
    reference: Annotated[str, Meta(description="Origin of the reference.")]
    subset: Annotated[str | None, Meta(description="A part of the reference; null for all of it.")]
    images: Annotated[Count, Meta(description="Images with both.")]
    patients: Annotated[Count, Meta(description="Their patients.")]
    both: Annotated[Count, Meta(description="Positive in both.")]
    labels_only: Annotated[Count, Meta(description="Positive in the labels only.")]
    reference_only: Annotated[Count, Meta(description="Positive in the reference only.")]
    neither: Annotated[Count, Meta(description="Negative in both.")]
    agreement: Annotated[Share | None, Meta(description="Share of equal labels.")]
    agreement_lower: Annotated[float | None, Meta(description="Lower limit of its 95 % interval.")]
    agreement_upper: Annotated[float | None, Meta(description="Upper limit.")]
    kappa: Annotated[float | None, Meta(description="Cohen's kappa.")]
    ppv: Annotated[Share | None, Meta(description="Share of positive labels that the reference confirms.")]
    ppv_lower: Annotated[float | None, Meta(description="Lower limit of its 95 % interval.")]
    ppv_upper: Annotated[float | None, Meta(description="Upper limit.")]
    sensitivity: Annotated[Share | None, Meta(description="Share of positive references that the labels contain.")]
    sensitivity_lower: Annotated[float | None, Meta(description="Lower limit of its 95 % interval.")]
    sensitivity_upper: Annotated[float | None, Meta(description="Upper limit.")]


class Difference(TypedDict):
    """A property of training and test images."""

    what: Annotated[
        Literal["prevalence", "ap", "female", "age", "images_per_patient"], Meta(description="The property.")
    ]
    finding: Annotated[str | None, Meta(description="The finding of a prevalence.")]
    train: Annotated[float | None, Meta(description="Share, mean age in years, or images per patient in training.")]
    test: Annotated[float | None, Meta(description="The same in the test set.")]
    difference: Annotated[float | None, Meta(description="Test minus training.")]
    lower: Annotated[float | None, Meta(description="Lower limit of the simultaneous 95 % interval.")]
    upper: Annotated[float | None, Meta(description="Upper limit.")]
    size: Annotated[float | None, Meta(description="Standardised difference.")]
    size_lower: NotRequired[Annotated[float | None, Meta(description="Lower limit of its simultaneous interval.")]]
    size_upper: NotRequired[Annotated[float | None, Meta(description="Upper limit.")]]
    verdict: Annotated[Verdict, Meta(description="The verdict.")]


class Shift(TypedDict):
    """Differences between training and test images."""

    train: Annotated[Side, Meta(description="Training images.")]
    test: Annotated[Side, Meta(description="Test images.")]
    rows: Annotated[list[Difference], Meta(description="One row per property.")]
    verdict: Annotated[Verdict, Meta(description="The worst verdict.")]


class Shifts(TypedDict):
    """Differences in the data set, and in the complete table of its source."""

    here: Annotated[Shift | None, Meta(description="In the data set; null if a side is empty.")]
    table: Annotated[Shift | None, Meta(description="In the table of the source with its official split.")]


class Splits(TypedDict):
    """The images of each split."""

    train: Annotated[Side, Meta(description="Training.")]
    validation: Annotated[Side, Meta(description="Validation.")]
    test: Annotated[Side, Meta(description="Test.")]


class Audit(Record):
    """The content of ``audit.json``."""

    schema_version: Annotated[int, Meta(ge=AUDIT_SCHEMA, le=AUDIT_SCHEMA, description="Version of this schema.")]
    fingerprint: NotRequired[Annotated[Fingerprint, Meta(description="Fingerprint of the prepared data set.")]]
    splits: Annotated[Splits, Meta(description="The splits.")]
    leakage: Annotated[Leakage, Meta(description="What training and test have in common.")]
    shortcuts: Annotated[Shortcuts, Meta(description="What predicts a finding from simple properties.")]
    label_quality: Annotated[list[LabelQuality], Meta(description="Agreement with a second source of labels.")]
    label_policies: NotRequired[
        Annotated[list[PolicyCounts], Meta(description="Labels under each policy, if some are uncertain.")]
    ]
    shift: Annotated[Shifts, Meta(description="Differences between training and test.")]
    unusual: NotRequired[
        Annotated[Unusual, Meta(description="The images that differ most; absent with few images or without pixels.")]
    ]
    versions: Annotated[dict[str, str], Meta(description="Versions by package.")]
