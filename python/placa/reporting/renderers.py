"""Find the renderer of the report on this machine: the Quarto command, or R Markdown with pandoc."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from placa.core.errors import require_known
from placa.evaluation.errors import MissingRPackageError, RNotFoundError, RStartError
from placa.reporting.errors import MissingRendererError, RenderError

#: R packages that the report needs, beside those of R. Without reticulate the report has no pictures.
R_PACKAGES = ("placa", "ggplot2", "jsonlite", "knitr", "rmarkdown", "svglite", "yaml")
#: The first version of Quarto that numbers tables written as divs; older ones are not used.
OLDEST_QUARTO = (1, 4)


@dataclass(frozen=True)
class Renderer:
    """A program that renders the report.

    Attributes:
        name: ``quarto`` or ``rmarkdown``.
        command: Path of the Quarto command, or of R.
        r: Path of R.
        note: A remark for the user on the choice of the renderer, or ``""``.
    """

    name: str
    command: str
    r: str
    note: str = ""


def find_quarto() -> str | None:
    """Return the path of the Quarto command: ``QUARTO_PATH``, or the one on PATH, or the one beside this Python.

    PyPI's package ``quarto-cli`` installs to the last place. None if Quarto is in none of them.
    """
    named = os.environ.get("QUARTO_PATH")
    beside = str(Path(sys.executable).parent)
    return (shutil.which(named) if named else shutil.which("quarto")) or shutil.which("quarto", path=beside)


def program_version(command: str) -> str | None:
    """Return the version that a program prints for ``--version``, or None if it does not run."""
    try:
        output = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return next((word for word in output.split() if word[0].isdigit()), None)


def quarto_version(command: str) -> tuple[int, ...] | None:
    """Return the version of a Quarto command, or None if it does not run."""
    numbers = re.match(r"\d+(\.\d+)+", program_version(command) or "")
    return tuple(map(int, numbers[0].split("."))) if numbers else None


def find_pandoc() -> str | None:
    """Return the path of pandoc: on PATH, or in the folder that RStudio names; None without one."""
    beside = os.environ.get("RSTUDIO_PANDOC")
    return shutil.which("pandoc") or (shutil.which("pandoc", path=beside) if beside else None)


def has_typst() -> bool:
    """Return whether the packages of ``placa[pdf]`` are installed."""
    return all(find_spec(name) is not None for name in ("typst", "pypandoc"))


def pandoc_for_typst() -> str:
    """Return the folder of the pandoc that can write Typst, that of ``pypandoc-binary``."""
    import pypandoc  # type: ignore[import-not-found, unused-ignore]

    return str(Path(pypandoc.get_pandoc_path()).parent)


def set_pdf(source: Path, page: Path) -> None:
    """Set a Typst file as a tagged PDF.

    Args:
        source: The file that pandoc wrote; its pictures are beside it.
        page: The PDF to write.

    Raises:
        RenderError: Typst refuses the file.
    """
    import typst  # type: ignore[import-not-found, unused-ignore]

    try:
        typst.compile(str(source), output=str(page), root=str(source.parent))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise RenderError(
            f"Typst failed to set the report: {reason}", renderer="typst", reason=reason, log=""
        ) from error


def choose_renderer(renderer: str = "auto", to: str = "html") -> Renderer:
    """Choose the program that renders the report.

    Args:
        renderer: ``auto``, ``quarto`` or ``rmarkdown``.
        to: ``html``, ``docx``, or ``pdf``, which needs Quarto or the packages of ``placa[pdf]``.

    Raises:
        UnknownNameError: `renderer` is unknown.
        RNotFoundError, RStartError: R is not on PATH, or does not start.
        MissingRPackageError: R lacks packages that the report needs.
        MissingRendererError: Quarto is missing or too old, and pandoc or the packages for a PDF are missing.
    """
    from placa.evaluation.bridge import find_r

    require_known("renderer", renderer, ("auto", "quarto", "rmarkdown"))
    r = find_r()
    if r is None:
        raise RNotFoundError(
            "The report needs R, which was not found on PATH. Install R 4.2 or newer, or run make setup.",
            needed_by="report",
        )
    _require_r_packages(r)
    problem = "Quarto was not found"
    found: str | None = None
    if renderer != "rmarkdown":
        quarto = find_quarto()
        version = quarto_version(quarto) if quarto else None
        if quarto and version and version >= OLDEST_QUARTO:
            return Renderer("quarto", quarto, r)
        if quarto:
            found = ".".join(map(str, version)) if version else None
            oldest = ".".join(map(str, OLDEST_QUARTO))
            problem = f"Quarto {oldest} or newer is needed, but {quarto} " + (
                f"is {found}" if found else "does not run"
            )
        if renderer == "quarto":
            raise MissingRendererError(
                f"{problem}. Run pip install quarto-cli, or set QUARTO_PATH to a Quarto command.",
                needed=["quarto"],
                format=to,
                found=found,
            )
    if to == "pdf" and not has_typst():
        raise MissingRendererError(
            "A PDF report without Quarto needs the packages typst and pypandoc-binary. "
            "Run pip install 'placa[pdf]', or pip install quarto-cli.",
            needed=["typst", "pypandoc-binary"],
            format=to,
            found=found,
        )
    if to != "pdf" and find_pandoc() is None:
        if renderer == "rmarkdown":
            message = "R Markdown needs pandoc, which was not found on PATH. Run apt install pandoc."
        else:
            message = f"{problem}, and pandoc was not found either. Run pip install quarto-cli, or apt install pandoc."
        needed = ["pandoc"] if renderer == "rmarkdown" else ["quarto", "pandoc"]
        raise MissingRendererError(message, needed=needed, format=to, found=found)
    note = f"{problem}, so the report is rendered with R Markdown and pandoc" if renderer == "auto" else ""
    return Renderer("rmarkdown", r, r, note)


def _require_r_packages(r: str) -> None:
    from placa.evaluation.bridge import run_rscript

    names = ", ".join(f'"{name}"' for name in R_PACKAGES)
    code = f"for (n in c({names})) if (!nzchar(system.file(package = n))) cat(n, '')"
    done = run_rscript(code)
    missing = done.stdout.split()
    if done.returncode:
        reason = last_useful_line(done.stderr)
        raise RStartError(f"{r} does not start: {reason}", command=r, reason=reason)
    if "placa" in missing:
        raise MissingRPackageError("The R package placa is not installed. Run placa install-r.", packages=missing)
    if missing:
        plural = "s" if len(missing) > 1 else ""
        debian = " ".join(f"r-cran-{name.lower()}" for name in missing)
        raise MissingRPackageError(
            f"The report needs the R package{plural} {', '.join(missing)}. Run apt install {debian}, or "
            "install.packages() in R, or make setup.",
            packages=missing,
        )


def last_useful_line(log: str) -> str:
    """Return the first error message of R in a log, otherwise the last line of the log.

    Args:
        log: The output of R, pandoc or Quarto.
    """
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", log).replace("\r", "\n")
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if "pandoc document conversion failed" in line and number:
            return f"{lines[number - 1]}."
        # Quarto appends the error to its progress line.
        line = line[line.find("ERROR:") :] if "ERROR:" in line else line
        if line.startswith(("Error", "ERROR", "! ", "pandoc: ")) or "Error:" in line:
            # R may print the message on the line after "Error in f(x) :"; rlang starts its messages with "!".
            follows = lines[number + 1] if line.endswith(":") and number + 1 < len(lines) else ""
            text = _rlang_message(lines[number:]) or f"{line} {follows}".strip()
            return text if text.endswith((".", "!", "?")) else f"{text}."
    return f"{lines[-1]}." if lines else "no output."


def _rlang_message(lines: list[str]) -> str:
    """Return the first message of rlang, which starts with "!", wrapped as it may be, without its bullets."""
    start = next((i for i, line in enumerate(lines) if line == "!" or line.startswith("! ")), None)
    if start is None:
        return ""
    ends = (
        i for i, line in enumerate(lines) if i > start and re.match(r"[✖ℹ•x*i] |Backtrace|Execution halted|!", line)
    )
    return " ".join(lines[start : next(ends, start + 1)])[1:].strip()
