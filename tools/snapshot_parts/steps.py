"""The steps in order of start. Long steps, and steps that others need, come first."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from snapshot_parts.contents import weights
from snapshot_parts.inputs import link_folders, link_nih, write_dicoms, write_volumes
from snapshot_parts.session import Step, kill, wait_for


@dataclass(frozen=True)
class PlannedStep:
    """A step and the steps whose files it needs."""

    run: Callable[[Step], None]
    needs: tuple[str, ...] = ()


def demo(step: Step) -> None:
    """Run the demo, from phantoms to the report in English."""
    step.placa("demo", "demo", "--images", 120, "--epochs", 2, "--data", "demo-data", "--out", "demo-run")
    step.folder("data", "demo-data")
    step.folder("run", "demo-run")


def nih(step: Step) -> None:
    """Prepare, audit, train in folds and predict a subset of ChestX-ray14."""
    link_nih(step.session.data, step.work / "nih", 120)
    step.placa("prepare", "prepare", "nih", "nih", "--positive", "Pneumonia", "--size", 32, "--out", "nih-data")
    step.placa("audit", "audit", "nih-data")
    step.folder("data", "nih-data")
    step.placa("train", "train", "nih-data", "--folds", 3, "--epochs", 2, "--out", "nih-run")
    step.placa("predict", "predict", "nih-run", "nih-data", "--rows", 5, "--out", "nih.parquet")
    step.folder("run", "nih-run")
    step.add("predictions", _file(step, "nih.parquet"))


def evaluate(step: Step) -> None:
    """Evaluate the run of folds in a separate R process, and render its report in Spanish."""
    step.placa("evaluate", "evaluate", "nih-run", "--bridge", "rscript")
    step.folder("tables", "nih-run/evaluation")
    step.placa("report", "report", "nih-run", "--lang", "es")
    step.folder("report", "nih-run/report")


def report(step: Step) -> None:
    """Render the model card of the demo in both languages."""
    for language in ("en", "es"):
        step.placa(f"card-{language}", "report", "demo-run", "--document", "model-card", "--lang", language)
    step.folder("documents", "demo-run/report")


def resume(step: Step) -> None:
    """Compare a training that is killed and resumed with an uninterrupted one."""
    step.placa("prepare", "prepare", "phantom", "--images", 90, "--size", 32, "--out", "resume-data")
    chosen = ("train", "resume-data", "--folds", 2, "--epochs", 2)
    step.placa("unbroken", *chosen, "--out", "unbroken-run")
    # The state of the first fold is written at its end, so the training is killed at the start of the second fold.
    process = step.start(step.command(*chosen, "--out", "killed-run"))
    states = step.work / ".killed-run.training"
    wait_for(lambda: any(states.rglob("state.npz")), process, "the state of the killed training")
    kill(process)
    step.add("killed/exit", process.returncode)
    step.add("killed/run exists", (step.work / "killed-run").exists())
    step.placa("refused", *chosen, "--out", "killed-run")
    step.placa("resumed", *chosen, "--out", "killed-run", "--resume")
    both = [weights(step.work / name / "model.keras") for name in ("unbroken-run", "killed-run")]
    step.add("same weights", both[0] == both[1])
    step.folder("unbroken", "unbroken-run")
    step.folder("run", "killed-run")


def processes(step: Step) -> None:
    """Train one network in two processes on this machine."""
    step.placa("prepare", "prepare", "phantom", "--images", 90, "--size", 32, "--out", "processes-data")
    with socket.create_server(("127.0.0.1", 0)) as free:
        addresses = f"127.0.0.1:{free.getsockname()[1]},127.0.0.1"
    started = []
    for number in (0, 1):
        arguments = ("--processes", addresses, "--process-id", number, "--epochs", 2, "--batch-size", 16)
        started.append(step.start(step.command("train", "processes-data", "--out", "processes-run", *arguments)))
    for number, process in enumerate(started):
        step.finish(f"process-{number}", process)
    step.folder("run", "processes-run")


def dask(step: Step) -> None:
    """Prepare and predict with a Dask worker, with the same pixels and predictions as without it."""
    place = step.work / "scheduler.json"
    local = ("--host", "127.0.0.1", "--no-dashboard")
    python = str(step.session.python)
    scheduler = step.start([python, "-m", "dask", "scheduler", "--port", "0", "--scheduler-file", str(place), *local])
    try:
        wait_for(lambda: place.is_file() and '"address"' in place.read_text(), scheduler, "the scheduler")
        address = json.loads(place.read_text())["address"]
        worker = step.start([python, "-m", "dask", "worker", address, "--nthreads", "1", "--no-nanny", *local])
        try:
            on_cluster = ("--scheduler", address)
            arguments = ("--positive", "Pneumonia", "--size", 32, "--out", "dask-data")
            step.placa("prepare", "prepare", "nih", "nih", *arguments, *on_cluster)
            step.folder("data", "dask-data")
            step.placa("predict", "predict", "demo-run", "nih/images", "--out", "dask.parquet", *on_cluster)
            step.add("predictions", _file(step, "dask.parquet"))
        finally:
            kill(worker)
    finally:
        kill(scheduler)


def volumes(step: Step) -> None:
    """Prepare CT volumes, train on them, and predict and explain their files."""
    write_volumes(step.work / "stoic", 24)
    options = ("--size", 32, "--slices", 4)
    step.placa("prepare", "prepare", "stoic", "stoic", *options, "--out", "stoic-data")
    step.folder("data", "stoic-data")
    step.placa("train", "train", "stoic-data", "--epochs", 2, "--out", "stoic-run")
    step.folder("run", "stoic-run")
    files = [f"stoic/data/mha/{100 + number}.mha" for number in range(3)]
    step.placa("predict", "predict", "stoic-run", *files)
    step.placa("explain", "explain", "stoic-run", files[1], "--out", "stoic-maps")
    step.folder("maps", "stoic-maps")


def dicom(step: Step) -> None:
    """Prepare and predict DICOM files, some of them damaged."""
    write_dicoms(step.work / "dicom")
    step.placa(
        "prepare",
        "prepare",
        "dicom",
        "dicom",
        "--positive",
        "sick",
        "--key",
        "key",
        "--size",
        32,
        "--out",
        "dicom-data",
    )
    step.folder("data", "dicom-data")
    step.placa("predict", "predict", "demo-run", "dicom", "--rows", 0, "--out", "dicom.parquet")
    for name, file in (("predictions", "dicom.parquet"), ("predictions rejected", "dicom.rejected.csv")):
        # The names of DICOM files are hashed with a new key at each call.
        step.add(name, re.sub(r"(?m)^[0-9a-f]{16},", "<id>,", _file(step, file)))


def folders(step: Step) -> None:
    """Prepare class folders without patients, and the same files with a table."""
    link_folders(step.session.data, step.work / "ct", 40)
    step.placa("prepare", "prepare", "folders", "ct", "--positive", "COVID", "--size", 32, "--out", "folders-data")
    step.folder("data", "folders-data")
    files = sorted(path.relative_to(step.work / "ct") for path in (step.work / "ct").rglob("*.png"))
    lines = [f"{path},{number // 2},{int(path.parts[0] == 'COVID')}" for number, path in enumerate(files)]
    (step.work / "ct" / "table.csv").write_text("path,patient_id,label\n" + "\n".join(lines) + "\n")
    step.placa("table", "prepare", "table", "ct/table.csv", "--label", "label", "--size", 32, "--out", "table-data")
    step.folder("table", "table-data")


def explain(step: Step) -> None:
    """Explain two images with Grad-CAM, and score maps against boxes."""
    images = sorted((step.work / "demo-data" / "images").glob("*.png"))[:2]
    relative = [image.relative_to(step.work) for image in images]
    step.placa("explain", "explain", "demo-run", *relative, "--out", "maps")
    step.folder("maps", "maps")
    step.placa("boxes", "explain", "demo-run", "--boxes", "demo-data", "--finding", "Opacity", "--out", "box-maps")
    for name in ("boxes.csv", "boxes.json", "explain.csv"):
        step.add(f"boxes/{name}", _file(step, f"box-maps/{name}"))


def r(step: Step) -> None:
    """Call the public functions of R on the run of the demo, and list the exports."""
    script = Path(__file__).with_name("public.R")
    (step.work / "r").mkdir()
    step.finish("script", step.start(["Rscript", "--no-save", "--no-restore", str(script)]))
    step.folder("results", "r")


def help_(step: Step) -> None:
    """Print the help of every command, the list of sources, and the output of doctor."""
    step.placa("placa", "--help")
    step.placa("version", "--version")
    for command in ("audit", "sources", "train", "predict", "explain", "evaluate", "report", "doctor", "demo"):
        step.placa(command, command, "--help")
    sources = ("nih", "folders", "stoic", "dicom", "table", "phantom")
    for command, rows in {"prepare": sources, "download": ("nih",)}.items():
        step.placa(command, command, "--help")
        for row in rows:
            step.placa(f"{command}-{row}", command, row, "--help")
    step.placa("list of sources", "sources")
    step.placa("check-up", "doctor")


def wrong(step: Step) -> None:
    """Record the exit code and the message for invalid inputs."""
    # In a separate directory, because messages list the runs in the same directory.
    step.work = step.work / "wrong"
    (step.work / "empty").mkdir(parents=True)
    for name in ("nih", "nih-data", "demo-data", "demo-run"):
        (step.work / name).symlink_to(step.work.parent / name)
    (step.work / "empty" / "a.png").write_text("No image.\n")
    given = {
        "no command": (),
        "unknown command": ("trian",),
        "no out": ("train", "nih-data"),
        "unknown finding": ("prepare", "nih", "nih", "--positive", "Pneumonai", "--out", "x1"),
        "missing source": ("prepare", "nih", "nowhere", "--positive", "Pneumonia", "--out", "x2"),
        "existing out": ("prepare", "phantom", "--out", "nih-data"),
        "unknown class": ("prepare", "folders", "demo-data", "--positive", "sick", "--out", "x3"),
        "fractions": ("prepare", "phantom", "--images", 20, "--fractions", "-1", "1", "1", "--out", "x4"),
        "not prepared": ("train", "nih", "--out", "x5"),
        "epochs": ("train", "nih-data", "--epochs", 0, "--out", "x6"),
        "backbone": ("train", "nih-data", "--backbone", "densnet121", "--out", "x7"),
        "not a run": ("predict", "nih", "nih/images"),
        "no image": ("predict", "demo-run", "nowhere.png"),
        "only rejected": ("predict", "demo-run", "empty"),
        "unknown split": ("evaluate", "demo-run", "--split", "tset"),
        "run of a report": ("report", "nowhere"),
        "finding of a map": ("explain", "demo-run", "empty/a.png", "--finding", "Nodule", "--out", "x8"),
    }
    for what, arguments in given.items():
        step.placa(what, *arguments)


def _file(step: Step, name: str) -> str:
    from snapshot_parts.contents import file_entries

    found = file_entries(step.work / name, step.session.clean)
    return "\n".join(f"{what} {value}".strip() for what, value in found.items())


STEPS: dict[str, PlannedStep] = {
    "demo": PlannedStep(demo),
    "nih": PlannedStep(nih),
    "evaluate": PlannedStep(evaluate, ("nih",)),
    "report": PlannedStep(report, ("demo",)),
    "resume": PlannedStep(resume),
    "r": PlannedStep(r, ("demo",)),
    "wrong": PlannedStep(wrong, ("nih", "demo")),
    "processes": PlannedStep(processes),
    "volumes": PlannedStep(volumes),
    "dask": PlannedStep(dask, ("nih", "demo")),
    "dicom": PlannedStep(dicom, ("demo",)),
    "explain": PlannedStep(explain, ("demo",)),
    "folders": PlannedStep(folders),
    "help": PlannedStep(help_),
}
