"""``placa doctor``: list installed and missing programs and packages, what needs them, and how to install them."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import placa
from placa.cli.terminal import print_json, print_table
from placa.core.arguments import add_json
from placa.core.errors import MissingPartsError, PlacaError, unknown_name
from placa.core.language import translate
from placa.core.system import installed_version
from placa.evaluation.bridge import find_r, run_rscript
from placa.evaluation.rpy2_start import choose_rpy2_mode

#: R packages: the name, and the effect of its absence.
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
    "rmarkdown": "no report without Quarto",
    "yaml": "no evaluation and no report",
    "processx": "no predict() from R",
    "reticulate": "no Python chunks in the report",
    "ragg": "PNG figures use R's own device",
    "svglite": "no report; SVG figures use R's own device",
    "testthat": "R's tests do not run",
    "yardstick": "no effect: pROC computes the same figures",
    "arrow": "no effect if nanoparquet or processx is installed",
    "nanoparquet": "no effect if arrow or processx is installed",
}


#: Optional Python packages: the name, the effect of its absence, and the distribution that installs it.
PYTHON_PACKAGES = {
    "pydicom": ("DICOM files cannot be read", "placa"),
    "imagecodecs": ("compressed DICOM files, TIFF and JPEG 2000 cannot be read", "placa"),
    "tifffile": ("TIFF files cannot be read", "placa"),
    "nibabel": ("NIfTI volumes cannot be read", "placa"),
    "onnxruntime": ("predictions start Keras, which takes seconds", "placa"),
    "tf2onnx": ("runs are written without model.onnx", "placa[tensorflow]"),
    "tensorflow": ("no training with TensorFlow, the default of Keras", "placa[tensorflow]"),
    "jax": ("no training in several processes", "placa[jax]"),
    "torch": ("no training with torch", "placa[torch]"),
    "safetensors": ("no foundation models as backbones", "placa[hub]"),
    "distributed": ("no Dask cluster", "placa[dask]"),
}
#: What training and prediction need.
NEEDED = ("keras", "Keras backend")


@dataclass(frozen=True)
class Check:
    """The check of one program or package.

    Attributes:
        name: The program or package.
        version: The installed version, or None if it is missing.
        cost: The effect of its absence.
        command: The command that installs it.
    """

    name: str
    version: str | None
    cost: str = ""
    command: str = ""


def run_checks() -> list[Check]:
    """Check every program and package that placa uses."""
    return [*_python(), *_r(), *_tools()]


def _python() -> list[Check]:
    found = [Check("Python", sys.version.split()[0])]
    found.append(Check("placa", f"{placa.__version__}, {'a checkout' if in_checkout() else 'an installed package'}"))
    found.append(Check("keras", installed_version("keras"), "no training, no prediction", _pip("placa")))
    for name, (cost, distribution) in PYTHON_PACKAGES.items():
        found.append(Check(name, installed_version(name), cost, _pip(distribution)))
    backend, gpu = _keras()
    found.append(Check("Keras backend", backend, "no training, no prediction", _pip("placa[tensorflow]")))
    found.append(
        Check("GPU", gpu, "training runs on the CPU", "pip install 'tensorflow[and-cuda]', with an NVIDIA GPU")
    )
    return found


def in_checkout() -> bool:
    """Return whether this placa is a checkout of its repository, which `make setup` installs."""
    return (Path(placa.__file__).parents[2] / "Makefile").is_file()


def _pip(distribution: str) -> str:
    """Return the command that installs a package of Python."""
    if not in_checkout() or distribution == "placa[torch]":
        return f"pip install '{distribution}'"
    return "make dev" if distribution in ("placa[dask]", "placa[jax]") else "make setup"


def _keras() -> tuple[str | None, str | None]:
    from placa.core.backend import accelerator, load_keras

    try:
        return load_keras().backend.backend(), accelerator()
    except PlacaError:
        return None, None


def _r() -> list[Check]:
    r = find_r()
    found = [Check("rpy2", _rpy2(r), "R runs in a separate process", _pip("placa[r]"))]
    if r is None:
        return [
            *found,
            Check(
                "R",
                None,
                "Python computes the main tables; no figures and no other tables",
                "apt-get install r-base-core, or see cran.r-project.org",
            ),
        ]
    code = (
        "cat(as.character(getRversion()), '\\n');"
        "for (p in commandArgs(TRUE)) cat(p, if (requireNamespace(p, quietly = TRUE)) getNamespaceVersion(p), '\\n')"
    )
    lines = run_rscript(code, *R_PACKAGES).stdout.splitlines()
    found.append(
        Check("R", lines[0].strip() if lines else None, "no evaluation and no report", "see cran.r-project.org")
    )
    versions = {words[0]: words[1] for line in lines[1:] if len(words := line.split()) == 2}
    for name, cost in R_PACKAGES.items():
        command = "placa install-r" if name == "placa" else f"Rscript -e 'install.packages(\"{name}\")'"
        found.append(Check(f"R: {name}", versions.get(name), cost, command))
    return [_with_python(one, sys.version_info[:2]) for one in found]


def _with_python(check: Check, python: tuple[int, ...]) -> Check:
    """Mark a reticulate that cannot start this Python as missing: before 1.34 it imports `imp`, removed in 3.12."""
    found = check.version
    if check.name != "R: reticulate" or found is None or python < (3, 12):
        return check
    if tuple(int(part) for part in found.replace("-", ".").split(".")[:2]) >= (1, 34):
        return check
    return replace(check, version=None, cost=f"{found} cannot start Python 3.12 or newer; {check.cost}")


def _rpy2(r: str | None) -> str | None:
    installed = installed_version("rpy2")
    if installed is None or r is None:
        return installed
    choose_rpy2_mode()
    # In a separate process: an incompatible R can crash the process.
    done = subprocess.run([sys.executable, "-c", "import rpy2.robjects"], capture_output=True, text=True, check=False)
    return installed if done.returncode == 0 else None


def _tools() -> list[Check]:
    from placa.reporting.renderers import find_quarto, program_version

    quarto = find_quarto()
    return [
        Check("pandoc", program_version("pandoc"), "no report without Quarto", "apt-get install pandoc"),
        Check(
            "Quarto",
            program_version(quarto) if quarto else None,
            "R Markdown and pandoc render the report, without PDF",
            "pip install quarto-cli, or see quarto.org",
        ),
        Check(
            "Chromium",
            program_version(shutil.which("chromium") or "chromium-browser"),
            "the browser tests of the report are skipped",
            "apt-get install chromium",
        ),
    ]


def print_checks(checks: Sequence[Check]) -> None:
    """Print checks on stdout, one row each; a missing program or package has a second row, with its command."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, header_style="bold", pad_edge=False)
    grid.add_column("")
    grid.add_column(translate("name"), no_wrap=True)
    grid.add_column(translate("version, or effect of its absence"), overflow="fold")
    for one in checks:
        if one.version:
            grid.add_row(Text("✓", "green"), one.name, Text(one.version))
        else:
            grid.add_row(Text("–", "yellow"), one.name, Text(translate("missing: {cost}", cost=translate(one.cost))))
            grid.add_row("", "", Text(translate("install: {command}", command=one.command), "dim"))
    print_table(grid)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``placa doctor``."""
    parser.description = "Exits with 1 if keras, its backend, or something that NAME names is missing."
    parser.add_argument("names", nargs="*", metavar="NAME", help="what must be installed, such as R, Quarto, ggplot2")
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    """Print the checks.

    Raises:
        UnknownNameError: A name is not that of a check.
        MissingPartsError: Something that is needed is missing.
    """
    checks = {one.name: one for one in run_checks()}
    names = [_canonical(name, checks) for name in options.names]
    if options.json:
        print_json([asdict(one) for one in checks.values()])
    else:
        print_checks(list(checks.values()))
    missing = [name for name in (*NEEDED, *names) if checks[name].version is None]
    if missing:
        commands = " and ".join(dict.fromkeys(checks[name].command for name in missing))
        raise MissingPartsError(f"{', '.join(missing)} is missing. Run: {commands}", names=missing)


def _canonical(name: str, checks: Mapping[str, Check]) -> str:
    for known in checks:
        if name.lower() in (known.lower(), known.lower().removeprefix("r: ")):
            return known
    raise unknown_name("program or package", name, checks)
