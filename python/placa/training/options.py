"""Define the training options and their defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from placa.core.errors import unknown_name
from placa.models.small import counts_texture
from placa.training.augment import Augmentation
from placa.training.errors import OptionValueError

#: Default maximum number of epochs.
EPOCHS = 60
#: Defaults for `small` with its texture branch. Rotation and zoom interpolate, and brightness and contrast round: all
#: change the texture. Flips and shifts by whole pixels do not.
TEXTURE_EPOCHS = 20
TEXTURE_CHANGES = {"rotation": 0.0, "zoom": 0.0, "brightness": 0.0, "contrast": 0.0}

#: The choices of options with fixed values.
CHOICES = {
    "loss": ("cross-entropy", "focal"),
    "class_weights": ("balanced", "none"),
    "mixed_precision": ("auto", "on", "off"),
    "recalibration": ("auto", "platt", "temperature", "isotonic", "none"),
}
#: Minimum and maximum of each number, and whether they are allowed.
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
    """Training options; the defaults are for `small` on 2 cores.

    Attributes:
        backbone: A name from `placa.models.BACKBONES`.
        weights: Initial weights of the backbone: ``none`` (random), ``imagenet``, a file of weights, or a run. The head
            always starts at random.
        seed: Seed of the weights, the order of the images and their augmentation.
        epochs: Maximum number of epochs, including `head_epochs`; by default 60, and 20 for `small` with its texture
            branch (see `suited`).
        head_epochs: Number of epochs in which only the head is trained, before the complete network at a tenth of the
            learning rate. By default 0 for random weights, and a fifth of `epochs` for pretrained weights.
        patience: Number of consecutive epochs with a validation AUROC clearly below the highest before training stops.
        batch_size: Images per batch, over all processes and devices.
        learning_rate: Highest learning rate of AdamW (Loshchilov and Hutter 2019). It increases during `warmup`, then
            decreases to 0 along a cosine.
        warmup: Fraction of the steps with an increasing learning rate, 0 to 1.
        weight_decay: Weight decay of AdamW.
        loss: ``cross-entropy``, or ``focal`` (Lin et al. 2017), which reduces the weight of well classified images.
        focal_gamma: Gamma of the focal loss; 0 is the cross-entropy.
        class_weights: ``balanced``, equal total weight of both classes of a finding; or ``none``, equal weight of all
            images.
        label_smoothing: Amount by which labels are moved towards one half, 0 to 1.
        mixup: Alpha of the Beta distribution for mixup (Zhang et al. 2018); 0 for none.
        ema: Momentum of the exponential moving average of the weights, ≥ 0 and < 1, for validation and the run; 0 for
            no averaging.
        mixed_precision: ``auto``, 16-bit arithmetic on a GPU; ``on``; or ``off``.
        augmentation: Amounts of augmentation: all of them, or some by name, with defaults for the network (see
            `suited`).
        mirror: Whether the model averages over an image and its mirror image; ignored if training has no flips.
        recalibration: ``auto``, the method with the lowest cross-validated log loss on validation; ``platt``,
            ``temperature``, ``isotonic`` or ``none``.
        folds: Number of group-wise folds, 2 or more, pooled into one run; 0 for the prepared splits.

    Raises:
        OptionValueError: A value has the wrong type, is out of range, or is not one of the choices.
        UnknownNameError: A name in `augmentation` is unknown.
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
        """Check all values before training."""
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
        """The maximum number of epochs, given or by default."""
        return EPOCHS if self.epochs is None else self.epochs

    @property
    def changes(self) -> Augmentation:
        """The amounts of augmentation, given or by default."""
        return self._augmentation({})

    def _augmentation(self, defaults: Mapping[str, float]) -> Augmentation:
        given = self.augmentation
        return given if isinstance(given, Augmentation) else Augmentation(**{**defaults, **given})

    def suited(self, size: int) -> TrainOptions:
        """Set the defaults that depend on the network and the image size.

        Args:
            size: Side of the images, in pixels.

        Returns:
            The options with `epochs` and all amounts of augmentation set.
        """
        texture = self.backbone == "small" and counts_texture(size)
        epochs = TEXTURE_EPOCHS if texture and self.epochs is None else self.most_epochs
        return replace(self, epochs=epochs, augmentation=self._augmentation(TEXTURE_CHANGES if texture else {}))


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
    integer = name in {"seed", "epochs", "head_epochs", "patience", "batch_size", "folds"}
    kind = "an integer" if integer else "a number"
    valid = isinstance(value, int if integer else (int, float)) and not isinstance(value, bool)
    if valid and (lowest <= value <= highest if inclusive else lowest < value < highest):
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
