"""How a network is trained: every choice by name, with the default that nobody has to tune."""

from __future__ import annotations

from dataclasses import dataclass, field

from placa.train.augment import Augmentation


@dataclass(frozen=True)
class TrainOptions:
    """How a network is trained; the defaults suit `small` on 2 cores.

    Attributes:
        backbone: A name from `placa.models.BACKBONES`.
        seed: Seed of the weights, the order of the images and their augmentation.
        epochs: Most epochs.
        patience: Epochs in a row whose validation AUROC is clearly below the highest, after which training stops.
        batch_size: Images a batch.
        learning_rate: Highest learning rate of AdamW (Loshchilov and Hutter 2019); it rises for `warmup` of the steps
            and falls to nothing along a cosine.
        warmup: Share of the steps, 0 to 1.
        weight_decay: Of AdamW.
        label_smoothing: How far labels are drawn towards one half, 0 to 1.
        augmentation: How far training images are changed.
        mirror: Whether the model's answer is the average over an image and its mirror image; never so where training
            flips no image.
    """

    backbone: str = "small"
    seed: int = 0
    epochs: int = 60
    patience: int = 20
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup: float = 0.1
    weight_decay: float = 1e-3
    label_smoothing: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    mirror: bool = True
