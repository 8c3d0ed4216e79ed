"""What is there, what is missing, what each missing thing costs, and the command that brings it."""

from __future__ import annotations

import argparse
import ctypes
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from placa.core.errors import PlacaError
from placa.evaluation.bridge import choose_rpy2_mode, find_r, run_rscript

#: R packages: the name, and what is lost without it.
R_PACKAGES = {
    "placa": "no evaluation and no report",
    "ggplot2": "no figures",
    "pROC": "no AUROC",
    "cli": "no R package placa",
    "rlang": "no R package placa",
    "tibble": "no R package placa",
    "generics": "no R package placa",
    "jsonlite": "no R package placa",
    "knitr": "no report",
    "rmarkdown": "no report where there is no Quarto",
    "yaml": "no evaluation and no report",
    "reticulate": "no predict() from R, no Python chunks in the report",
    "ragg": "figures by R's own PNG device",
    "svglite": "figures by R's own SVG device",
    "testthat": "R's tests do not run",
    "yardstick": "nothing: the same figures come from pROC and counts",
    "arrow": "nothing where nanoparquet or reticulate is there",
    "nanoparquet": "nothing where arrow or reticulate is there",
}


#: Python packages that do what not everybody needs: the name, what is lost without it, and the command.
PYTHON_PACKAGES = {
    "pydicom": ("DICOM files cannot be read", "make setup"),
    "python-gdcm": ("compressed DICOM files cannot be read", "make setup"),
    "SimpleITK": ("CT volumes cannot be read", "make setup"),
    "jax": ("no training by several processes", "pip install 'placa[jax]'"),
    "distributed": ("no work over a Dask cluster", "pip install 'placa[dask]'"),
}


@dataclass(frozen=True)
class Finding:
    """One row: what was looked for, its version or None, what its absence costs, and the command that brings it."""

    name: str
    version: str | None
    cost: str = ""
    command: str = ""


def examine() -> list[Finding]:
    """Look at everything that placa uses."""
    return [*_python(), *_r(), *_tools()]


def _python() -> list[Finding]:
    found = [Finding("Python", sys.version.split()[0])]
    for name, cost in (("keras", "no training, no prediction"), ("tensorflow", "no default Keras backend")):
        found.append(Finding(name, _installed(name), cost, "make setup"))
    for name, (cost, command) in PYTHON_PACKAGES.items():
        found.append(Finding(name, _installed(name), cost, command))
    backend, gpu = _keras()
    found.append(Finding("Keras backend", backend, "no training, no prediction", "make setup"))
    found.append(
        Finding("GPU", gpu, "training runs on the CPU", "pip install 'tensorflow[and-cuda]' where there is one")
    )
    return found


def _keras() -> tuple[str | None, str | None]:
    from placa.core.backend import accelerator, load_keras

    try:
        return load_keras().backend.backend(), accelerator()
    except PlacaError:
        return None, None


def _libpython() -> str | None:
    # reticulate loads Python as a shared library, which some Pythons, Debian's among them, do without.
    name = sysconfig.get_config_var("INSTSONAME")
    try:
        ctypes.CDLL(str(name))
    except OSError:
        return None
    return str(name)


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _r() -> list[Finding]:
    r = find_r()
    found = [Finding("rpy2", _rpy2(r), "R runs in a process of its own", "make setup")]
    if r is None:
        return [
            *found,
            Finding(
                "R",
                None,
                "no evaluation and no report",
                "apt-get install r-base-core, or see cran.r-project.org",
            ),
        ]
    code = (
        "cat(as.character(getRversion()), '\\n');"
        "for (p in commandArgs(TRUE)) cat(p, if (requireNamespace(p, quietly = TRUE)) getNamespaceVersion(p), '\\n')"
    )
    lines = run_rscript(code, *R_PACKAGES).stdout.splitlines()
    found.append(Finding("R", lines[0].strip() if lines else None, "no evaluation and no report", "make setup"))
    versions = {words[0]: words[1] for line in lines[1:] if len(words := line.split()) == 2}
    for name, cost in R_PACKAGES.items():
        command = "placa install-r" if name == "placa" else f"Rscript -e 'install.packages(\"{name}\")'"
        found.append(Finding(f"R: {name}", versions.get(name), cost, command))
    return found


def _rpy2(r: str | None) -> str | None:
    there = _installed("rpy2")
    if there is None or r is None:
        return there
    choose_rpy2_mode()
    # In a process of its own: an R that does not fit can take the process with it.
    tried = subprocess.run([sys.executable, "-c", "import rpy2.robjects"], capture_output=True, text=True, check=False)
    return there if tried.returncode == 0 else None


def _tools() -> list[Finding]:
    from placa.reporting.renderers import find_quarto

    quarto = find_quarto()
    return [
        Finding("pandoc", _version_of("pandoc"), "no report where there is no Quarto", "apt-get install pandoc"),
        Finding(
            "Quarto",
            _version_of(quarto) if quarto else None,
            "the report is rendered by rmarkdown and pandoc",
            "pip install quarto-cli, or see quarto.org",
        ),
        Finding(
            "Chromium",
            _version_of(shutil.which("chromium") or "chromium-browser"),
            "the report's tests in a browser are skipped",
            "apt-get install chromium",
        ),
    ]


def _version_of(command: str | Path) -> str | None:
    try:
        said = subprocess.run([str(command), "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = said.stdout.split()
    return next((word for word in words if word[:1].isdigit()), None)


def print_findings() -> None:
    """Print the table on stdout: a row for each thing, and a second one for what is missing, with what to type."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, header_style="bold", pad_edge=False)
    grid.add_column("")
    grid.add_column("what", no_wrap=True)
    grid.add_column("version, or what is lost without it", overflow="fold")
    for one in examine():
        if one.version:
            grid.add_row(Text("✓", "green"), one.name, Text(one.version))
        else:
            grid.add_row(Text("–", "yellow"), one.name, Text(f"missing: {one.cost}"))
            grid.add_row("", "", Text(f"type: {one.command}", "dim"))
    Console().print(grid)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: ``placa doctor`` has no arguments."""


def run(options: argparse.Namespace) -> None:
    """Print what was found."""
    print_findings()
