"""A training from its beginning, or from where it was: what is there of it, and whether it is the one asked for."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from placa.core.backend import load_keras
from placa.core.errors import PlacaError
from placa.core.files import explain_os_error, fingerprint, held, read_json, refuse_existing, write_json
from placa.core.progress import Progress
from placa.core.system import versions
from placa.models import weights_fingerprint
from placa.records.run import require_run
from placa.training.checkpoint import Checkpoint
from placa.training.data import TrainingData
from placa.training.errors import ChangedTrainingError, DivergedError, TrainingInterruptedError, UnfinishedTrainingError
from placa.training.options import TrainOptions

_PLAN = "plan.json"


@dataclass(frozen=True)
class Underway:
    """A training that is under way.

    Attributes:
        checkpoint: Where its state is kept.
        overwrite: Whether a run already there is replaced, as this command said, or the one that began it.
        whole: ``run.json`` of the run, if it turned out to be whole already.
    """

    checkpoint: Checkpoint
    overwrite: bool
    whole: dict[str, Any] | None = None


def plan_of(data: TrainingData, options: TrainOptions) -> dict[str, Any]:
    """All that decides what a training ends with, for JSON."""
    parts = (data.directory / "manifest.parquet", data.directory / "source.json")
    plan = {
        "schema_version": 1,
        "options": asdict(options),
        "weights": weights_fingerprint(options.weights),
        "data": {"fingerprint": fingerprint(*parts), "pixels": list(data.pixels.shape)},
        "versions": {
            **versions("placa", "keras", "numpy", "tensorflow", "jax", "torch"),
            "backend": load_keras().backend.backend(),
        },
    }
    return dict(json.loads(json.dumps(plan)))


def state_of(out: Path) -> Path:
    """Where the state of a training lies until its run, `out`, is whole."""
    return out.absolute().with_name(f".{out.absolute().name}.training")


@contextmanager
def underway(
    out: Path,
    data: TrainingData,
    options: TrainOptions,
    overwrite: bool,
    resume: bool,
    progress: Progress,
    every: float,
) -> Iterator[Underway]:
    """Keep a training's state beside its run, in ``.NAME.training``, until the run is whole.

    The state stays when the block is left by Ctrl-C, a kill or a full disk; it goes once the run is whole, and when
    what was learnt is of no use.

    Args:
        out: The run directory to make.
        data: What to train on.
        options: How.
        overwrite: Whether a run or a state already there is replaced.
        resume: Whether to go on from a state that is there.
        progress: Where to say what was found.
        every: Seconds from one state to the next, at least.

    Raises:
        PlacaError: A state is there, and neither `resume` nor `overwrite` is given, or it is of other options or data;
            `out` is there and may not be replaced; another training is at work; or the place cannot be written.
    """
    out = out.absolute()
    checkpoint = Checkpoint(state_of(out), every)
    place = checkpoint.directory
    if not resume and not place.is_dir():
        refuse_existing(out, overwrite)
    with _alone(place, out):
        try:
            begun = _begin(checkpoint, out, plan_of(data, options), overwrite, resume, progress)
            yield begun
        except BaseException as error:
            if isinstance(error, DivergedError) or not checkpoint.holds_anything():
                shutil.rmtree(place, ignore_errors=True)
            elif isinstance(error, PlacaError) and isinstance(error.__cause__, OSError):
                raise TrainingInterruptedError(
                    f"{error} The training state is saved: continue with --resume.",
                    run=str(out),
                    state=str(place),
                    reason=str(error),
                ) from error
            elif isinstance(error, KeyboardInterrupt):
                progress.say("the training state is saved: continue with --resume")
            raise
        _sweep(out, ".old-")
        # Gone at once, then bit by bit: half of it is no state to go on from.
        over = place.with_name(f"{place.name}.over")
        shutil.rmtree(over, ignore_errors=True)
        place.rename(over)
        shutil.rmtree(over, ignore_errors=True)


def _begin(
    checkpoint: Checkpoint, out: Path, plan: dict[str, Any], overwrite: bool, resume: bool, progress: Progress
) -> Underway:
    place, whole = checkpoint.directory, None
    if checkpoint.holds_anything() and not overwrite and not resume:
        raise UnfinishedTrainingError(
            f"An interrupted training of {out} exists. Continue it with --resume, or start again with --overwrite.",
            run=str(out),
        )
    if resume and checkpoint.holds_anything():
        before = read_json(place / _PLAN)
        _require_same(before, plan, progress)
        overwrite = overwrite or before["overwrite"]
    else:
        _empty(place)
        write_json(place / _PLAN, {**plan, "overwrite": overwrite})
    if resume and not overwrite and _is_whole(out, plan):
        whole = require_run(out)
        progress.say(f"{out} is already complete")
    else:
        refuse_existing(out, overwrite)
        if resume and not checkpoint.holds_anything():
            progress.say(f"no training state of {out} exists: training starts at epoch 1")
    for left in (".partial-", ".training.over"):
        _sweep(out, left)
    for torn in place.rglob(".*.partial-*"):
        torn.unlink()
    return Underway(checkpoint, overwrite, whole)


def plan_digest(plan: dict[str, Any]) -> str:
    """What a run says of the plan it was made by: ``"sha256:…"`` over options, data and weights."""
    decides = {name: plan[name] for name in ("options", "weights", "data")}
    return f"sha256:{hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()}"


def _is_whole(out: Path, plan: dict[str, Any]) -> bool:
    try:
        return bool(require_run(out).get("plan") == plan_digest(plan))
    except PlacaError:
        return False


@contextmanager
def _alone(place: Path, out: Path) -> Iterator[None]:
    """Hold the state for this process: two that write the same run would spoil both."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = (place / "lock").open("w")
    except OSError as error:
        raise explain_os_error(error, out) from error
    with lock, held(lock, f"Another process is training {out}. Wait until it ends, or choose another --out."):
        yield


def _require_same(before: dict[str, Any], plan: dict[str, Any], progress: Progress) -> None:
    changed = {
        name: [before["options"].get(name), value]
        for name, value in plan["options"].items()
        if before["options"].get(name) != value
    }
    differ = [f"{name} was {old}, got {new}" for name, (old, new) in changed.items()]
    for name, sentence in (
        ("data", "the prepared data set differs"),
        ("weights", "the file of weights differs"),
    ):
        if before[name] != plan[name]:
            # The option of the same name keeps its text.
            changed.setdefault(name, [before[name], plan[name]])
            differ.append(sentence)
    if differ:
        raise ChangedTrainingError(
            f"The interrupted training has other options or data ({'; '.join(differ)}). Use the same options, or "
            "start again with --overwrite and without --resume.",
            changed=changed,
        )
    others = [
        f"{name} {before['versions'].get(name)} before, {value} now"
        for name, value in plan["versions"].items()
        if before["versions"].get(name) != value
    ]
    if others:
        progress.warn(
            f"training continues with other package versions ({'; '.join(others)}): the final weights may differ "
            "slightly from those of an uninterrupted training"
        )


def _empty(place: Path) -> None:
    for path in place.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != "lock":
            path.unlink()


def _sweep(out: Path, kind: str) -> None:
    """Remove what trainings that were killed left of half-made runs; only one is at work, and holds the lock."""
    for path in out.parent.iterdir():
        if path.name.startswith(f".{out.name}{kind}"):
            shutil.rmtree(path, ignore_errors=True)
