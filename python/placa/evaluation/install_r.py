"""Install the R package placa from the source inside the Python package."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from placa.core.files import find_shared
from placa.evaluation.bridge import find_r, run_rscript, utf8_locale
from placa.evaluation.errors import MissingSourceError, RInstallError, RNotFoundError, RStartError

#: R code that prints the first writable library: the system's, otherwise the user's.
_LIBRARY = """
site <- .libPaths()[file.access(.libPaths(), 2) == 0]
user <- path.expand(strsplit(Sys.getenv("R_LIBS_USER"), .Platform$path.sep)[[1]])[1]
if (length(site) == 0) dir.create(user, recursive = TRUE, showWarnings = FALSE)
cat(if (length(site) > 0) site[[1]] else user)
"""

#: R code that builds the vignettes of a source folder with the installed package and adds them to it, as
#: R CMD INSTALL does for a package of R CMD build, which would compile the package a second time.
_VIGNETTES = """
source <- commandArgs(TRUE)[[1]]
library <- commandArgs(TRUE)[[2]]
if (requireNamespace("rmarkdown", quietly = TRUE) && rmarkdown::pandoc_available()) {
  .libPaths(c(library, .libPaths()))
  tools::buildVignettes(dir = source, quiet = TRUE)
  built <- tools::pkgVignettes(dir = source, output = TRUE)
  about <- lapply(built$docs, tools::vignetteInfo)
  index <- data.frame(
    File = basename(built$docs), Title = vapply(about, `[[`, "", "title"), PDF = basename(built$outputs), R = ""
  )
  index[c("Depends", "Keywords")] <- list(lapply(about, `[[`, "depends"), lapply(about, `[[`, "keywords"))
  documents <- file.path(library, "placa", "doc")
  dir.create(documents)
  file.copy(c(built$docs, built$outputs), documents)
  saveRDS(index, file.path(library, "placa", "Meta", "vignette.rds"))
}
"""


def install_r_package() -> Path:
    """Install the R package placa in the first writable library of R.

    Its vignettes are built where R has knitr, rmarkdown and pandoc. Without them, the package has none.

    Returns:
        The path of the library.

    Raises:
        RNotFoundError: R is not on PATH.
        MissingSourceError: This installation of placa has no source of the R package.
        RStartError: R does not start.
        RInstallError: The package cannot be installed, most often because a package that it imports is missing.
    """
    r = find_r()
    if r is None:
        raise RNotFoundError("R was not found on PATH. Install R 4.2 or newer.", needed_by="install-r")
    shared = find_shared("R")
    if shared is None:
        raise MissingSourceError(
            "This installation of placa has no source of the R package. Install placa again.", part="R"
        )
    library = run_rscript(_LIBRARY)
    if library.returncode or not library.stdout.strip():
        reason = _last_line(library)
        raise RStartError(f"{r} does not start: {reason}", command=r, reason=reason)
    with tempfile.TemporaryDirectory(prefix="placa-r-") as temporary:
        # R compiles inside the source folder, which may be read-only.
        source = Path(temporary) / "placa"
        shutil.copytree(shared, source, ignore=shutil.ignore_patterns("*.o", "*.so", "*.dll", "tests"))
        place = library.stdout.strip()
        # An interrupted installation leaves its lock, and R would refuse to install the package ever again.
        shutil.rmtree(Path(place) / "00LOCK-placa", ignore_errors=True)
        done = _run([r, "CMD", "INSTALL", "--no-test-load", f"--library={place}", str(source)])
        if done.returncode == 0:
            # The package works without its vignettes, so a failure is no error.
            run_rscript(_VIGNETTES, str(source), place)
    if done.returncode:
        reason = _reason(done)
        raise RInstallError(f"R cannot install the package placa in {place}: {reason}", library=place, reason=reason)
    return Path(place)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **utf8_locale()}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {done.returncode}, no output."


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return R's first error, which names the missing packages."""
    errors = [line.strip() for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    return errors[0].removeprefix("ERROR: ") if errors else _last_line(done)
