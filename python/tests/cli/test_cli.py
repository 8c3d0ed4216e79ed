"""The command line: one-line errors, exit codes, and no partial output."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT, draw


def test_help_imports_no_heavy_package() -> None:
    code = (
        "import sys; from placa.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'tensorflow', 'keras', 'numpy', 'pandas', 'pyarrow', 'rpy2', 'PIL', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "prepare" in done.stdout and done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command", ["prepare", "audit", "sources", "download", "train", "predict", "evaluate", "report", "doctor", "demo"]
)
def test_each_command_has_help(placa, command: str) -> None:
    done = placa(command, "--help")
    assert done.returncode == 0 and f"usage: placa {command}" in done.stdout


def test_every_source_is_listed_and_has_help(placa) -> None:
    from placa.sources.registry import SOURCES

    listed = placa("sources").stdout
    for row in SOURCES:
        assert any(line.startswith(row.name) for line in listed.splitlines())
        done = placa("prepare", row.name, "--help")
        assert (
            done.returncode == 0 and f"usage: placa prepare {row.name}" in done.stdout and "--fractions" in done.stdout
        )
        assert "--positive" in done.stdout, "the options of the source are listed"
    done = placa("prepare", "nhi", "--out", "x")
    assert done.returncode == 2 and "Traceback" not in done.stderr


def _nih(root: Path) -> Path:
    root.mkdir(parents=True)
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position\n"
    rows = [f"{i:08d}_000.png,{'Mass' if i % 2 else 'No Finding'},0,{i},50,F,PA\n" for i in range(12)]
    (root / "Data_Entry_2017.csv").write_text(header + "".join(rows))
    for i in range(12):
        draw(root / "images" / f"{i:08d}_000.png", seed=i)
    return root


def _bad_inputs(tmp: Path, run: Path) -> dict[str, tuple[list[object], list[object]]]:
    """Return the arguments of each case by name, and the values that the message must contain."""
    out = tmp / "out"
    nih = _nih(tmp / "nih")
    headless = _nih(tmp / "headless")
    table = headless / "Data_Entry_2017.csv"
    table.write_text(table.read_text().replace("Finding Labels", "Labels"))
    (tmp / "empty").mkdir()
    (tmp / "classes" / "sick").mkdir(parents=True)
    (tmp / "classes" / "well").mkdir()
    (tmp / "a-file").write_text("")
    text = tmp / "letter.png"
    text.write_text("Dear radiologist")
    cut = tmp / "cut.png"
    cut.write_bytes(draw(tmp / "whole.png", size=(200, 200)).read_bytes()[:300])
    return {
        "an empty folder": (
            ["prepare", "nih", tmp / "empty", "--positive", "Mass", "--out", out],
            [tmp / "empty", "Data_Entry_2017"],
        ),
        "empty class folders": (
            ["prepare", "folders", tmp / "classes", "--positive", "sick", "--out", out],
            [tmp / "classes" / "sick"],
        ),
        "a missing column": (
            ["prepare", "nih", headless, "--positive", "Mass", "--out", out],
            ["Finding Labels", table.name],
        ),
        "an unknown finding": (["prepare", "nih", nih, "--positive", "Mas", "--out", out], ["'Mas'", "Mass"]),
        "an unknown phantom finding": (
            ["prepare", "phantom", "--positive", "opacty", "--out", out],
            ["'opacty'", "Opacity"],
        ),
        "an out below a file": (
            ["prepare", "nih", nih, "--positive", "Mass", "--out", tmp / "a-file" / "x"],
            [tmp / "a-file"],
        ),
        "an out that is a file": (
            ["prepare", "nih", nih, "--positive", "Mass", "--out", tmp / "a-file"],
            [tmp / "a-file"],
        ),
        "no prepared set": (["train", tmp / "empty", "--out", out], [tmp / "empty"]),
        "an unknown backbone": (
            ["train", tmp / "empty", "--backbone", "resnet", "--out", out],
            ["'resnet'", "resnet50"],
        ),
        "a run that is there": (["train", tmp / "empty", "--out", run], [run, "--overwrite"]),
        "predict, no run": (["predict", tmp / "empty", text], [tmp / "empty", "run.json"]),
        "evaluate, no run": (["evaluate", tmp / "empty"], [tmp / "empty", "run.json"]),
        "report, no run": (["report", tmp / "nowhere"], [tmp / "nowhere", "run.json"]),
        "predict nothing": (["predict", run, tmp / "empty"], [tmp / "empty"]),
        "predict a missing file": (["predict", run, tmp / "nowhere.png"], [tmp / "nowhere.png"]),
        "a text file": (["predict", run, text], [text, "text"]),
        "a truncated image": (["predict", run, cut], [cut, "truncated"]),
        "no place for the table": (["predict", run, text, "--out", tmp / "a-file" / "x.parquet"], [tmp / "a-file"]),
    }


def test_invalid_input_is_a_one_line_error_and_writes_nothing(run: Path, tmp_path: Path, placa) -> None:
    cases = _bad_inputs(tmp_path, run)
    before = sorted(path for path in tmp_path.rglob("*"))
    for name, (arguments, facts) in cases.items():
        done = placa(*arguments)
        complaint = [line for line in done.stderr.splitlines() if line.startswith("placa: ")]
        assert done.returncode == 2, (name, done)
        assert len(complaint) == 1 and all(str(fact) in complaint[0] for fact in facts), (name, done.stderr)
        assert "Traceback" not in done.stderr, name
        assert done.stdout == "", name
        assert sorted(path for path in tmp_path.rglob("*")) == before, name


def test_one_unreadable_image_is_rejected_and_reported(tmp_path: Path, placa) -> None:
    nih = _nih(tmp_path / "nih")
    (nih / "images" / "00000003_000.png").write_text("Dear radiologist")
    done = placa("prepare", "nih", nih, "--positive", "Mass", "--out", tmp_path / "out", "--size", 16)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\b1 image\b.*rejected\.csv", done.stderr)
    assert "it is text" in (tmp_path / "out" / "rejected.csv").read_text()
    again = placa("prepare", "nih", nih, "--positive", "Mass", "--out", tmp_path / "out", "--size", 16)
    assert again.returncode == 2 and "--overwrite" in again.stderr
    assert placa("prepare", "nih", nih, "--positive", "Mass", "--out", tmp_path / "out", "--overwrite").returncode == 0


def test_an_audit_is_printed_and_written(prepared: Path, tmp_path: Path, placa) -> None:
    copy = Path(shutil.copytree(prepared, tmp_path / "copy"))
    (copy / "audit.json").unlink()
    done = placa("audit", copy, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    for title in ("Leakage: none", "Shortcuts: ", "Shift from train to test"):
        assert title in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80 and (copy / "audit.json").is_file()
    done = placa("audit", tmp_path)
    assert done.returncode == 2 and str(tmp_path) in done.stderr and done.stderr.count("\n") == 1


def test_prepare_train_and_evaluate_run_in_sequence(small_run: Path, tmp_path: Path, placa, r: str) -> None:
    # `small_run` is trained by the command.
    out = Path(shutil.copytree(small_run, tmp_path / "run"))
    done = placa("evaluate", out)
    assert done.returncode == 0, done.stderr
    assert "Opacity: AUROC 0." in done.stdout and "test images of" in done.stdout
    assert done.stderr == "", "no message is printed twice, and R prints none"
    assert (out / "evaluation" / "summary.json").is_file()


def test_a_closed_pipe_is_not_an_error(run: Path, prepared: Path) -> None:
    command = f"{sys.executable} -m placa predict {run} {prepared / 'images'} --rows 0 | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr and done.stdout.count("\n") == 1


def test_doctor_lists_every_requirement_and_its_remedy(placa) -> None:
    done = placa("doctor")
    assert done.returncode == 0, done.stderr
    for name in ("Python", "Keras backend", "GPU", "R: pROC", "R: yardstick", "rpy2", "reticulate", "pandoc", "Quarto"):
        assert name in done.stdout
    missing = [line for line in done.stdout.splitlines() if " missing " in line]
    assert all(len(line.split("missing")[1].strip()) > 10 for line in missing), (
        "each says what it costs and what brings it"
    )


def test_doctor_works_without_r(placa, tmp_path: Path) -> None:
    done = placa("doctor", PATH=str(tmp_path), R_HOME="")
    row = next(line for line in done.stdout.splitlines() if " R " in line)
    assert "missing" in row and "main tables" in row


def test_evaluate_with_a_bridge_to_r_but_without_r_names_what_to_install(
    run: Path, placa_process, tmp_path: Path
) -> None:
    done = placa_process("evaluate", run, "--bridge", "rscript", PATH=str(tmp_path), R_HOME="")
    assert done.returncode == 1 and "PATH" in done.stderr and done.stderr.count("\n") == 1


def test_python_m_placa_is_the_command() -> None:
    command = Path(sys.executable).parent / "placa"
    if not command.exists():
        pytest.skip("placa is not installed as a command")
    output = [subprocess.run([*how, "--version"], capture_output=True, text=True, check=True).stdout
            for how in ([str(command)], [sys.executable, "-m", "placa"])]  # fmt: skip
    assert output[0] == output[1] and os.linesep in output[0]


@pytest.mark.slow
def test_demo_writes_a_report(tmp_path: Path, placa, r: str) -> None:
    done = placa("demo", "--data", tmp_path / "set", "--out", tmp_path / "run", "--images", 80, "--epochs", 2)
    assert done.returncode == 0, done.stderr
    for stage in ("1/5 phantoms", "2/5 training", "3/5 prediction", "4/5 evaluation", "5/5 report"):
        assert stage in done.stderr
    report = tmp_path / "run" / "report" / "evaluation.html"
    assert done.stdout.splitlines()[-1] == f"report: {report}" and report.stat().st_size > 50_000
    assert "Opacity: AUROC 0." in done.stdout and "test images of" in done.stdout


def test_python_and_r_packages_have_the_same_version() -> None:
    from placa import __version__

    assert f"Version: {__version__}" in (ROOT / "R" / "DESCRIPTION").read_text().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["version"]["path"] == "python/placa/__init__.py"
