"""Evaluations in R without figures, which take most of its time, for tests of tables."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from placa.evaluation.bridge import start_r
from placa.evaluation.errors import Rpy2Error

_REPLACE = """
replace_figures <- function(figures) {
  unlockBinding("evaluation_figures", asNamespace("placa"))
  assign("evaluation_figures", figures, envir = asNamespace("placa"))
}
"""
_IN_PROCESS = f"""local({{{_REPLACE}
  options(placa.tests.figures = placa:::evaluation_figures)
  replace_figures(function(...) list())
}})"""
_BACK = f"local({{{_REPLACE} replace_figures(getOption('placa.tests.figures')) }})"
_PROFILE = f"""local({{{_REPLACE}
  setHook(packageEvent("placa", "onLoad"), function(...) replace_figures(function(...) list()))
}})"""


@contextmanager
def without_figures() -> Iterator[None]:
    """Skip the figures of evaluations in R, both inside this process and in the processes that it starts."""
    try:
        # Before the profile is set, which R inside this process would read too.
        evaluate = start_r().evalr
    except Rpy2Error:
        evaluate = str
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        profile = Path(folder, "profile.R")
        profile.write_text(_PROFILE + "\n")
        patch.setenv("R_PROFILE_USER", str(profile))
        evaluate(_IN_PROCESS)
        try:
            yield
        finally:
            evaluate(_BACK)
