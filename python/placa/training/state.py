"""Define the training state, from which training resumes with identical results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from placa.training.averaging import values
from placa.training.checkpoint import Arrays
from placa.training.errors import IncompatibleStateError
from placa.training.monitor import Monitor


@dataclass
class TrainState:
    """The state of a training between two steps.

    Attributes:
        phase: Index of the phase, from 0; the number of phases when training is complete.
        began: Number of epochs before this phase.
        epoch: Number of completed epochs.
        step: Number of completed steps of the current epoch.
        seconds: Duration so far, in seconds.
        lap: Duration of the current epoch so far, in seconds.
        arrays: Values of variables: ``network`` (with the random generators of layers), ``optimizer``, ``loss`` (its
            mean over the epoch) and ``first`` (see `placa.training.averaging`). A missing or empty list means initial
            values.
    """

    phase: int = 0
    began: int = 0
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    lap: float = 0.0
    arrays: Arrays = field(default_factory=dict)

    def to_checkpoint(self, monitor: Monitor) -> tuple[dict[str, Any], Arrays]:
        """Convert the state and the monitor for a checkpoint."""
        numbers = ("phase", "began", "epoch", "step", "seconds", "lap")
        facts = {name: getattr(self, name) for name in numbers}
        return {"moment": facts, "watched": monitor.as_facts()}, {**self.arrays, "best": monitor.best_weights}

    @classmethod
    def from_checkpoint(cls, facts: dict[str, Any], arrays: Arrays, monitor: Monitor) -> TrainState:
        """Restore a state from a checkpoint, and update the monitor."""
        for name, value in facts["watched"].items():
            setattr(monitor, name, value)
        monitor.best_weights = arrays.pop("best", [])
        return cls(**facts["moment"], arrays=arrays)

    def restore(self, name: str, variables: list[Any]) -> None:
        """Assign the stored values to variables, if there are any.

        Args:
            name: Name of the list in `arrays`.
            variables: Keras variables, in the stored order.

        Raises:
            IncompatibleStateError: The shapes differ.
        """
        held = self.arrays.get(name)
        if not held:
            return
        if [one.shape for one in held] != [tuple(variable.shape) for variable in variables]:
            raise IncompatibleStateError(
                f"The saved training state has other variables in its {name}; another version of placa or Keras wrote "
                "it. Start again with --overwrite.",
                part=name,
            )
        for variable, one in zip(variables, held, strict=True):
            variable.assign(one)


def snapshot(model: Any) -> Arrays:
    """Copy the values of a compiled network and its optimizer."""
    return {
        "network": [values(variable) for variable in model.variables],
        "optimizer": [values(variable) for variable in model.optimizer.variables],
    }
