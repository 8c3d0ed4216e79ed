"""Full disks: one sentence, and the next call gives the same result, and nothing is left."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from campaigns import NAMES, campaign
from campaigns import commands as commands
from campaigns import start as start
from forked_commands import Commands

_SIZES = int(os.environ.get("PLACA_SIZES", "10"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc, which Linux has"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_is_one_sentence_and_the_next_call_gives_the_same_result(
    name: str, commands: Commands, start: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    one = campaign(name, commands, start)
    digest = one.undisturbed(tmp_path)
    # A larger limit than the files of the output would never be reached.
    output = tmp_path / "undisturbed" / one.output
    largest = max(path.stat().st_size for path in (output, *output.rglob("*")) if path.is_file())
    for number in range(_SIZES):
        work = Path(shutil.copytree(start, tmp_path / "work"))
        done = one.run(work, largest=int(largest * (number + 0.5) / _SIZES))
        one.counts["full"] += done.returncode != 0
        assert "Traceback" not in done.printed, done.printed
        assert done.returncode in {0, 1}, done.printed
        if done.returncode:
            one.judge(work, digest)
        shutil.rmtree(work)
    record_property("counts", one.text())
    one.require_no_harm()
