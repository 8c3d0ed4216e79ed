"""The loop: Keras' own ``fit``, phase after phase, in sittings that may end and begin between any two steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placa.core.backend import load_keras
from placa.core.progress import Advance
from placa.models import set_trainable
from placa.training.averaging import Average, values
from placa.training.checkpoint import Arrays, Checkpoint
from placa.training.devices import Devices
from placa.training.errors import DivergedError
from placa.training.monitor import Judge, Watched
from placa.training.options import TrainOptions
from placa.training.phases import Phase, optimizer_of
from placa.training.state import Moment, held_by


class Learner:
    """One network that learns.

    Args:
        network: From uint8 pixels to logits.
        average: The network of averaged weights, which is then the one that is judged and kept; or None.
        loss: Of truth and logits.
        batches: From `training_batches`.
        judge: Judges the logits of validation.
        logits: Computes these, ``(n, findings)``, with a given network.
        watched: Where history and best weights are kept.
        checkpoint: Where the state is kept, or None.
        devices: What the network lies on.
        copy: A network of the same kind on one device, which is judged for it where that is several; or None.
    """

    def __init__(
        self,
        network: Any,
        average: Average | None,
        loss: Callable[[Any, Any], Any],
        batches: Any,
        judge: Judge,
        logits: Callable[[Any], NDArray[np.float64]],
        watched: Watched,
        checkpoint: Checkpoint | None,
        devices: Devices,
        copy: Any = None,
    ) -> None:
        self.network, self.average, self.loss, self.batches = network, average, loss, batches
        self.judge, self.logits, self.watched, self.checkpoint = judge, logits, watched, checkpoint
        self.devices, self.copy = devices, copy
        self.last = 0

    def learn(self, phases: list[Phase], options: TrainOptions, moment: Moment, advance: Advance) -> Moment:
        """Learn from a moment to the end.

        Args:
            phases: All phases.
            options: How to train.
            moment: Where to begin.
            advance: Moves the progress bar, by epochs.

        Returns:
            The moment after the last phase.

        Raises:
            PlacaError: The loss is no longer a number, or the checkpoint cannot be written.
        """
        self.last = len(phases) - 1
        if moment.epoch:
            advance(moment.epoch)
        ready = None
        while moment.phase < len(phases):
            phase = phases[moment.phase]
            if ready is not phase:
                self._begin(phase, options)
                ready = phase
            # Keras writes the average into the weights when a fit ends: they are always given back.
            moment.give("network", self.network.variables)
            moment.give("optimizer", self.network.optimizer.variables)
            if self.average is not None:
                self.average.first = moment.arrays.get("first", [])
            moment = self._sit(phase, moment, options.patience, advance)
        return moment

    def _begin(self, phase: Phase, options: TrainOptions) -> None:
        with self.devices.together():
            set_trainable(self.network, phase.part)
            self.network.compile(optimizer_of(phase, len(self.batches), options), loss=self.loss)
            self.network.optimizer.build(self.network.trainable_variables)
        if self.average is not None:
            with self.devices.apart():
                self.average.begin(phase.part)

    def _sit(self, phase: Phase, moment: Moment, patience: int, advance: Advance) -> Moment:
        """One call of ``fit``: up to the end of the phase, or of the epoch where it starts in the midst of one."""
        until = moment.epoch + 1 if moment.step else moment.began + phase.epochs
        watch = _watcher(self, phase, moment, until, patience, advance)
        batches = _rest(self.batches, moment.step) if moment.step else self.batches
        self.network.fit(batches, initial_epoch=moment.epoch, epochs=until, verbose=0, shuffle=False, callbacks=[watch])
        ended: Moment = watch.ended
        return ended

    def save(self, moment: Moment) -> None:
        """Keep a moment in the checkpoint, if there is one."""
        if self.checkpoint is not None:
            self.checkpoint.save(*moment.as_state(self.watched))

    def due(self) -> bool:
        """Whether a moment is to be kept now."""
        return self.checkpoint is not None and self.checkpoint.due()


def _watcher(learner: Learner, phase: Phase, start: Moment, until: int, patience: int, advance: Advance) -> Any:
    """Make the Keras callback that judges each epoch, keeps moments, and stops when it gets worse."""
    keras = load_keras()
    watched, average = learner.watched, learner.average
    sat_down = time.perf_counter()

    class Watcher(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        # Losses are looked at from another thread, so that an accelerator never waits for that.
        async_safe = True
        ended: Moment
        _bad: tuple[int, float] | None = None

        def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            first = epoch == start.epoch
            self._epoch, self._before = epoch, start.step if first else 0
            # Said anew at each: Keras ends an epoch that never was before it begins the first.
            learner.batches.epoch = epoch
            self._lap = time.perf_counter() - (start.lap if first else 0.0)
            if self._before:
                # The mean over the epoch is of all its steps, those before the break too.
                start.give("loss", self.model.metrics_variables)

        def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            self._require_numbers()
            if average is not None and not average.first:
                average.note_first(self.model)
            if batch and learner.due():
                held = {**held_by(self.model), "loss": [values(one) for one in self.model.metrics_variables]}
                learner.save(self._moment(held, epoch=self._epoch, step=self._before + batch))

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            loss = (logs or {})["loss"]
            if not math.isfinite(loss) and (self._bad is None or batch < self._bad[0]):
                self._bad = batch, loss

        def _require_numbers(self) -> None:
            if self._bad is not None:
                batch, loss = self._bad
                epoch, step = self._epoch + 1, self._before + batch + 1
                raise DivergedError(
                    f"The loss is {loss} in epoch {epoch} at step {step}. Try a lower --learning-rate.",
                    quantity="loss",
                    epoch=epoch,
                    step=step,
                )

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            self._require_numbers()
            model = self.model
            with learner.devices.apart():
                judged = self._judged(model)
                logits = learner.logits(judged)
            if not np.isfinite(logits).all():
                raise DivergedError(
                    f"Validation logits are not finite in epoch {epoch + 1}. Try a lower --learning-rate.",
                    quantity="logits",
                    epoch=epoch + 1,
                    step=None,
                )
            row = {
                "epoch": epoch + 1,
                "loss": float((logs or {})["loss"]),
                **learner.judge.row(logits),
                "learning_rate": float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)),
                "seconds": round(time.perf_counter() - self._lap, 3),
            }
            watched.add(row, learner.judge.error, lambda: [np.array(one) for one in judged.get_weights()])
            auroc = row["validation_auroc"]
            advance(1, remark=f"AUROC {auroc:.3f}, highest {watched.highest_auroc:.3f}")
            over = watched.stalled(start.began) >= patience or epoch + 1 == start.began + phase.epochs
            if over or epoch + 1 == until or learner.due():
                held = held_by(model)
                if over:
                    # Another phase has another optimizer; after the last, only the weights that are kept count.
                    goes_on = {"network": held["network"]} if start.phase < learner.last else {}
                    self.ended = self._moment(goes_on, start.phase + 1, epoch + 1, epoch + 1)
                else:
                    self.ended = self._moment(held, epoch=epoch + 1)
                if over or learner.due():
                    learner.save(self.ended)
            if over:
                self.model.stop_training = True

        def _judged(self, model: Any) -> Any:
            if average is not None:
                if not average.first:
                    average.note_first(model)
                average.take(model)
                return average.network
            if learner.copy is not None:
                learner.copy.set_weights(model.get_weights())
                return learner.copy
            return model

        def _moment(
            self,
            held: Arrays,
            phase: int = start.phase,
            began: int = start.began,
            epoch: int = 0,
            step: int = 0,
        ) -> Moment:
            first = average.first if average is not None and "optimizer" in held else []
            now = time.perf_counter()
            lap = now - self._lap if step else 0.0
            return Moment(phase, began, epoch, step, start.seconds + now - sat_down, lap, {**held, "first": first})

    return Watcher()


def _rest(batches: Any, done: int) -> Any:
    """The batches of an epoch after those that are done."""
    keras = load_keras()

    class Rest(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
        def __len__(self) -> int:
            return len(batches) - done

        def __getitem__(self, batch: int) -> Any:
            return batches[done + batch]

        def on_epoch_begin(self) -> None:
            batches.on_epoch_begin()

        def on_epoch_end(self) -> None:
            batches.on_epoch_end()

    return Rest(workers=batches.workers, use_multiprocessing=batches.use_multiprocessing)
