"""Define the phases of a training: first the head of a pretrained network, then the complete network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from placa.core.backend import load_keras
from placa.models.foundation.folder import is_foundation
from placa.models.networks import Part
from placa.training.options import TrainOptions

#: Factor of the learning rate for pretrained weights.
_PRETRAINED_FACTOR = 0.1
#: The same for all weights of a vision transformer, which diverges at rates that suit convolutional networks.
_TRANSFORMER_FACTOR = 0.02
#: The part of a foundation model that is trained after the head, by the option ``tuning``.
_TUNED: dict[str, Part] = {"frozen": "head", "lora": "adapters", "full": "all"}


@dataclass(frozen=True)
class Phase:
    """A sequence of epochs with one optimizer and one schedule.

    Attributes:
        part: Trainable part (see `placa.models.networks.set_trainable`).
        epochs: Maximum number of epochs.
        rate: Highest learning rate.
    """

    part: Part
    epochs: int
    rate: float


def phases_of(options: TrainOptions) -> list[Phase]:
    """Determine the phases of a training.

    A network with random weights has a single phase. With a pretrained backbone the head is trained first, as the
    gradients of a random head would damage the pretrained weights (gradual unfreezing, Howard and Ruder 2018,
    doi:10.18653/v1/P18-1031); then the complete network is trained at a tenth of the rate. Of a foundation model, the
    part that the option ``tuning`` names is trained; if that is the head only, there is a single phase.

    Args:
        options: Training options.

    Returns:
        The phases, in order.
    """
    pretrained = options.weights != "none"
    foundation = is_foundation(options.backbone)
    rest = _TUNED[options.tuning] if foundation else "all"
    if rest == "head":
        return [Phase("head", options.most_epochs, options.learning_rate)]
    head = options.head_epochs
    if head is None:
        head = min(options.most_epochs - 1, max(1, round(options.most_epochs / 5))) if pretrained else 0
    factor = _TRANSFORMER_FACTOR if foundation and rest == "all" else _PRETRAINED_FACTOR
    rate = options.learning_rate * (factor if pretrained or head else 1.0)
    phases = [Phase("head", head, options.learning_rate), Phase(rest, options.most_epochs - head, rate)]
    return [phase for phase in phases if phase.epochs]


def optimizer_of(phase: Phase, batches: int, options: TrainOptions) -> Any:
    """Create AdamW for a phase; its rate increases during the warm-up, then decreases to 0 along a cosine.

    Args:
        phase: The phase.
        batches: Number of batches per epoch.
        options: Training options.
    """
    optimizers = load_keras().optimizers
    steps = batches * phase.epochs
    warmup = max(1, round(options.warmup * steps))
    schedule = optimizers.schedules.CosineDecay(
        initial_learning_rate=phase.rate / 100,
        warmup_target=phase.rate,
        warmup_steps=warmup,
        decay_steps=max(1, steps - warmup),
    )
    averaging = {"use_ema": True, "ema_momentum": options.ema} if options.ema else {}
    return optimizers.AdamW(schedule, weight_decay=options.weight_decay, **averaging)
