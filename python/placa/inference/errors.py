"""Errors of prediction and of Grad-CAM."""

from __future__ import annotations

from placa.core.errors import InputError, MachineError


class DirectoryDiffersOnWorkerError(MachineError):
    """A worker has another run or data set at a path.

    Values: ``path``, ``expected`` and ``received`` (fingerprints; ``received`` is None if the worker has none).
    """


class MixedInputsError(InputError):
    """A prepared data set, or a file of embeddings, is named together with other inputs.

    Values: ``prepared``, ``inputs``.
    """


class ReadingMismatchError(InputError):
    """A data set was prepared with another reading rule than the model's.

    Values: ``prepared``, ``run``, ``rule``, ``squares``, ``model_rule``, ``model_squares``.
    """


class PeriodNameError(InputError):
    """Two periods to monitor have one name, or a name has another meaning. Values: ``name``."""


class ChangedPeriodError(MachineError):
    """A period differs from the test images of a run: a failed check. Values: ``period``, ``variables``."""


class NothingToExplainError(InputError):
    """Neither images nor a data set with boxes are named. Values: ``run``."""


class NoBoxesError(InputError):
    """A prepared data set has no lesion boxes. Values: ``prepared``."""


class NoTestBoxesError(InputError):
    """No test image has a lesion box of the findings.

    Values: ``prepared``, ``findings``, ``boxes`` (how many there are), ``box_findings`` (their findings).
    """


class NoFeatureMapError(InputError):
    """A model has no layer with a spatial feature map. Values: ``model``, ``layers``."""


class BackendWithoutGradientsError(InputError):
    """The Keras backend does not compute gradients. Values: ``backend``, ``supported``."""


class OtherKindError(InputError):
    """Most images of a data set differ from all training images of a model: another modality or body part.

    Values: ``prepared``, ``images``, ``outside``.
    """


class OtherFindingsError(InputError):
    """A data set has no label of any finding of a model. Values: ``prepared``, ``findings``, ``model_findings``."""


class OtherViewsError(InputError):
    """A data set has no image of a view that a model was trained on.

    Values: ``prepared``, ``views``, ``model_views``.
    """


class NoNewImagesError(InputError):
    """A model knows all images of a data set. Values: ``prepared``, ``images``."""


class TooFewImagesError(InputError):
    """A data set has too few images of a class of every finding.

    Values: ``prepared``, ``images``, ``positives`` and ``negatives`` (by finding), ``least`` (of each class).
    """


class ValidationNameError(InputError):
    """The name of a validation is not the name of a folder. Values: ``name``."""


class ReadsEmbeddingsError(InputError):
    """A model takes embeddings, but images or a map are asked for. Values: ``run``."""


class ReadsPixelsError(InputError):
    """A model takes pixels, but embeddings are given. Values: ``run``."""


class NothingToPredictError(InputError):
    """Neither images nor embeddings are named."""


class ImageTypeError(InputError):
    """An input is neither a path nor an image in memory. Values: ``type``."""
