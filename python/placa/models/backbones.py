"""The networks there are: one row a backbone. Nothing here imports Keras, so that ``--help`` can list them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from placa.core.errors import unknown_name
from placa.models.errors import ImageTooSmallError

#: How a family wants its grey levels: ``torch``, each channel standardised by ImageNet's mean and standard deviation;
#: ``caffe``, each channel less its mean, in the order blue, green, red; ``inside``, the network does it itself.
Scaling = Literal["torch", "caffe", "inside"]


@dataclass(frozen=True)
class Backbone:
    """One network by name.

    Attributes:
        description: One line for ``--help``.
        application: Its constructor in `keras.applications`; None for a network of placa's own.
        scaling: What `preprocess_input` of that family does to grey levels 0-255.
        smallest: Least side of the images, in pixels.
    """

    description: str
    application: str | None = None
    scaling: Scaling = "inside"
    smallest: int = 32


#: A backbone more is a line more, if `keras.applications` has it.
ROWS: dict[str, Backbone] = {
    "small": Backbone("placa's own and the default: trains in a minute on 2 cores", smallest=16),
    "mobilenet-v3-small": Backbone("MobileNetV3Small, 0.9 million weights: the fastest", "MobileNetV3Small"),
    "mobilenet-v3-large": Backbone("MobileNetV3Large, 3.0 million weights", "MobileNetV3Large"),
    "efficientnet-v2-b0": Backbone("EfficientNetV2B0, 5.9 million weights", "EfficientNetV2B0"),
    "efficientnet-v2-s": Backbone("EfficientNetV2S, 20.3 million weights", "EfficientNetV2S"),
    "densenet121": Backbone("DenseNet121, 7.0 million weights: what CheXNet used", "DenseNet121", "torch"),
    "resnet50": Backbone("ResNet50, 23.6 million weights", "ResNet50", "caffe"),
    "convnext-tiny": Backbone("ConvNeXtTiny, 27.8 million weights", "ConvNeXtTiny"),
}

#: Every backbone's name, and one line about it.
BACKBONES: dict[str, str] = {name: row.description for name, row in ROWS.items()}


def backbone_named(name: str) -> str:
    """The name that placa writes for a backbone, whichever way it was spelt.

    Args:
        name: Ours or that of Keras, in capitals or not: ``efficientnet-v2-b0``, ``EfficientNetV2B0``.

    Raises:
        PlacaError: There is none of that name.
    """
    for known in ROWS:
        if same_backbone(known, name):
            return known
    raise unknown_name("backbone", name, ROWS)


def require_size(name: str, size: int) -> None:
    """Refuse images that a backbone would shrink to nothing.

    Args:
        name: As `backbone_named` gives it.
        size: Side of the images, in pixels.

    Raises:
        PlacaError: They are too small.
    """
    smallest = ROWS[name].smallest
    if size < smallest:
        raise ImageTooSmallError(
            f"Images are too small for {name}: at least {smallest} x {smallest} pixels, got {size} x {size}. Prepare "
            f"them with --size {smallest} or more, or choose another --backbone.",
            backbone=name,
            size=size,
            smallest=smallest,
        )


def same_backbone(one: str, other: str) -> bool:
    """Whether two spellings are of one name."""
    return _bare(one) == _bare(other)


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
