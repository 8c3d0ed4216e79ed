"""Expand SLURM node lists: ``gpu[001-003,007],login1``."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import product

from placa.training.errors import NodeListError

#: A name, whose brackets hold numbers and ranges.
_NAME = re.compile(r"(?:[^\[\],]|\[[^\[\]]*\])+")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


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
        asked = [scontrol, "show", "hostnames", compressed]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
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
    try:
        names = [name for part in _NAME.findall(compressed) for name in _names(part.strip())]
    except ValueError:
        names = []
    # Commas separate names, and nothing else is between them.
    if not names or not all(names) or _NAME.sub("", compressed).strip(","):
        raise NodeListError(
            f"Not a SLURM node list such as gpu[001-003,007]: {compressed!r}. Use --processes and --process-id.",
            nodes=compressed,
        )
    return names


def _names(part: str) -> list[str]:
    # Text and brackets alternate; a name may have several ranges, such as rack and node.
    pieces = re.split(r"\[([^\]]*)\]", part)
    choices = [_numbers(piece) if i % 2 else [piece] for i, piece in enumerate(pieces)]
    return ["".join(chosen) for chosen in product(*choices)]


def _numbers(ranges: str) -> list[str]:
    numbers = []
    for one in ranges.split(","):
        found = _RANGE.fullmatch(one.strip())
        if found is None or int(found[2] or found[1]) < int(found[1]):
            raise ValueError(f"{one} is not a number or a range")
        numbers += [str(n).zfill(len(found[1])) for n in range(int(found[1]), int(found[2] or found[1]) + 1)]
    return numbers
