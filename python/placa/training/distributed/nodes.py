"""Expand SLURM node lists: ``gpu[001-003,007],login1``."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import product

from placa.training.errors import NodeListError

_RANGE = re.compile(r"(\d+)(?:-(\d+))?$")


def host_names(compressed: str) -> list[str]:
    """Expand a compressed node list, with ``scontrol`` if it is installed.

    Args:
        compressed: A node list, as in ``SLURM_STEP_NODELIST``.

    Returns:
        The host names, in order.

    Raises:
        NodeListError: The text is not a node list.
    """
    scontrol = shutil.which("scontrol")
    if scontrol:
        done = subprocess.run(
            [scontrol, "show", "hostnames", compressed], capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode == 0 and done.stdout.split():
            return done.stdout.split()
    return written_out(compressed)


def written_out(compressed: str) -> list[str]:
    """Expand a compressed node list: ``a1,b[2-3]`` is a1, b2, b3. Leading zeros are kept.

    Args:
        compressed: A node list.

    Returns:
        The host names, in order.

    Raises:
        NodeListError: The text is not a node list.
    """
    names = [name for part in _parts(compressed) for name in _names(part, compressed)]
    if not names or not all(names):
        raise _node_list_error(compressed)
    return names


def _parts(compressed: str) -> list[str]:
    # Commas inside brackets separate ranges.
    if not re.fullmatch(r"(?:[^\[\]]|\[[^\[\]]*\])*", compressed):
        raise _node_list_error(compressed)
    return re.findall(r"(?:[^\[\],]|\[[^\[\]]*\])+", compressed)


def _names(part: str, compressed: str) -> list[str]:
    pieces = re.split(r"\[([^\]]*)\]", part.strip())
    # Text and brackets alternate; a name may have several ranges, such as rack and node.
    choices = [_numbers(piece, compressed) if i % 2 else [piece] for i, piece in enumerate(pieces)]
    return ["".join(chosen) for chosen in product(*choices)]


def _numbers(ranges: str, compressed: str) -> list[str]:
    found = []
    for one in ranges.split(","):
        match = _RANGE.match(one.strip())
        if match is None or (match[2] is not None and int(match[2]) < int(match[1])):
            raise _node_list_error(compressed)
        first, last = match[1], match[2] or match[1]
        found += [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
    return found


def _node_list_error(compressed: str) -> NodeListError:
    return NodeListError(
        f"Not a SLURM node list such as gpu[001-003,007]: {compressed!r}. Use --processes and --process-id.",
        nodes=compressed,
    )
