"""How a network is trained: every choice by name, with the default that nobody has to tune."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from placa.errors import PlacaError
from placa.train.augment import Augmentation

#: What may be chosen where only some words are meant.
CHOICES = {
    "loss": ("cross-entropy", "focal"),
    "class_weights": ("balanced", "none"),
    "mixed_precision": ("auto", "on", "off"),
    "recalibration": ("auto", "platt", "temperature", "isotonic", "none"),
}
#: The least and the greatest of each number, and whether these themselves are allowed.
_RANGES: dict[str, tuple[float, float, bool]] = {
    "seed": (0, 2**32 - 1, True),
    "epochs": (1, math.inf, True),
    "head_epochs": (0, math.inf, True),
    "patience": (1, math.inf, True),
    "batch_size": (1, math.inf, True),
    "learning_rate": (0, math.inf, False),
    "warmup": (0, 1, True),
    "weight_decay": (0, math.inf, True),
    "focal_gamma": (0, math.inf, True),
    "label_smoothing": (0, 1, True),
    "mixup": (0, math.inf, True),
    "ema": (0, 1, True),
    "folds": (0, math.inf, True),
    "flip": (0, 1, True),
    "rotation": (0, 180, True),
    "zoom": (0, math.inf, True),
    "shift": (0, 1, True),
    "brightness": (0, 1, True),
    "contrast": (0, 1, True),
}


@dataclass(frozen=True)
class TrainOptions:
    """How a network is trained; the defaults suit `small` on 2 cores.

    Attributes:
        backbone: A name from `placa.models.BACKBONES`.
        weights: What the backbone starts from: ``none`` (random), ``imagenet``, or a file of weights. The head always
            starts at random.
        seed: Seed of the weights, the order of the images and their augmentation.
        epochs: Most epochs, those of the head alone included.
        head_epochs: Epochs in which the head alone learns, before all of the network does at a tenth of the learning
            rate. By default none for random weights, and a fifth of `epochs` for weights that have learnt.
        patience: Epochs in a row whose validation AUROC is clearly below the highest, after which training stops.
        batch_size: Images a batch; over all processes and devices together.
        learning_rate: Highest learning rate of AdamW (Loshchilov and Hutter 2019); it rises for `warmup` of the steps
            and falls to nothing along a cosine.
        warmup: Share of the steps, 0 to 1.
        weight_decay: Of AdamW.
        loss: ``cross-entropy``, or ``focal`` (Lin et al. 2017), which counts less what is already told well.
        focal_gamma: How much less; 0 is the cross-entropy.
        class_weights: ``balanced``, both classes of a finding count the same; or ``none``, every image does.
        label_smoothing: How far labels are drawn towards one half, 0 to 1.
        mixup: Alpha of the Beta distribution by which pairs of training images are blended (Zhang et al. 2018); 0 for
            none.
        ema: Momentum of the exponential moving average of the weights that validation and the run see, 0 to 1; 0 for
            the weights themselves.
        mixed_precision: ``auto``, 16-bit arithmetic where there is a GPU; ``on``; or ``off``.
        augmentation: How far training images are changed.
        mirror: Whether the model's answer is the average over an image and its mirror image; never so where training
            flips no image.
        recalibration: ``auto``, the one of the lowest cross-validated log loss on validation; ``platt``,
            ``temperature``, ``isotonic`` or ``none``.
        folds: Group-wise folds to train, 2 or more, pooled into one run; 0 for the splits of the prepared set.

    Raises:
        PlacaError: A value is of another kind, out of its range, or none of the words that can be chosen.
    """

    backbone: str = "small"
    weights: str = "none"
    seed: int = 0
    epochs: int = 60
    head_epochs: int | None = None
    patience: int = 20
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup: float = 0.1
    weight_decay: float = 1e-3
    loss: str = "cross-entropy"
    focal_gamma: float = 2.0
    class_weights: str = "balanced"
    label_smoothing: float = 0.0
    mixup: float = 0.0
    ema: float = 0.0
    mixed_precision: str = "auto"
    augmentation: Augmentation = field(default_factory=Augmentation)
    mirror: bool = True
    recalibration: str = "platt"
    folds: int = 0

    def __post_init__(self) -> None:
        """Refuse at once what would fail, or train nonsense, an hour later."""
        for name, value in _each(self):
            _check(name, value)
        if self.folds == 1:
            raise PlacaError("One fold would leave nothing to learn from: folds was to be 2 or more, or 0 for none.")
        if self.ema == 1:
            raise PlacaError("An ema of 1 would never move from the first weights: it was to be 0 or more and below 1.")
        if self.head_epochs is not None and self.head_epochs > self.epochs:
            raise PlacaError(
                f"The head cannot learn for {self.head_epochs} of {self.epochs} epochs: head_epochs was to be "
                "epochs at most."
            )


def _each(options: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for one in fields(options):
        value = getattr(options, one.name)
        found += _each(value) if is_dataclass(value) else [(one.name, value)]
    return found


def _check(name: str, value: Any) -> None:
    if name in CHOICES and value not in CHOICES[name]:
        raise PlacaError(f"{name} was to be one of {', '.join(CHOICES[name])}, and {value!r} came.")
    if name not in _RANGES or (value is None and name == "head_epochs"):
        return
    lowest, highest, inclusive = _RANGES[name]
    whole = name in {"seed", "epochs", "head_epochs", "patience", "batch_size", "folds"}
    kind = "a whole number" if whole else "a number"
    right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if right and (lowest <= value <= highest if inclusive else lowest < value < highest):
        return
    above = f"of {lowest:.10g} or more" if inclusive else f"above {lowest:.10g}"
    below = "" if math.isinf(highest) else f" and {highest:.10g} at most"
    raise PlacaError(f"{name} was to be {kind} {above}{below}, and {value!r} came.")
