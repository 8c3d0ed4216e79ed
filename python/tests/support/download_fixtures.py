"""What the tests of the download share: a real server on loopback, and a place to download to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A server that has what the test module's FILES() returns."""
    from loopback import loopback

    with loopback() as state:
        state.files = request.module.FILES()
        yield state


@pytest.fixture
def to(tmp_path: Path) -> Path:
    """The directory of a download."""
    return tmp_path / "nih"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The place of the one file of `one_file`."""
    from one_file import NAME

    return tmp_path / NAME
