"""The command under "How to reproduce it" is parsed and executed for every source, and reads the same source."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from conftest import draw, draw_folders
from made_dicom import ramp, write_dicom
from made_nih import write_nih
from made_public import (
    make_chexpert,
    make_cohen,
    make_covidx,
    make_kermany,
    make_mimic,
    make_nlm_tb,
    make_openi,
    make_padchest,
    make_rsna,
    make_siim,
    make_tbx11k,
    make_vindr,
)
from made_volumes import write_stoic
from report_fixtures import run_r_script

from placa.cli import module_of, parser
from placa.core.progress import SILENT
from placa.sources.registry import SOURCES, find_source
from placa.sources.source import Source

SCRIPT = """
folder <- commandArgs(TRUE)[[1]]
set_language("en")
kinds <- jsonlite::read_json(file.path(folder, "kinds.json"), simplifyVector = TRUE, simplifyDataFrame = FALSE)
commands <- lapply(names(kinds), function(kind) {
  run <- list(path = "/runs/x", info = list(
    data = list(kind = kind, prepared = "p", source_options = kinds[[kind]]),
    training = list(augmentation = list())
  ))
  commands_of(run)[[1]]
})
texts <- stats::setNames(commands, names(kinds))
writeLines(jsonlite::toJSON(texts, auto_unbox = TRUE), file.path(folder, "texts.json"), useBytes = TRUE)
"""

COVIDX = {
    "train_COVIDx9A.txt": [f"{n} t{n}.png {('positive', 'negative')[n % 2]} cohen" for n in range(6)],
    "test_COVIDx9A.txt": [f"{n} e{n}.png {('positive', 'negative')[n % 2]} cohen" for n in range(6, 10)],
}
ACTUALMED = "patientid,imagename,finding,modality\nP1,x.png,COVID-19,X-ray\nP2,y.png,No finding,X-ray\n"


def write_sources(root: Path) -> dict[str, list[str]]:
    """Write a small data set for each source, and return the arguments of its command."""
    for number in range(8):
        write_dicom(
            root / "dicom" / ("Mass" if number % 2 else "none") / f"{number}.dcm", ramp(), PatientID=f"P{number}"
        )
        draw(root / "table" / f"it's {number}.png", seed=number)
    rows = [f"it's {n}.png,{['Mass', 'normal'][n % 2]},P{n},{'FM'[n % 2]},x" for n in range(8)]
    (root / "a table.csv").write_text("\n".join(["where,label,who,sex,view", *rows]) + "\n")
    padchest = make_padchest(root / "padchest", ["['cardiomegaly']", "['normal']", "['cardiomegaly']", "['normal']"])
    return {
        "phantom": ["--images", "12", "--negative", "Pneumothorax", "--seed", "3"],
        "nih": [str(write_nih(root / "nih")), "--positive", "Mass"],
        "chexpert": [str(make_chexpert(root / "chexpert")), "--positive", "Pleural Effusion", "--views", "PA", "AP"],
        "padchest": [str(padchest), "--positive", "Cardiomegaly"],
        "vindr": [str(make_vindr(root / "vindr")), "--positive", "Cardiomegaly"],
        "rsna": [str(make_rsna(root / "rsna")), "--positive", "Lung Opacity"],
        "siim": [str(make_siim(root / "siim")), "--positive", "Pneumothorax"],
        "kermany": [str(make_kermany(root / "kermany")), "--positive", "PNEUMONIA"],
        "mimic": [str(make_mimic(root / "mimic")), "--positive", "Edema", "--views", "all"],
        "openi": [str(make_openi(root / "openi")), "--positive", "Cardiomegaly"],
        "nlm-tb": [str(make_nlm_tb(root / "nlm-tb")), "--positive", "Tuberculosis"],
        "tbx11k": [str(make_tbx11k(root / "tbx11k")), "--positive", "Tuberculosis"],
        "covidx": [str(make_covidx(root / "covidx", COVIDX)), "--positive", "COVID"],
        "cohen": [str(make_cohen(root / "cohen", ACTUALMED)), "--positive", "COVID-19"],
        "folders": [str(draw_folders(root / "folders", 10)), "--positive", "No Finding", "--patients", "none"],
        "stoic": [str(write_stoic(root / "stoic", 4)), "--positive", "COVID"],
        "dicom": [str(root / "dicom"), "--positive", "Mass", "--modalities", "CR", "DX"],
        "table": [
            *(str(root / "a table.csv"), "--label", "label", "--positive", "Mass", "--root", str(root / "table")),
            *("--path-column", "where", "--patient-column", "who", "--view-column", "none"),
        ],
    }


def read(kind: str, arguments: list[str], folder: Path) -> dict[str, Any]:
    """Read a source as the command line does, and return its options."""
    options = parser().parse_args(["prepare", kind, *arguments])
    assert module_of(options.command) is not None
    source = find_source(options.source).module().from_options(options, SILENT)
    found = source if isinstance(source, Source) else source(folder)
    return {**found.options, "size": options.size or 96, "seed": options.seed}


@pytest.mark.slow
def test_the_command_of_each_source_reads_the_same_source(
    r: str, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = write_sources(tmp_path)
    assert set(given) == {source.name for source in SOURCES}
    before = {kind: read(kind, [*arguments, "--out", "p"], tmp_path / "1") for kind, arguments in given.items()}
    (tmp_path / "kinds.json").write_text(json.dumps(before), "utf-8")
    commands = run_r_script(r, SCRIPT, tmp_path)
    for kind, command in commands.items():
        words = shlex.split(command.replace("\\\n", " "))
        assert words[:3] == ["placa", "prepare", kind]
        assert read(kind, words[3:], tmp_path / "2") == before[kind], command
