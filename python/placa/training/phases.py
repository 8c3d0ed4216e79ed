"""The phases of a training: the head first where the rest has learnt already, then all; each with its own schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from placa.core.backend import load_keras
from placa.training.options import TrainOptions

#: How much more slowly weights that have learnt already go on learning.
_LOWER = 0.1


@dataclass(frozen=True)
class Phase:
    """A run of epochs with one optimizer and one schedule.

    Attributes:
        part: What learns: the ``head``, or ``all`` of the network.
        epochs: How many epochs, at most.
        rate: The highest learning rate.
    """

    part: Literal["head", "all"]
    epochs: int
    rate: float


def phases_of(options: TrainOptions) -> list[Phase]:
    """Say in which phases a network learns.

    Random weights learn all at once. Where the backbone has learnt already, the head catches up first: the gradients
    of a random head would spoil what the rest knows (Howard and Ruder 2018, doi:10.18653/v1/P18-1031, call it gradual
    unfreezing); then all of it learns at a tenth of the rate.
    """
    learnt = options.weights != "none"
    head = options.head_epochs
    if head is None:
        head = min(options.most_epochs - 1, max(1, round(options.most_epochs / 5))) if learnt else 0
    lower = options.learning_rate * (_LOWER if learnt or head else 1.0)
    phases = [Phase("head", head, options.learning_rate), Phase("all", options.most_epochs - head, lower)]
    return [phase for phase in phases if phase.epochs]


def optimizer_of(phase: Phase, batches: int, options: TrainOptions) -> Any:
    """Make the AdamW of a phase, whose rate rises for the warm-up and then falls to nothing along a cosine.

    Args:
        phase: The phase.
        batches: How many there are in an epoch.
        options: How to train.
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
