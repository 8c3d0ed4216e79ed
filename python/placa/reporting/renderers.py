"""What can render the report on this machine: the Quarto command, or R Markdown with pandoc."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from placa.core.errors import unknown_name
from placa.evaluation.errors import MissingRPackageError, RNotFoundError, RStartError
from placa.reporting.errors import MissingRendererError, RendererFormatError

#: R packages that the report's chunks use, beside R's own. Without reticulate it is rendered too, less its pictures.
R_PACKAGES = ("placa", "ggplot2", "jsonlite", "knitr", "rmarkdown", "svglite", "yaml")
#: The first Quarto that numbers tables written as divs; an older one is as good as none.
OLDEST_QUARTO = (1, 4)


@dataclass(frozen=True)
class Renderer:
    """What renders the report.

    Attributes:
        name: ``quarto`` or ``rmarkdown``.
        command: Path of the Quarto command, or of R.
        r: Path of R.
        note: What a user should know of the choice, or ``""``.
    """

    name: str
    command: str
    r: str
    note: str = ""


def find_quarto() -> str | None:
    """The Quarto command, or None: ``QUARTO_PATH``'s, or the one on PATH, or the one beside this Python.

    The first two are where PyPI's package ``quarto`` looks too; the last is where ``quarto-cli`` puts one.
    """
    try:
        from quarto import path  # type: ignore[import-untyped, unused-ignore]

        found = path()
    except ImportError:
        found = os.environ.get("QUARTO_PATH") or shutil.which("quarto")
    beside = shutil.which("quarto", path=str(Path(sys.executable).parent))
    return shutil.which(found) or beside if found else beside


def quarto_version(command: str) -> tuple[int, ...] | None:
    """Version of a Quarto command, or None where it does not run."""
    try:
        said = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    numbers = re.match(r"\d+(\.\d+)+", said.strip())
    return tuple(map(int, numbers[0].split("."))) if numbers else None


def choose_renderer(asked: str = "auto", to: str = "html") -> Renderer:
    """What can render the report here.

    Args:
        asked: ``auto``, ``quarto`` or ``rmarkdown``.
        to: ``html``, ``docx``, or ``pdf``, which Quarto alone can write.

    Raises:
        PlacaError: R, one of its packages, or both Quarto and pandoc are missing; it says what to type.
    """
    from placa.evaluation.bridge import find_r

    if asked not in {"auto", "quarto", "rmarkdown"}:
        raise unknown_name("renderer", asked, ["auto", "quarto", "rmarkdown"])
    r = find_r()
    if r is None:
        raise RNotFoundError(
            "The report is written by R, and there is no R on PATH: run make setup, or install R 4.2.",
            needed_by="report",
        )
    _require_r_packages(r)
    lacking = "There is no Quarto command"
    found: str | None = None
    if asked != "rmarkdown":
        quarto = find_quarto()
        version = quarto_version(quarto) if quarto else None
        if quarto and version and version >= OLDEST_QUARTO:
            return Renderer("quarto", quarto, r)
        if quarto:
            said = ".".join(map(str, version)) if version else "one that does not run"
            needed = ".".join(map(str, OLDEST_QUARTO))
            lacking = f"Quarto {needed} or newer was expected and {quarto} is {said}"
            found = ".".join(map(str, version)) if version else None
        if asked == "quarto":
            raise MissingRendererError(
                f"{lacking}: pip install quarto-cli, or set QUARTO_PATH to one that is elsewhere.",
                needed=["quarto"],
                format=to,
                found=found,
            )
    if to == "pdf" and asked == "rmarkdown":
        raise RendererFormatError(
            "A PDF is written by Quarto, and r Markdown was asked for: pip install quarto-cli.",
            renderer=asked,
            format=to,
        )
    if to == "pdf":
        raise MissingRendererError(
            f"A PDF is written by Quarto, and {lacking[0].lower()}{lacking[1:]}: pip install quarto-cli.",
            needed=["quarto"],
            format=to,
            found=found,
        )
    if not (shutil.which("pandoc") or os.environ.get("RSTUDIO_PANDOC")):
        raise MissingRendererError(
            "The report needs Quarto or pandoc on PATH: pip install quarto-cli, or apt install pandoc.",
            needed=["quarto", "pandoc"],
            format=to,
            found=found,
        )
    return Renderer("rmarkdown", r, r, f"{lacking}: R Markdown and pandoc render the report")


def _require_r_packages(r: str) -> None:
    names = ", ".join(f'"{name}"' for name in R_PACKAGES)
    code = f"for (n in c({names})) if (!nzchar(system.file(package = n))) cat(n, '')"
    command = [r, "--slave", "--no-save", "--no-restore", "-e", code]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    missing = said.stdout.split()
    if said.returncode:
        reason = last_useful_line(said.stderr)
        raise RStartError(f"R does not start: {reason}", command=r, reason=reason)
    if "placa" in missing:
        raise MissingRPackageError(
            "R has no package placa: run placa install-r, or R CMD INSTALL R in placa's source directory.",
            packages=missing,
        )
    if missing:
        plural = "s" if len(missing) > 1 else ""
        debian = " ".join(f"r-cran-{name.lower()}" for name in missing)
        raise MissingRPackageError(
            f"The report needs R's package{plural} {', '.join(missing)}: run make setup, or "
            f"apt install {debian}, or install.packages() in R.",
            packages=missing,
        )


def last_useful_line(log: str) -> str:
    """R's first complaint in a log, or else its last line; a traceback tells a reader nothing."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", log).replace("\r", "\n")
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if "pandoc document conversion failed" in line and number:
            return f"{lines[number - 1]}."
        # Quarto goes on in the line that says what it is doing.
        line = line[line.find("ERROR:") :] if "ERROR:" in line else line
        if line.startswith(("Error", "ERROR", "! ", "pandoc: ")) or "Error:" in line:
            # R may put the message on the line below "Error in f(x) :", and rlang marks its own with "!".
            follows = lines[number + 1] if line.endswith(":") and number + 1 < len(lines) else ""
            marked = next((below[2:] for below in lines[number:] if below.startswith("! ")), "")
            text = marked or f"{line} {follows}".strip()
            return text if text.endswith((".", "!", "?")) else f"{text}."
    return f"{lines[-1]}." if lines else "it said nothing."
