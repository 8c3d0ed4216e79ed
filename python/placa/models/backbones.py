"""Define the available backbones, without importing Keras, so that ``--help`` can list them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from placa.core.errors import unknown_name
from placa.models.errors import ImageTooSmallError
from placa.models.foundation.folder import is_foundation

#: Scaling of grey levels in a family: ``torch``, each channel standardised with the mean and standard deviation of
#: ImageNet; ``caffe``, each channel minus its mean, in the order blue, green, red; ``inside``, inside the network.
Scaling = Literal["torch", "caffe", "inside"]


@dataclass(frozen=True)
class Backbone:
    """A backbone.

    Attributes:
        description: One line for ``--help``.
        application: Its constructor in `keras.applications`; None for a network of placa.
        scaling: Scaling of grey levels 0-255 by `preprocess_input` of the family.
        smallest: Smallest side of the images, in pixels.
    """

    description: str
    application: str | None = None
    scaling: Scaling = "inside"
    smallest: int = 32


#: The backbones by name. A backbone of `keras.applications` needs one more line.
BACKBONE_TABLE: dict[str, Backbone] = {
    "small": Backbone("the default: trains in a minute on 2 cores", smallest=16),
    "mobilenet-v3-small": Backbone("MobileNetV3Small, 0.9 million weights: the fastest", "MobileNetV3Small"),
    "mobilenet-v3-large": Backbone("MobileNetV3Large, 3.0 million weights", "MobileNetV3Large"),
    "efficientnet-v2-b0": Backbone("EfficientNetV2B0, 5.9 million weights", "EfficientNetV2B0"),
    "efficientnet-v2-s": Backbone("EfficientNetV2S, 20.3 million weights", "EfficientNetV2S"),
    "densenet121": Backbone("DenseNet121, 7.0 million weights: the backbone of CheXNet", "DenseNet121", "torch"),
    "resnet50": Backbone("ResNet50, 23.6 million weights", "ResNet50", "caffe"),
    "convnext-tiny": Backbone("ConvNeXtTiny, 27.8 million weights", "ConvNeXtTiny"),
}

#: The description of each backbone, by name.
BACKBONES: dict[str, str] = {name: row.description for name, row in BACKBONE_TABLE.items()}


def backbone_named(name: str) -> str:
    """Return the canonical name of a backbone.

    Args:
        name: The name in placa or in Keras, in any case: ``efficientnet-v2-b0``, ``EfficientNetV2B0``. The folder of a
            foundation model, ``hf:FOLDER``, has no other name.

    Raises:
        UnknownNameError: No backbone has that name.
    """
    if is_foundation(name):
        return name
    for known in BACKBONE_TABLE:
        if same_backbone(known, name):
            return known
    raise unknown_name("backbone", name, BACKBONE_TABLE)


def require_size(name: str, size: int) -> None:
    """Check that the images are large enough for a backbone.

    Args:
        name: A canonical name from `backbone_named`.
        size: Side of the images, in pixels.

    Raises:
        ImageTooSmallError: The images are too small.
    """
    smallest = BACKBONE_TABLE[name].smallest
    if size < smallest:
        raise ImageTooSmallError(
            f"Images are too small for {name}: at least {smallest} x {smallest} pixels, got {size} x {size}. Prepare "
            f"them with --size {smallest} or more, or choose another --backbone.",
            backbone=name,
            size=size,
            smallest=smallest,
        )


def same_backbone(one: str, other: str) -> bool:
    """Return whether two spellings name the same backbone."""
    return _bare(one) == _bare(other)


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
