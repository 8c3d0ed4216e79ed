"""How a network is trained: every choice by name, with the default that nobody has to tune."""

from __future__ import annotations

from dataclasses import dataclass, field

from placa.train.augment import Augmentation


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
        folds: Group-wise folds to train, pooled into one run; 0 for the splits of the prepared set.
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
