"""SLURM's way of writing many machines in one word: ``gpu[001-003,007],login1``."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import product

from placa.training.errors import NodeListError

_RANGE = re.compile(r"(\d+)(?:-(\d+))?$")


def host_names(compressed: str) -> list[str]:
    """Write out a compressed node list, by SLURM's own command where it is there.

    Args:
        compressed: As in ``SLURM_STEP_NODELIST``.

    Returns:
        The names of the machines, in order.

    Raises:
        PlacaError: It is no node list.
    """
    scontrol = shutil.which("scontrol")
    if scontrol:
        asked = subprocess.run(
            [scontrol, "show", "hostnames", compressed], capture_output=True, text=True, check=False, timeout=60
        )
        if asked.returncode == 0 and asked.stdout.split():
            return asked.stdout.split()
    return written_out(compressed)


def written_out(compressed: str) -> list[str]:
    """Write out a compressed node list: ``a1,b[2-3]`` is a1, b2, b3; zeros in front are kept.

    Raises:
        PlacaError: It is no node list.
    """
    names = [name for part in _parts(compressed) for name in _names(part, compressed)]
    if not names or not all(names):
        raise _not_a_list(compressed)
    return names


def _parts(compressed: str) -> list[str]:
    # Commas inside brackets belong to a range.
    if not re.fullmatch(r"(?:[^\[\]]|\[[^\[\]]*\])*", compressed):
        raise _not_a_list(compressed)
    return re.findall(r"(?:[^\[\],]|\[[^\[\]]*\])+", compressed)


def _names(part: str, compressed: str) -> list[str]:
    pieces = re.split(r"\[([^\]]*)\]", part.strip())
    # Text and brackets take turns; a rack and a node in it may both be ranges.
    choices = [_numbers(piece, compressed) if i % 2 else [piece] for i, piece in enumerate(pieces)]
    return ["".join(chosen) for chosen in product(*choices)]


def _numbers(ranges: str, compressed: str) -> list[str]:
    found = []
    for one in ranges.split(","):
        match = _RANGE.match(one.strip())
        if match is None or (match[2] is not None and int(match[2]) < int(match[1])):
            raise _not_a_list(compressed)
        first, last = match[1], match[2] or match[1]
        found += [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
    return found


def _not_a_list(compressed: str) -> NodeListError:
    return NodeListError(
        f"Not a SLURM node list such as gpu[001-003,007]: {compressed!r}. Use --processes and --process-id.",
        nodes=compressed,
    )
