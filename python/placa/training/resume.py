"""Start or resume a training: keep its state on disk, and check that options and data are the same."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placa.core.backend import load_keras
from placa.core.errors import PlacaError
from placa.core.files import explain_os_errors, fingerprint, locked, refuse_existing
from placa.core.json_files import read_json, write_json
from placa.core.language import translate
from placa.core.progress import Progress
from placa.core.system import versions
from placa.models.weights import weights_fingerprint
from placa.records.run import require_run
from placa.records.run_facts import RunFacts
from placa.training.checkpoint import Checkpoint
from placa.training.data import TrainingData
from placa.training.errors import ChangedTrainingError, DivergedError, TrainingInterruptedError, UnfinishedTrainingError
from placa.training.options import TrainOptions

_PLAN = "plan.json"


@dataclass(frozen=True)
class ResumableTraining:
    """A training in progress.

    Attributes:
        checkpoint: Checkpoint for its state.
        plan: What determines its result (see `plan_of`).
        overwrite: Whether to replace an existing run: set by this command or by the one that started the training.
        complete_run: Content of ``run.json`` if the run is already complete; otherwise None.
    """

    checkpoint: Checkpoint
    plan: dict[str, Any]
    overwrite: bool
    complete_run: RunFacts | None = None


def plan_of(data: TrainingData, options: TrainOptions) -> dict[str, Any]:
    """Collect everything that determines the result of a training, for JSON."""
    parts: tuple[Path, ...] = (data.directory / "manifest.parquet", data.directory / "source.json")
    if data.embeddings is not None:
        parts = (*parts, *data.embeddings.files)
    plan = {
        "schema_version": 1,
        "options": options.as_record(),
        "own": options.own,
        "weights": weights_fingerprint(options.weights),
        "data": {"fingerprint": fingerprint(*parts), "pixels": list(data.inputs.shape)},
        "versions": {
            **versions(),
            "backend": load_keras().backend.backend(),
        },
    }
    return dict(json.loads(json.dumps(plan)))


def state_of(out: Path) -> Path:
    """Return the directory of the training state until the run `out` is complete."""
    return out.absolute().with_name(f".{out.absolute().name}.training")


@contextmanager
def resumable_training(
    out: Path,
    data: TrainingData,
    options: TrainOptions,
    overwrite: bool,
    resume: bool,
    progress: Progress,
    every: float,
) -> Iterator[ResumableTraining]:
    """Keep the state of a training beside its run, in ``.NAME.training``, until the run is complete.

    The state remains after Ctrl-C, a kill or a full disk. It is deleted when the run is complete, and when training
    diverges.

    Args:
        out: The run directory to create.
        data: Training data.
        options: Training options.
        overwrite: Whether to replace an existing run or state.
        resume: Whether to continue from an existing state.
        progress: Progress display.
        every: Minimum seconds between two saved states.

    Yields:
        The training in progress.

    Raises:
        UnfinishedTrainingError: A state exists, and neither `resume` nor `overwrite` is set.
        ChangedTrainingError: The state belongs to other options or data.
        TrainingInterruptedError: The disk is full or cannot be written; the state is kept.
        PlacaError: `out` exists and may not be replaced, or another process trains it.
    """
    out = out.absolute()
    checkpoint = Checkpoint(state_of(out), every)
    place = checkpoint.directory
    if not resume and not place.is_dir():
        refuse_existing(out, overwrite)
    with _locked(place, out):
        try:
            training = _start(checkpoint, out, plan_of(data, options), overwrite, resume, progress)
            yield training
        except BaseException as error:
            if isinstance(error, DivergedError) or not checkpoint.exists():
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
        _remove_partial(out, ".old-")
        # Rename before deleting: a partly deleted directory is not a valid state.
        over = place.with_name(f"{place.name}.over")
        shutil.rmtree(over, ignore_errors=True)
        place.rename(over)
        shutil.rmtree(over, ignore_errors=True)


def _start(
    checkpoint: Checkpoint, out: Path, plan: dict[str, Any], overwrite: bool, resume: bool, progress: Progress
) -> ResumableTraining:
    place, complete_run = checkpoint.directory, None
    if checkpoint.exists() and not overwrite and not resume:
        raise UnfinishedTrainingError(
            f"An interrupted training of {out} exists. Continue it with --resume, or start again with --overwrite.",
            run=str(out),
        )
    if resume and checkpoint.exists():
        before = read_json(place / _PLAN)
        _require_same(before, plan, progress)
        overwrite = overwrite or before["overwrite"]
    else:
        _clear(place)
        write_json(place / _PLAN, {**plan, "overwrite": overwrite})
    if resume and not overwrite and _is_complete(out, plan):
        complete_run = require_run(out)
        progress.say(translate("{out} is already complete", out=out))
    else:
        refuse_existing(out, overwrite)
        if resume and not checkpoint.exists():
            progress.say(f"no training state of {out} exists: training starts at epoch 1")
    for kind in (".partial-", ".training.over"):
        _remove_partial(out, kind)
    for path in place.rglob(".*.partial-*"):
        path.unlink()
    return ResumableTraining(checkpoint, plan, overwrite, complete_run)


def plan_digest(plan: dict[str, Any]) -> str:
    """Compute the digest of a plan in ``run.json``: ``"sha256:…"`` over options, data and weights."""
    content = {name: plan[name] for name in ("options", "weights", "data", *(["own"] if plan["own"] else []))}
    return f"sha256:{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}"


def _is_complete(out: Path, plan: dict[str, Any]) -> bool:
    try:
        return bool(require_run(out).get("plan") == plan_digest(plan))
    except PlacaError:
        return False


@contextmanager
def _locked(place: Path, out: Path) -> Iterator[None]:
    """Lock the state, so that no other process writes the same run."""
    with explain_os_errors(out):
        place.mkdir(parents=True, exist_ok=True)
        lock = (place / "lock").open("w")
    busy = f"Another process is training {out}. Wait until it ends, or choose another --out."
    with lock, locked(lock, busy, out):
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
        ("own", "the source of a function, or a Keras model, differs"),
    ):
        # Plans of older versions of placa have no own parts.
        if before.get(name, {}) != plan[name]:
            # The option of the same name keeps its text.
            changed.setdefault(name, [before.get(name), plan[name]])
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


def _clear(place: Path) -> None:
    for path in place.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != "lock":
            path.unlink()


def _remove_partial(out: Path, kind: str) -> None:
    """Remove partial runs of killed trainings. The caller holds the lock."""
    for path in out.parent.iterdir():
        if path.name.startswith(f".{out.name}{kind}"):
            shutil.rmtree(path, ignore_errors=True)
