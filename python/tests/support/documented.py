"""Read the code blocks of the documents and their printed output, run them, and compare."""

from __future__ import annotations

import ast
import difflib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
READMES = (ROOT / "README.md", ROOT / "README.es.md")
DOCUMENTS = (*READMES, *sorted((ROOT / "docs").glob("*.md")))
#: A line of a printed block that replaces omitted lines.
LEFT_OUT = "…"

_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)*")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        document: The file.
        line: The line number, from 1.
        language: ``sh``, ``python``, ``r``, ``text`` …
        text: The content.
        printed: The text block directly below, with the output; None if there is none.
    """

    document: Path
    line: int
    language: str
    text: str
    printed: str | None = None

    @property
    def name(self) -> str:
        """The file and line, for messages."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def typed(self) -> bool:
        """Whether the block is code that a reader runs."""
        return self.language in {"sh", "python", "r"}

    @property
    def code(self) -> str:
        """The text without comments, for comparing blocks of two languages."""
        lines = re.sub(r"(?m)(^|\s)#.*$", "", self.text).splitlines()
        return "\n".join(line.rstrip() for line in lines if line.strip())


def blocks(document: Path, *languages: str) -> list[Block]:
    """Return the blocks of a document with their output: all, or those of some languages."""
    found: list[Block] = []
    parts = re.finditer(r"(?ms)^```(\w*)\n(.*?)^```$", text := document.read_text(encoding="utf-8"))
    ended = -1
    for part in parts:
        language, content = part.groups()
        if found and language == "text" and not text[ended : part.start()].strip():
            last = found.pop()
            found.append(Block(document, last.line, last.language, last.text, content))
        else:
            found.append(Block(document, text[: part.start()].count("\n") + 1, language, content))
        ended = part.end()
    return [block for block in found if not languages or block.language in languages]


def command_lines(block: Block) -> list[str]:
    """Return the lines of a shell block without comments; continued lines are joined."""
    return block.code.replace("\\\n", " ").splitlines()


def placa_commands(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of `placa` in a shell line."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    command: list[str] | None = None
    for word in [*words, ";"]:
        if set(word) <= set("();<>|&"):
            if command is not None:
                yield command
            command = None
        elif command is not None:
            command.append(word)
        elif Path(word).name == "placa":
            command = []


def prose(document: Path) -> str:
    """Return a document without its blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", document.read_text(encoding="utf-8"))


def inline(document: Path) -> list[str]:
    """Return the inline code of a document."""
    return re.findall(r"`([^`\n]+)`", prose(document))


def compiled(block: Block) -> ast.Module:
    """Parse a Python block, which may have `…` for omitted arguments or be a single dictionary entry."""
    text = re.sub(r",\s*…\)", ")", block.text).replace("…", "...")
    try:
        return ast.parse(text, block.name)
    except SyntaxError:
        return ast.parse(f"{{{text}}}", block.name)


def run_block(block: Block, place: Path) -> str:
    """Run a block with the virtual environment active, and return its standard output.

    Lines that set up the project are omitted, because it is set up when tests run.
    """
    commands = {
        "sh": ["sh", "-eu", "-c", "\n".join(line for line in command_lines(block) if not sets_up(line))],
        "python": [sys.executable, "-c", block.text],
        "r": ["Rscript", "--no-save", "--no-restore", "-e", block.text],
    }
    binaries = Path(sys.executable).parent
    unset = {"COLUMNS", "PLACA_PYTHON", "RETICULATE_PYTHON"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {"PATH": f"{binaries}{os.pathsep}{environment['PATH']}", "VIRTUAL_ENV": sys.prefix}
    done = subprocess.run(
        commands[block.language], cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=1800
    )
    assert done.returncode == 0, f"{block.name} failed:\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, f"{block.name}:\n{done.stderr}"
    return done.stdout


def sets_up(line: str) -> bool:
    """Return whether a shell line is `make …`, activates the virtual environment, or both."""
    return all(part.split()[0] in {"make", "."} for part in line.split("&&"))


def differences(block: Block, output: str, other_machine: bool = False) -> str:
    """Compare the output of a block with its documented output; return a diff, empty if they match.

    Args:
        block: A block with documented output.
        output: The actual output.
        other_machine: Whether decimal numbers and classes may differ; words, counts and order are compared.
    """
    assert block.printed is not None
    expected, actual = _lines(block.printed), _lines(output)
    parse = _shape if other_machine else str
    if _found([parse(line) for line in expected], [parse(line) for line in actual]):
        return ""
    name = block.name
    return "\n".join(difflib.unified_diff(expected, actual, f"{name} documented", f"{name} printed", n=99, lineterm=""))


def _lines(text: str) -> list[str]:
    # Trailing spaces of table rows are not visible.
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _shape(line: str) -> str:
    """Return a line with placeholders for its decimal numbers and its class."""
    decimals = _NUMBER.sub(lambda number: "0.0" if "." in number[0] else number[0], line)
    return re.sub(r"\b(?:positive|negative) *$", "class", decimals)


def _found(expected: list[str], actual: list[str]) -> bool:
    """Return whether `actual` matches `expected`, in which a line of `…` matches any number of lines."""
    if not expected:
        return not actual
    if expected[0] == LEFT_OUT:
        return any(_found(expected[1:], actual[start:]) for start in range(len(actual) + 1))
    return bool(actual) and expected[0] == actual[0] and _found(expected[1:], actual[1:])
