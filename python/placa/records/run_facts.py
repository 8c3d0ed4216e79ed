"""The types of ``run.json``: the data, the training and the machine of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypeAlias, TypedDict

from msgspec import Meta

from placa.records.audit import Audit
from placa.records.codes import Count, Fingerprint, Record, Share
from placa.records.embeddings import JoinedEmbeddings, Provenance
from placa.records.model import Calibration, RecalibrationFacts
from placa.records.source import DatasetFacts
from placa.records.validation import SelectedSet

#: Version of the schema of ``run.json``.
RUN_SCHEMA = 2


class SplitCounts(TypedDict):
    """A number per split; with folds, training and test have all images."""

    train: Annotated[Count, Meta(description="Training.")]
    validation: Annotated[Count, Meta(description="Validation.")]
    test: Annotated[Count, Meta(description="Test.")]


def split_counts(counts: Mapping[str, int]) -> SplitCounts:
    """Return the numbers of the three splits as plain integers."""
    return {"train": int(counts["train"]), "validation": int(counts["validation"]), "test": int(counts["test"])}


class DataFacts(DatasetFacts):
    """The data of a run: that of ``source.json`` and ``audit.json``, with counts."""

    prepared: Annotated[str, Meta(description="The directory of the prepared data set.")]
    images: Annotated[SplitCounts, Meta(description="Images by split.")]
    patients: Annotated[SplitCounts, Meta(description="Patients or groups by split.")]
    positives: Annotated[dict[str, SplitCounts], Meta(description="Positive images by finding and split.")]
    source_options: Annotated[dict[str, Any], Meta(description="Options of the preparation.")]
    audit: Annotated[Audit, Meta(description="The content of audit.json.")]
    decoders: NotRequired[
        Annotated[dict[str, str], Meta(description="Versions of the packages that made the pixels, by package.")]
    ]


class LossWeights(TypedDict):
    """The weights of the two classes of a finding in the loss."""

    negative: Annotated[float, Meta(ge=0, description="Weight of images without the finding.")]
    positive: Annotated[float, Meta(ge=0, description="Weight of images with the finding.")]


#: What a script can provide.
OwnKind: TypeAlias = Literal["backbone", "loss", "augmentation", "callback"]


class OwnPart(TypedDict):
    """A part of the training that a script provided."""

    part: Annotated[OwnKind, Meta(description="What it was used as.")]
    name: Annotated[str, Meta(description="Name of the function, the class or the Keras model.")]
    source: Annotated[
        Fingerprint | None,
        Meta(description="Digest of its source, or of the layers and weights of a model; null if unknown."),
    ]


class TrainingFacts(TypedDict):
    """The training options (docs/training.md) and the results of the training."""

    backbone: Annotated[str, Meta(description="Training option.")]
    tuning: NotRequired[Annotated[str, Meta(description="Training option.")]]
    input_size: NotRequired[Annotated[Count | None, Meta(description="Training option.")]]
    weights: Annotated[str, Meta(description="Training option.")]
    hidden: NotRequired[Annotated[Count, Meta(description="Training option.")]]
    seed: Annotated[Count, Meta(description="Training option.")]
    epochs: Annotated[Count, Meta(description="Training option.")]
    head_epochs: Annotated[Count | None, Meta(description="Training option.")]
    patience: Annotated[Count, Meta(description="Training option.")]
    batch_size: Annotated[Count, Meta(description="Training option.")]
    learning_rate: Annotated[float, Meta(description="Training option.")]
    warmup: Annotated[float, Meta(description="Training option.")]
    weight_decay: Annotated[float, Meta(description="Training option.")]
    loss: Annotated[str, Meta(description="Training option.")]
    classes: NotRequired[Annotated[str, Meta(description="Training option.")]]
    unit: NotRequired[Annotated[str, Meta(description="Training option.")]]
    focal_gamma: Annotated[float, Meta(description="Training option.")]
    class_weights: Annotated[str, Meta(description="Training option.")]
    label_smoothing: Annotated[float, Meta(description="Training option.")]
    mixup: Annotated[float, Meta(description="Training option.")]
    ema: Annotated[float, Meta(description="Training option.")]
    mixed_precision: Annotated[str, Meta(description="Training option.")]
    augmentation: Annotated[dict[str, float], Meta(description="Training options: amounts of augmentation.")]
    resist: NotRequired[Annotated[str, Meta(description="Training option: the measures that were taken.")]]
    mirror: Annotated[bool, Meta(description="Training option.")]
    recalibration: Annotated[str, Meta(description="Training option.")]
    folds: Annotated[Count, Meta(description="Training option.")]
    own: NotRequired[Annotated[list[OwnPart], Meta(description="Parts that a script provided.")]]
    epochs_run: Annotated[Count, Meta(description="Epochs trained; with folds, the maximum.")]
    best_epoch: Annotated[Count, Meta(description="Epoch of the final weights; with folds, the median.")]
    best_validation_auroc: Annotated[Share, Meta(description="Validation AUROC of that epoch; with folds, the mean.")]
    loss_weights: Annotated[dict[str, LossWeights], Meta(description="Weights of the classes by finding.")]
    parameters: Annotated[Count, Meta(description="Parameters of the model.")]
    seconds: Annotated[float, Meta(ge=0, description="Duration of the training in seconds.")]


class FoldFacts(TypedDict):
    """One fold."""

    fold: Annotated[str, Meta(description="Number of the fold, from 1.")]
    seed: Annotated[Count, Meta(description="Its seed.")]
    images: Annotated[SplitCounts, Meta(description="Its images by split.")]
    groups: Annotated[SplitCounts, Meta(description="Its patients or groups by split.")]
    epochs_run: Annotated[Count, Meta(description="Epochs trained.")]
    best_epoch: Annotated[Count, Meta(description="Epoch of its weights.")]
    best_validation_auroc: Annotated[Share, Meta(description="Validation AUROC of that epoch.")]
    test_auroc: Annotated[Share | None, Meta(description="Mean AUROC over the findings on its test images.")]
    calibration: Annotated[dict[str, RecalibrationFacts], Meta(description="Its recalibration by finding.")]
    seconds: Annotated[float, Meta(ge=0, description="Duration in seconds.")]


class Folds(TypedDict):
    """Cross-validation: each image is predicted by the network that was not trained on it."""

    count: Annotated[int, Meta(ge=2, description="Folds.")]
    each: Annotated[list[FoldFacts], Meta(description="The folds.")]


#: Why a run has no ``model.onnx``: another backend than TensorFlow; a package is not installed; predictions are pooled
#: over a volume; the network cannot be exported; or the exported network differs from that of Keras.
MissingOnnxReason: TypeAlias = Literal["backend", "package", "volumes", "export", "differs"]


class OnnxFacts(TypedDict):
    """The file ``model.onnx``, with which ONNX Runtime predicts without Keras."""

    fingerprint: Annotated[Fingerprint | None, Meta(description="Its fingerprint; null if the run has none.")]
    reason: Annotated[
        MissingOnnxReason | None,
        Meta(
            description="Why the run has none: `backend`, Keras did not use TensorFlow; `package`, onnx, onnxruntime "
            "or tf2onnx was not installed; `volumes`, predictions are pooled over a volume; `export`, the network "
            "cannot be exported; `differs`, it differed from Keras by more than 1e-6."
        ),
    ]


class ModelFile(TypedDict):
    """The model file."""

    file: Annotated[str, Meta(description="Its name.")]
    fingerprint: Annotated[Fingerprint, Meta(description="Its fingerprint.")]
    onnx: NotRequired[Annotated[OnnxFacts, Meta(description="The same model for ONNX Runtime.")]]


class Machine(TypedDict):
    """The machine of the training."""

    platform: Annotated[str, Meta(description="Operating system.")]
    cores: Annotated[Count, Meta(description="Cores.")]
    processor: Annotated[str, Meta(description="Processor architecture.")]
    gpu: Annotated[str | None, Meta(description="The accelerators that Keras used.")]
    backend: Annotated[str, Meta(description="Backend of Keras.")]
    processes: Annotated[int, Meta(ge=1, description="Processes.")]


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


class RunFacts(Record):
    """The content of ``run.json``."""

    schema_version: Annotated[int, Meta(ge=RUN_SCHEMA, le=RUN_SCHEMA, description="Version of this schema.")]
    placa_version: Annotated[str, Meta(description="Version of placa.")]
    name: Annotated[str, Meta(description="Name of the run.")]
    created: Annotated[str, Meta(description="Date and time (ISO 8601, UTC).")]
    data: Annotated[DataFacts, Meta(description="The data.")]
    training: Annotated[TrainingFacts, Meta(description="The training.")]
    calibration: Annotated[Calibration, Meta(description="The recalibration.")]
    folds: Annotated[Folds | None, Meta(description="Cross-validation; null without folds.")]
    model: Annotated[ModelFile, Meta(description="The model file.")]
    timings: Annotated[dict[str, float], Meta(description="Seconds by stage.")]
    versions: Annotated[dict[str, str], Meta(description="Versions by package.")]
    machine: Annotated[Machine, Meta(description="The machine.")]
    embeddings: NotRequired[
        Annotated[JoinedEmbeddings, Meta(description="The embeddings, of a head that was trained on them.")]
    ]
    foundation: NotRequired[
        Annotated[FoundationFacts, Meta(description="The foundation model, if the backbone is one.")]
    ]
    files: NotRequired[Annotated[dict[str, Fingerprint], Meta(description="Fingerprints of its other files by name.")]]
    update: NotRequired[Annotated[UpdateFacts, Meta(description="How the run was made by placa update.")]]
    plan: NotRequired[Annotated[Fingerprint, Meta(description="Digest of options, data and weights, for --resume.")]]
