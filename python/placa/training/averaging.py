"""Average the weights of a network over training steps (EMA), for validation and for the run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import load_keras
from placa.models.networks import Part, set_trainable

#: Maximum number of batches for the statistics of batch normalisation.
_BATCHES = 50


class Average:
    """A second network with the moving average of the trained weights.

    The optimizer computes the average (Polyak and Juditsky 1992, with exponential weights) as part of its state. It
    starts at the weights after the first step. Their contribution is removed by bias correction as in Adam (Kingma and
    Ba 2015); otherwise a high momentum would lead to nearly random weights after a short training.

    Averaged weights have other activations than the trained weights. The moving statistics of batch normalisation are
    therefore updated on training batches (Izmailov et al. 2018, section 3.2).

    Args:
        network: The second network.
        momentum: Momentum of the average, above 0 and below 1.
        batches: Training batches. The first ones update the statistics, the same at every epoch.
    """

    def __init__(self, network: Any, momentum: float, batches: Any) -> None:
        self.network = network
        self.first: list[NDArray[Any]] = []
        self._momentum = momentum
        self._batches = batches
        self._statistics_model: Any = None

    def begin(self, part: Part) -> None:
        """Start a phase in which `part` is trained."""
        set_trainable(self.network, part)
        self.first = []
        self._statistics_model = None
        if part == "all" and any(variable.name == "moving_mean" for variable in self.network.variables):
            self._statistics_model = _as_in_training(self.network)

    def store_first(self, model: Any) -> None:
        """Store the weights after the first step of a phase. Call it before every step."""
        # Loss scaling skips steps with an overflow, so that the first step may not count.
        if not self.first and _steps(model) == 1:
            self.first = [values(variable) for variable in model.trainable_variables]

    def update(self, model: Any) -> None:
        """Update the second network with the current average.

        Args:
            model: The trained network, compiled with an optimizer that computes the average.
        """
        self.network.set_weights(model.get_weights())
        steps = _steps(model)
        if not steps:
            return
        averages = _averages(model)
        if steps > 1 and self.first:
            share = self._momentum ** (steps - 1)
            averages = [
                (average - np.float32(share) * first) / np.float32(1 - share)
                for average, first in zip(averages, self.first, strict=True)
            ]
        for variable, average in zip(self.network.trainable_variables, averages, strict=True):
            variable.assign(average)
        if self._statistics_model is not None:
            for batch in range(min(_BATCHES, len(self._batches))):
                self._statistics_model.predict_on_batch(self._batches[batch][0])


def _averages(model: Any) -> list[NDArray[Any]]:
    """Return the averages of the trainable weights from the optimizer."""
    # The optimizer writes them into the trainable variables, which may be on several devices.
    trainable = model.trainable_variables
    held = [values(one) for one in trainable]
    model.optimizer.finalize_variable_values(trainable)
    averages = [values(one) for one in trainable]
    for variable, one in zip(trainable, held, strict=True):
        variable.assign(one)
    return averages


def _as_in_training(network: Any) -> Any:
    """Create a model that runs a network in training mode: it updates the statistics and not the weights."""
    keras = load_keras()

    class AsInTraining(keras.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def call(self, pixels: Any) -> Any:
            # A subclass, as predicting overrides `training` in a functional model.
            return self.network(pixels, training=True)

    return AsInTraining()


def values(variable: Any) -> NDArray[Any]:
    """Copy the value of a Keras variable; backends reuse the memory of the arrays that they return."""
    return np.array(load_keras().ops.convert_to_numpy(variable))


def _steps(model: Any) -> int:
    return int(values(model.optimizer.iterations))
