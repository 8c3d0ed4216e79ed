"""Kills and full disks at random moments: the next call gives the same result, and nothing is left."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from campaigns import Campaign, limited, random_moments
from conftest import draw_folders

from placa.evaluation.bridge import run_rscript

_KILLS = int(os.environ.get("PLACA_KILLS", "20"))
_SIZES = int(os.environ.get("PLACA_SIZES", "10"))
NAMES = ["prepare", "train", "predict", "evaluate", "report", "explain"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc, which Linux has"),
]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory, prepared: Path, run: Path) -> Path:
    """Create the input of all commands: images, a prepared set, a run with and one without an evaluation."""
    folder = tmp_path_factory.mktemp("start")
    draw_folders(folder / "images", 300)
    shutil.copytree(prepared, folder / "set")
    for name in ("run", "evaluated"):
        shutil.copytree(run, folder / name)
    run_rscript("placa::evaluate_run(commandArgs(TRUE)[[1]], draws = 200)", str(folder / "evaluated"))
    return folder


def campaign(name: str, start: Path) -> Campaign:
    """Return the campaign of a command."""
    image = str(sorted((start / "set" / "images").glob("*.png"))[0].relative_to(start))
    options = {
        "prepare": (
            ["prepare", "folders", "images", "--positive", "Mass", "--size", "64", "--out", "out"],
            ["manifest.parquet", "pixels-64.npy", "rejected.csv"],
            [],
        ),
        "train": (
            ["train", "set", "--epochs", "3", "--batch-size", "16", "--out", "out"],
            ["predictions.parquet", "thresholds.json"],
            ["--resume"],
        ),
        "predict": (["predict", "run", "set/images", "--out", "out.parquet"], ["out.parquet"], []),
        "evaluate": (["evaluate", "run"], ["*.csv"], []),
        "report": (["report", "evaluated", "--no-pictures"], ["evaluation.html"], []),
        "explain": (["explain", "run", image, "--out", "out"], ["*.csv", "*.npy"], []),
    }
    arguments, files, again = options[name]
    output = {"predict": "out.parquet", "evaluate": "run/evaluation", "report": "evaluated/report"}.get(name, "out")
    return Campaign(name, start, arguments, output, files, again)


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_command_is_repeated_with_the_same_result(name: str, start: Path, tmp_path: Path) -> None:
    one = campaign(name, start)
    digest = one.undisturbed(tmp_path)
    for number, moment in enumerate(random_moments(one.seconds, _KILLS, seed=NAMES.index(name))):
        work = Path(shutil.copytree(start, tmp_path / "work"))
        one.counts["killed"] += one.kill_after(work, moment)
        if (work / one.output).exists() and name in {"prepare", "train"}:
            # It was complete before the kill.
            one.counts["complete"] += 1
            assert one.digest(work) == digest, number
        else:
            one.judge(work, digest)
        shutil.rmtree(work)
    _report(one)


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_is_one_sentence_and_the_next_call_gives_the_same_result(
    name: str, start: Path, tmp_path: Path
) -> None:
    one = campaign(name, start)
    digest = one.undisturbed(tmp_path)
    largest = max(path.stat().st_size for path in (tmp_path / "undisturbed").rglob("*") if path.is_file())
    for number in range(_SIZES):
        work = Path(shutil.copytree(start, tmp_path / "work"))
        done = one.run(work, preexec_fn=limited(int(largest * (number + 0.5) / _SIZES)))
        one.counts["full"] += done.returncode != 0
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode in {0, 1}, done.stderr
        if done.returncode:
            one.judge(work, digest)
        shutil.rmtree(work)
    _report(one)


def _report(one: Campaign) -> None:
    text = ", ".join(f"{what} {count}" for what, count in sorted(one.counts.items()))
    print(f"{one.name}: {text}")
    bad = {what for what in ("refused", "crashed", "silently different", "outlived", "leftovers") if one.counts[what]}
    assert not bad, text
