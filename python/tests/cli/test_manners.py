"""The command line in a script: suggestions, options of every command, lines without a terminal, JSON."""

import json
import logging
from pathlib import Path

import pytest
from conftest import draw
from raising import raises

from placa.core.arguments import LateParser
from placa.core.errors import OutOfRangeError, SchedulerAddressError
from placa.core.executors import open_executor
from placa.core.progress import SILENT, RichProgress, show
from placa.dataset.errors import SplitSharesError
from placa.dataset.splits import SplitPlan
from placa.reporting.errors import ReportEndingError
from placa.training.options import TrainOptions
from placa.workflows.prepare import prepare
from placa.workflows.report import report
from placa.workflows.train import train


@pytest.mark.parametrize(
    ("arguments", "usage", "near"),
    [
        (["trian"], "usage: placa [-h]", "train"),
        (["train", "x", "--out", "y", "--ephocs", "2"], "usage: placa train", "--epochs"),
        (["prepare", "folder", "x"], "usage: placa prepare", "folders"),
        (["prepare", "phantom", "--out", "y", "--siz", "32"], "usage: placa prepare phantom", "--size"),
        (["report", "x", "--lang", "sp"], "usage: placa report", "es"),
    ],
)  # fmt: skip
def test_an_error_suggests_the_most_similar_name(placa, arguments: list[str], usage: str, near: str) -> None:
    done = placa(*arguments)
    assert done.returncode == 2 and done.stderr.startswith(usage)
    assert near in done.stderr.splitlines()[-1]


def test_an_abbreviation_is_an_error_and_writes_nothing(placa, prepared: Path, tmp_path: Path) -> None:
    assert placa("train", prepared, "--out", tmp_path / "run", "--epo", "1").returncode == 2
    assert not list(tmp_path.iterdir())


def _parser() -> LateParser:
    parser = LateParser(prog="x")
    parser.add_argument("root")
    parser.add_argument("--positive", nargs="+")
    parser.add_argument("--out")
    return parser


@pytest.mark.parametrize(
    "words",
    [
        ["{root}", "--positive", "a", "b", "--out", "o"],
        ["--positive", "a", "b", "{root}", "--out", "o"],
        ["--out", "o", "--positive", "a", "b", "{root}"],
    ],
)
def test_a_path_after_several_values_is_the_argument(tmp_path: Path, words: list[str]) -> None:
    found = _parser().parse_args([word.format(root=tmp_path) for word in words])
    assert (found.root, found.positive, found.out) == (str(tmp_path), ["a", "b"], "o")


def test_a_missing_argument_is_not_taken_from_values(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args(["--positive", "a", "b"])
    assert _parser().parse_args([str(tmp_path), "--positive", "a", str(tmp_path)]).positive == ["a", str(tmp_path)]


def test_values_that_cannot_be_meant_are_refused(prepared: Path, run: Path, tmp_path: Path) -> None:
    with raises(OutOfRangeError, name="size", value=10, lower=16):
        prepare(lambda place: None, tmp_path / "out", size=10)
    with raises(OutOfRangeError, name="size", value=100_000, upper=4096):
        prepare(lambda place: None, tmp_path / "out", size=100_000)
    with raises(OutOfRangeError, name="seed", value=-5):
        prepare(lambda place: None, tmp_path / "out", seed=-5)
    with raises(SplitSharesError, fractions=[0.5, 0.9, 0.3]):
        SplitPlan(fractions=(0.5, 0.9, 0.3))
    assert SplitPlan(fractions=(33, 33, 33)).fractions == (33, 33, 33)
    with raises(OutOfRangeError, name="batch_size", value=10**9):
        train(prepared, tmp_path / "run", TrainOptions(batch_size=10**9), progress=False)
    with raises(ReportEndingError, format="html"):
        report(run, to="html", out=tmp_path / "x.pdf", progress=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["node1", "tcp://node1", "tcp://node1:", "node1:port"])
def test_an_address_without_a_port_is_an_error_at_once(address: str) -> None:
    with raises(SchedulerAddressError, address=address):
        open_executor(address, SILENT)


def test_without_a_terminal_each_epoch_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with RichProgress().bar("training", 3) as advance:
        for epoch in range(3):
            advance(1, remark=f"AUROC 0.{epoch}")
    with RichProgress().bar("decoding", 1000) as advance:
        for _ in range(1000):
            advance()
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        *(f"training {n}/3: AUROC 0.{n - 1}" for n in (1, 2, 3)),
        "decoding 1,000/1,000",
    ]


def test_quiet_prints_warnings_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RichProgress, "quiet", True)
    progress = RichProgress()
    progress.stage("one")
    progress.say("two")
    progress.warn("three")
    with progress.bar("four", 1) as advance:
        advance()
    assert capsys.readouterr().err.split() == ["!", "three"]


@pytest.mark.parametrize("shown", [True, False])
def test_messages_are_records_of_the_logger_placa(
    shown: bool, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, logger="placa"):
        show(shown).say("an image")
        show(shown).warn("a fault")
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("INFO", "an image"),
        ("WARNING", "a fault"),
    ]
    assert bool(capsys.readouterr().err) == shown


def test_results_as_json(placa, run: Path, tmp_path: Path) -> None:
    image = draw(tmp_path / "a.png")
    (row,) = json.loads(placa("predict", run, image, "--json").stdout)
    assert row["image_id"].endswith("a.png") and 0 <= row["probability"] <= 1
    names = [one["name"] for one in json.loads(placa("sources", "--json").stdout)]
    assert {"nih", "table"} <= set(names)


def test_tables_are_not_wrapped_for_a_program(placa) -> None:
    lines = placa("sources").stdout.splitlines()
    nih = next(line for line in lines if line.startswith("nih"))
    assert "NIH ChestX-ray14 (Wang et al. 2017)" in nih and "in the table" in nih
    assert not any(line.endswith(" ") for line in lines)


def test_doctor_fails_if_something_named_is_missing(placa, monkeypatch: pytest.MonkeyPatch) -> None:
    from placa.cli import doctor

    checks = [doctor.Check(name, "1", "", "") for name in (*doctor.NEEDED, "R")]
    checks.append(doctor.Check("R: arrow", None, "slow", "install arrow"))
    monkeypatch.setattr(doctor, "run_checks", lambda: checks)
    assert placa("doctor").returncode == placa("doctor", "r").returncode == 0
    done = placa("doctor", "arrow", "--json")
    assert done.returncode == 1 and "install arrow" in done.stderr
    assert json.loads(done.stdout)[-1] == {
        "name": "R: arrow",
        "version": None,
        "cost": "slow",
        "command": "install arrow",
    }
    assert placa("doctor", "qarto").returncode == 2


@pytest.mark.parametrize(
    ("version", "python", "found"),
    [("1.28", (3, 11), "1.28"), ("1.28", (3, 12), None), ("1.28-1", (3, 13), None), ("1.34.0", (3, 13), "1.34.0")],
)
def test_doctor_finds_a_reticulate_that_cannot_start_python(version: str, python: tuple[int, ...], found: str) -> None:
    from placa.cli.doctor import Check, _with_python

    assert _with_python(Check("R: reticulate", version), python).version == found
    assert _with_python(Check("R: cli", version), python).version == version
