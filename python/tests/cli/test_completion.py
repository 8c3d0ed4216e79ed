"""The completion in a shell, and the help on a terminal."""

import os
import pty
import re
import subprocess
import sys

import pytest

_COMPLETE = """
source <(printf %s "$SCRIPT")
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_shtab_placa placa "${@: -1}" "${@: -2:1}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("pre", {"prepare", "predict"}),
        ("prepare nih --posi", {"--positive"}),
        ("report --lang ", {"en", "es"}),
        ("install-r --h", {"--help"}),
    ],
)
def test_bash_completes_commands_and_options(placa, typed: str, offered: set[str]) -> None:
    script = placa("--print-completion", "bash").stdout
    command = ["bash", "-c", _COMPLETE, "bash", "placa", *typed.split(" ")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "SCRIPT": script}, check=True)
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_have_a_script(placa, shell: str) -> None:
    done = placa("--print-completion", shell)
    assert done.returncode == 0 and "install-r" in done.stdout and "positive" in done.stdout


def test_help_on_a_terminal_is_that_of_a_pipe_in_colour(placa) -> None:
    command = ("prepare", "nih", "--help")
    plain = placa(*command, COLUMNS="100").stdout
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal is available: {error}")
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen([sys.executable, "-m", "placa", *command], stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b"")).decode().replace("\r\n", "\n")
    assert "\x1b[" in shown and re.sub(r"\x1b\[[\d;]*m", "", shown) == plain
    # Brackets are no markup.
    assert "placa[dask]" in plain


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        # Linux reports the end of a terminal as an error.
        return b""
