"""Fixtures of the download tests: a server on loopback, and an output directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Start a server with the files that FILES() of the test module returns."""
    from loopback import loopback

    with loopback() as state:
        state.files = request.module.FILES()
        yield state


@pytest.fixture
def to(tmp_path: Path) -> Path:
    """Return the output directory of a download."""
    return tmp_path / "nih"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return the output path of the file of `one_file`."""
    from one_file import NAME

    return tmp_path / NAME
