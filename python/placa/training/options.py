"""How a network is trained: every choice by name, with the default that nobody has to tune."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from placa.core.errors import unknown_name
from placa.models.small import counts_texture
from placa.training.augment import Augmentation
from placa.training.errors import OptionValueError

#: Most epochs, and changes other than `Augmentation`'s own defaults, where nobody says otherwise.
EPOCHS = 60
#: The same where `small` counts texture as well. Rotation and zoom interpolate, and brightness and contrast round: all
#: change what is counted. Flips and shifts by whole pixels do not.
TEXTURE_EPOCHS = 20
TEXTURE_CHANGES = {"rotation": 0.0, "zoom": 0.0, "brightness": 0.0, "contrast": 0.0}

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
        epochs: Most epochs, those of the head alone included; by default 60, and 20 where `small` counts texture (see
            `suited`).
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
        augmentation: How far training images are changed: all amounts, or some by name, the others as suits the network
            (see `suited`).
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
    epochs: int | None = None
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
    augmentation: Augmentation | Mapping[str, float] = field(default_factory=dict)
    mirror: bool = True
    recalibration: str = "platt"
    folds: int = 0

    def __post_init__(self) -> None:
        """Refuse at once what would fail, or train nonsense, an hour later."""
        amounts = self.augmentation if isinstance(self.augmentation, Mapping) else vars(self.augmentation)
        known = [one.name for one in fields(Augmentation)]
        for name in amounts:
            if name not in known:
                raise unknown_name("augmentation", name, known)
        options = {one.name: getattr(self, one.name) for one in fields(self)}
        for name, value in {**options, **amounts}.items():
            _check(name, value)
        if self.folds == 1:
            raise OptionValueError(
                "`folds` must be an integer ≥ 2, or 0 for no folds, got 1.",
                option="folds",
                value=1,
                least=2,
                most=None,
                inclusive=True,
            )
        if self.ema == 1:
            raise OptionValueError(
                f"`ema` must be a number ≥ 0 and < 1, got {self.ema!r}.",
                option="ema",
                value=self.ema,
                least=0,
                most=1,
                inclusive=False,
            )
        if self.head_epochs is not None and self.head_epochs > self.most_epochs:
            raise OptionValueError(
                f"`head_epochs` must be an integer from 0 to {self.most_epochs} (`epochs`), got {self.head_epochs}.",
                option="head_epochs",
                value=self.head_epochs,
                least=0,
                most=self.most_epochs,
                inclusive=True,
            )

    @property
    def most_epochs(self) -> int:
        """Most epochs, whether they were given or not."""
        return EPOCHS if self.epochs is None else self.epochs

    @property
    def changes(self) -> Augmentation:
        """How far training images are changed, whether that was given or not."""
        return self._changes({})

    def _changes(self, usual: Mapping[str, float]) -> Augmentation:
        given = self.augmentation
        return given if isinstance(given, Augmentation) else Augmentation(**{**usual, **given})

    def suited(self, size: int) -> TrainOptions:
        """Decide what was left open, as suits the network.

        Args:
            size: Side of the images, in pixels.

        Returns:
            The same options, with epochs and all amounts of augmentation.
        """
        texture = self.backbone == "small" and counts_texture(size)
        epochs = TEXTURE_EPOCHS if texture and self.epochs is None else self.most_epochs
        return replace(self, epochs=epochs, augmentation=self._changes(TEXTURE_CHANGES if texture else {}))


def _check(name: str, value: Any) -> None:
    if name in CHOICES and value not in CHOICES[name]:
        raise OptionValueError(
            f"`{name}` must be one of {', '.join(CHOICES[name])}, got {value!r}.",
            option=name,
            value=value,
            choices=list(CHOICES[name]),
        )
    if name not in _RANGES or (value is None and name in {"epochs", "head_epochs"}):
        return
    lowest, highest, inclusive = _RANGES[name]
    whole = name in {"seed", "epochs", "head_epochs", "patience", "batch_size", "folds"}
    kind = "an integer" if whole else "a number"
    right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if right and (lowest <= value <= highest if inclusive else lowest < value < highest):
        return
    least, most = ("≥", "≤") if inclusive else (">", "<")
    limits = f"{least} {lowest:.10g}" + ("" if math.isinf(highest) else f" and {most} {highest:.10g}")
    raise OptionValueError(
        f"`{name}` must be {kind} {limits}, got {value!r}.",
        option=name,
        value=value,
        least=lowest,
        most=None if math.isinf(highest) else highest,
        inclusive=inclusive,
    )
