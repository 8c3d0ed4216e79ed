"""Define the training options and their defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from placa.core.errors import require_known
from placa.core.places import public_option
from placa.models.backbones import BACKBONES
from placa.models.foundation.folder import is_foundation
from placa.models.own_backbone import OwnBackbone
from placa.models.small import counts_texture
from placa.records.run_facts import OwnPart
from placa.training.augment import Augmentation, FunctionAugmentation
from placa.training.errors import OptionValueError
from placa.training.foundation_options import TUNING, require_foundation_options
from placa.training.measures import STRONG_CHANGES, measures_of
from placa.training.option import default_text, documented, option, options_of, out_of_range
from placa.training.own_parts import OWN, OwnAugmentation, OwnLoss, own_parts

#: Default maximum number of epochs, and images per batch.
EPOCHS, BATCH_SIZE = 60, 32
#: Defaults for `small` with its texture branch. Rotation and zoom interpolate, and brightness and contrast round: all
#: change the texture. Flips and shifts by whole pixels do not.
TEXTURE_EPOCHS = 20
TEXTURE_CHANGES = {"rotation": 0.0, "zoom": 0.0, "brightness": 0.0, "contrast": 0.0}


@dataclass(frozen=True)
class TrainOptions:
    """Training options; the defaults are for `small` on 2 cores.

    {attributes}
        augmentation: Amounts of augmentation, as an `Augmentation` or by name; amounts that are not given have
            defaults for the network (see `suited`).
        callbacks: Callbacks of Keras, called in each ``fit``.

    `backbone`, `loss` and `augmentation` can also be parts of a script: a function or a Keras model (see
    `placa.models.own_backbone.build_own` and `placa.training.own_parts`).

    Raises:
        OptionValueError: A value has the wrong type, is out of range, or is not one of the choices.
        UnknownNameError: A name in `augmentation` is unknown.
    """

    backbone: str | OwnBackbone = option(
        "small",
        str,
        f"network: {', '.join(BACKBONES)}; or hf:FOLDER, a foundation model (DINOv2, DINOv3, torchxrayvision's "
        "DenseNet) in the folder in which transformers or timm stores it; needs placa[hub]",
    )
    tuning: str = option(
        TUNING[0],
        str,
        "with --backbone hf:FOLDER, what is trained besides the head: frozen, nothing; lora, adapters of rank 8 of "
        "query and value; full, all weights but the positions",
        choices=TUNING,
    )
    input_size: int | None = option(
        None,
        int,
        "with --backbone hf:FOLDER, side of the input of the network, to which the model resizes the images",
        least=1,
        default_words="that for which the network was stored",
    )
    weights: str = option(
        "none",
        str,
        "initial weights: none (random), imagenet, a file of weights, or a run with the same backbone; the head always "
        "starts at random",
    )
    hidden: int = option(
        0, int, "with --features, units of a hidden layer between embedding and logits; 0 for a linear head", least=0
    )
    seed: int = option(
        0, int, "seed of the weights, the order of the images and their augmentation", least=0, most=2**32 - 1
    )
    folds: int = option(0, int, "number of group-wise folds, pooled into one run; 0 uses the prepared splits", least=0)
    epochs: int | None = option(
        None,
        int,
        "maximum number of epochs, with head_epochs",
        least=1,
        default_words=f"{EPOCHS}; {TEXTURE_EPOCHS} for small from 192 pixels on",
    )
    head_epochs: int | None = option(
        None,
        int,
        "number of epochs in which only the head is trained, before the complete network at a tenth of the rate",
        least=0,
        default_words="0; a fifth of epochs for pretrained weights",
    )
    patience: int = option(
        20, int, "number of consecutive epochs with a clearly lower validation AUROC before training stops", least=1
    )
    batch_size: int | None = option(
        None,
        int,
        "images per batch, over all processes and devices",
        least=1,
        default_words=f"{BATCH_SIZE}; for embeddings a 300th of the training images, from 32 to 512",
    )
    learning_rate: float = option(
        2e-3,
        float,
        "highest learning rate of AdamW (Loshchilov and Hutter 2019); it increases during warmup, then decreases to 0 "
        "along a cosine",
        least=0,
        exclusive=True,
    )
    warmup: float = option(0.1, float, "fraction of the steps with an increasing learning rate", least=0, most=1)
    weight_decay: float = option(1e-3, float, "weight decay of AdamW", least=0)
    loss: str | OwnLoss = option(
        "cross-entropy",
        str,
        "loss; the focal loss (Lin et al. 2017) reduces the weight of well classified images",
        choices=("cross-entropy", "focal"),
    )
    classes: str = option(
        "separate",
        str,
        "relation of the findings: separate, an image can have several; or exclusive, an image has at most one, and "
        "the network has one softmax over the findings and none of them",
        choices=("separate", "exclusive"),
    )
    unit: str = option(
        "image",
        str,
        "what predictions and thresholds are for: image, or study, whose images are pooled by their mean logit; the "
        "network is trained on images in both cases",
        choices=("image", "study"),
    )
    focal_gamma: float = option(2.0, float, "gamma of the focal loss; 0 is the cross-entropy", least=0)
    class_weights: str = option(
        "balanced",
        str,
        "weights of the two classes of a finding in the loss: equal in total, or none",
        choices=("balanced", "none"),
    )
    label_smoothing: float = option(0.0, float, "amount by which labels are moved towards one half", least=0, most=1)
    mixup: float = option(
        0.0, float, "alpha of mixup, which blends pairs of images (Zhang et al. 2018); 0 for none", least=0
    )
    ema: float = option(
        0.0, float, "momentum, below 1, of the moving average of the weights; 0 for none", least=0, most=1
    )
    mixed_precision: str = option(
        "auto", str, "16-bit arithmetic; auto uses it on a GPU", choices=("auto", "on", "off")
    )
    augmentation: Augmentation | Mapping[str, float] | OwnAugmentation = field(default_factory=dict)
    callbacks: Sequence[Any] = ()
    resist: str = option(
        "none",
        str,
        "measures against shortcuts: auto (those that the audit proposes), none, or some of grey, border, augment, "
        "weights, views, separated by commas",
    )
    mirror: bool = option(True, bool, "average over each image and its mirror image; not used if training has no flips")
    recalibration: str = option(
        "platt",
        str,
        "method that maps scores to probabilities, fitted on validation; auto takes the one with the lowest "
        "cross-validated log loss",
        choices=("auto", "platt", "temperature", "isotonic", "none"),
    )

    def __post_init__(self) -> None:
        """Check all values before training."""
        amounts = self._amounts()
        known = [one.name for one in fields(Augmentation)]
        for name in amounts:
            require_known("augmentation", name, known)
        for record, values in ((TrainOptions, vars(self)), (Augmentation, amounts)):
            for name, one in options_of(record).items():
                # Without a value, the default depends on the network. A part of a script has no range.
                value = values.get(name)
                if name in values and (value is not None or one.default_words is None) and not callable(value):
                    one.check(name, value)
        if self.resist != "auto":
            measures_of(self.resist)
        self._require_own_parts_alone()
        require_foundation_options(self.backbone, self.weights, self.tuning, self.input_size)
        if self.folds == 1:
            raise out_of_range("folds", 1, "an integer ≥ 2, or 0 for no folds", 2, None)
        if self.ema == 1:
            raise out_of_range("ema", self.ema, "a number ≥ 0 and < 1", 0, 1, inclusive=False)
        if self.head_epochs is not None and self.head_epochs > self.most_epochs:
            needed = f"an integer from 0 to {self.most_epochs} (`epochs`)"
            raise out_of_range("head_epochs", self.head_epochs, needed, 0, self.most_epochs)

    def _amounts(self) -> Mapping[str, Any]:
        if isinstance(self.augmentation, Mapping):
            return self.augmentation
        return {name: getattr(self.augmentation, name, 0) for name in options_of(Augmentation)}

    def _require_own_parts_alone(self) -> None:
        """Require the defaults of options that have no effect on a part of a script."""
        strong = self.resist != "auto" and "augment" in measures_of(self.resist)
        for own, name, given in (
            (self.backbone, "weights", self.weights != "none"),
            (self.augmentation, "resist", strong),
        ):
            if given and callable(own):
                value = getattr(self, name)
                raise OptionValueError(
                    f"`{name}` has no effect on a function or a Keras model, got {value!r}. Omit it.",
                    option=name,
                    value=value,
                )

    @cached_property
    def own(self) -> dict[str, OwnPart]:
        """The parts that a script provides, by name."""
        return own_parts(self.backbone, self.loss, getattr(self.augmentation, "function", self.augmentation))

    def as_record(self) -> dict[str, Any]:
        """Return the options for a record in JSON; own parts by their names."""
        record = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "callbacks"}
        # Both may be a path.
        record |= {
            name: public_option(record[name]) for name in ("backbone", "weights") if isinstance(record[name], str)
        }
        record |= {part: f"{OWN}:{one['name']}" for part, one in self.own.items()}
        return {**record, "augmentation": dict(self._amounts())}

    @property
    def most_epochs(self) -> int:
        """The maximum number of epochs, given or by default."""
        return EPOCHS if self.epochs is None else self.epochs

    @property
    def images_per_batch(self) -> int:
        """The number of images per batch, given or by default."""
        return BATCH_SIZE if self.batch_size is None else self.batch_size

    @property
    def changes(self) -> Augmentation:
        """The amounts of augmentation, given or by default."""
        return self._augmentation({})

    def _augmentation(self, defaults: Mapping[str, float]) -> Augmentation:
        given = self.augmentation
        if isinstance(given, Mapping):
            return Augmentation(**{**defaults, **given})
        return given if isinstance(given, Augmentation) else FunctionAugmentation(given)

    def suited(self, size: int) -> TrainOptions:
        """Set the defaults that depend on the network and the image size.

        Args:
            size: Side of the images, in pixels.

        Returns:
            The options with `epochs`, `batch_size` and all amounts of augmentation set, and the initial weights of a
            foundation model.
        """
        texture = self.backbone == "small" and counts_texture(size)
        epochs = TEXTURE_EPOCHS if texture and self.epochs is None else self.most_epochs
        defaults = STRONG_CHANGES if "augment" in measures_of(self.resist) else TEXTURE_CHANGES if texture else {}
        return replace(
            self,
            weights=self.backbone if is_foundation(self.backbone) else self.weights,
            epochs=epochs,
            batch_size=self.images_per_batch,
            augmentation=self._augmentation(defaults),
        )


def augmentation_default(name: str) -> str:
    """Return the default of an amount of augmentation in words."""
    text = default_text(Augmentation, name)
    return f"{text}; {TEXTURE_CHANGES[name]:g} for small from 192 pixels on" if name in TEXTURE_CHANGES else text


TrainOptions.__doc__ = documented(TrainOptions)
