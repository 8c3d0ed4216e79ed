"""The commands of the documents, run on real radiographs, print the documented output."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from documented import (
    READMES,
    ROOT,
    Block,
    blocks,
    command_lines,
    differences,
    run_block,
    sets_up,
)
from made_dicom import write_dicom
from PIL import Image


@pytest.fixture(scope="module")
def radiographs(shared_data: Path, r: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a directory with the files that the commands of the README name."""
    place = tmp_path_factory.mktemp("readme")
    originals = shared_data / "nih" / "images"
    (place / ".venv").symlink_to(sys.prefix)
    (place / "NIH").symlink_to(shared_data / "nih-256")
    # A file next to the folder of images: the README names both.
    (place / "some").mkdir()
    (place / "some" / "images").symlink_to(originals)
    shutil.copy(originals / "00000075_000.png", place / "some" / "image.png")
    shutil.copy(originals / "00000075_000.png", place / "a.png")
    pixels = np.asarray(Image.open(originals / "00000193_019.png").convert("L"))
    write_dicom(place / "b.dcm", pixels, bits=8)
    return place


def _same_kind_of_machine() -> bool:
    """Return whether this machine is like that of the README's output: AVX-512 and two cores.

    Rounding depends on what instructions a processor has and how many cores share a sum, and a training of fifty epochs
    makes another network of another last digit: seeds 0 to 4 differ by as much.
    """
    facts = Path("/proc/cpuinfo")
    alike = platform.machine() == "x86_64" and len(os.sched_getaffinity(0)) == 2
    return alike and " avx512f " in facts.read_text()


@pytest.mark.slow
def test_each_block_of_the_readme_prints_the_documented_output(radiographs: Path) -> None:
    other = not _same_kind_of_machine()
    untrue, ran = [], set()
    for block in [block for readme in READMES for block in blocks(readme) if block.typed]:
        if block.code in ran or all(map(sets_up, command_lines(block))):
            continue
        ran.add(block.code)
        output = run_block(block, radiographs)
        if block.printed is not None:
            trained = "placa audit" not in block.code
            untrue.append(differences(block, output, other_machine=other and trained))
            if other and (auroc := _auroc(output)):
                stated = _auroc(block.printed)
                assert stated and stated[1] <= auroc[0] <= stated[2], f"{block.name}: AUROC {auroc[0]} is another thing"
    assert not any(untrue), "\n".join(untrue)
    _assert_the_same_from_python(radiographs)


def _auroc(output: str) -> tuple[float, ...] | None:
    found = re.search(r"AUROC (\d\.\d+) \((\d\.\d+)(?: to |–)(\d\.\d+)", output)
    return tuple(map(float, found.groups())) if found else None


def _assert_the_same_from_python(place: Path) -> None:
    """The script of the README creates the run that its commands create."""
    import pandas as pd

    typed, scripted = (pd.read_parquet(place / "runs" / name / "predictions.parquet") for name in ("pneumonia", "same"))
    pd.testing.assert_frame_equal(typed, scripted)


@pytest.mark.slow
@pytest.mark.parametrize("pages", [("start-python.md", "start-r.md"), ("start-report.md",)], ids=" ".join)
def test_each_block_of_getting_started_runs(pages: tuple[str, ...], r: str, tmp_path: Path) -> None:
    # R uses the model that the Python page trains, so both pages run in one directory.
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for page in pages:
        document = ROOT / "docs" / page
        for block in blocks(document, "sh", "python"):
            run_block(block, tmp_path)
        # One R session per page, because later blocks use objects of earlier ones.
        if session := blocks(document, "r"):
            whole = "\n".join(block.text for block in session)
            run_block(Block(document, session[0].line, "r", whole), tmp_path)
    assert list((tmp_path / "runs" / "phantoms" / "report").glob("evaluation*.html"))
