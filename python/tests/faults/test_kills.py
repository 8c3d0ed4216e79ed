"""Kills at random moments: the next call gives the same result, and nothing is left."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from campaigns import NAMES, campaign
from campaigns import start as start

_KILLS = int(os.environ.get("PLACA_KILLS", "20"))
_SEED = int(os.environ.get("PLACA_SEED", "0"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc, which Linux has"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_command_is_repeated_with_the_same_result(
    name: str, start: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    one = campaign(name, start)
    digest = one.undisturbed(tmp_path)
    one.kill(tmp_path, _KILLS, digest, seed=NAMES.index(name) + 100 * _SEED)
    record_property("counts", one.text())
    one.require_no_harm()
