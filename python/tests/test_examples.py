"""The worked examples still show what docs/leaks.md says that they show."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _figures(script: str, *arguments: object) -> list[float]:
    """What a script of examples/leaks prints at the ends of its lines, or as shares."""
    command = [sys.executable, ROOT / "examples" / "leaks" / script, *map(str, arguments)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return [float(figure) for figure in re.findall(r"(\d+\.\d+)(?=%|$)", said, re.MULTILINE)]


def test_patients_on_both_sides(shared_data: Path) -> None:
    by_image, by_patient = _figures("patients_on_both_sides.py", shared_data / "nih" / "Data_Entry_2017_v2020.csv")
    assert by_image > 80 and by_patient == 0


def test_the_size_of_a_file(shared_data: Path) -> None:
    (auroc,) = _figures("file_size.py", shared_data / "nih-256", "Pneumonia")
    assert auroc == pytest.approx(0.827, abs=0.001)


@pytest.mark.slow
def test_slices_as_strangers(shared_data: Path) -> None:
    random, blocks, groups = _figures("slices_as_strangers.py", shared_data / "ct", "COVID")
    assert random > 0.93 and blocks < random - 0.15 and groups < blocks


@pytest.mark.slow
def test_the_label_in_the_input(shared_data: Path) -> None:
    leaking, honest = _figures("label_in_the_input.py", shared_data / "nih-256", "Pneumonia")
    assert leaking > honest + 0.05
