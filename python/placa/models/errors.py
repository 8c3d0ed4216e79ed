"""The errors of networks, their weights and model files."""

from __future__ import annotations

from placa.core.errors import InputError, MachineError


class MissingModelError(InputError):
    """A run has no model file. Values: ``file``."""


class DamagedModelError(InputError):
    """A file is damaged, or is not a model that placa wrote. Values: ``file``."""


class NonFiniteOutputError(InputError):
    """A model predicts values that are not numbers. Values: ``images``, ``not_finite`` (images with such values)."""


class UnloadableModelError(InputError):
    """The installed Keras cannot load a model file. Values: ``file``, ``keras`` (its version), ``reason``."""


class ImageTooSmallError(InputError):
    """The images are smaller than a backbone accepts. Values: ``backbone``, ``size``, ``smallest``, in pixels."""


class OwnBackboneError(InputError):
    """A backbone of the user is not a Keras model from images to features. Values: ``reason``."""


class NoImagenetWeightsError(InputError):
    """A backbone has no ImageNet weights. Values: ``backbone``, ``known`` (the backbones that have them)."""


class MissingWeightsError(InputError):
    """A file of weights does not exist. Values: ``file``."""


class WeightsSuffixError(InputError):
    """A file of weights has the wrong suffix. Values: ``file``, ``backbone``, ``suffix``, ``expected``."""


class WrongWeightsError(InputError):
    """A file holds the weights of another network. Values: ``file``, ``backbone``; ``found``, ``layer`` or ``reason``.

    ``found`` is the backbone of the file, ``layer`` the layer whose shapes differ, ``reason`` the message of Keras.
    """


class IncompleteWeightsError(InputError):
    """A file of weights lacks some, or some are not finite. Values: ``file``, ``backbone``."""


class EnsembleWeightsError(InputError):
    """A model of several networks is given as initial weights. Values: ``file``, ``networks`` (how many)."""


class WeightsDownloadError(MachineError):
    """Keras cannot download the ImageNet weights. Values: ``backbone``, ``reason``."""


class MissingStudyError(InputError):
    """The studies of the images are not known."""


class PreprocessingError(InputError):
    """It is unknown what a network does to its input, or the statements differ. Values: ``file``, ``reason``."""


class EncoderError(InputError):
    """A file is no network from images to embeddings. Values: ``file``, ``reason``; ``outputs`` (names to choose)."""


class ExportError(InputError):
    """A model cannot be exported to a format. Values: ``format``, ``reason``."""


class FoundationModelError(InputError):
    """A folder has no network that placa can train. Values: ``folder``, ``reason``."""


class UnknownModelTypeError(InputError):
    """A foundation model has another architecture. Values: ``folder``, ``model_type``, ``known``."""


class PatchSizeError(InputError):
    """The patches of a network do not divide its input. Values: ``size``, ``patch``, ``near``, all in pixels."""
