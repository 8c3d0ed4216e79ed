"""What the documents say: their blocks of commands, what is printed below them, and whether that is what is printed."""

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
#: A line of a printed block that stands for lines left out.
LEFT_OUT = "…"

_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)*")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        document: The file it stands in.
        line: Where, from 1.
        language: ``sh``, ``python``, ``r``, ``text`` …
        text: What it says.
        printed: The block of text right below it, which says what it prints; None where there is none.
    """

    document: Path
    line: int
    language: str
    text: str
    printed: str | None = None

    @property
    def name(self) -> str:
        """Where it stands, for a person."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def typed(self) -> bool:
        """Whether it is something that a reader types."""
        return self.language in {"sh", "python", "r"}

    @property
    def code(self) -> str:
        """Its text without comments, by which blocks of two languages are compared."""
        lines = re.sub(r"(?m)(^|\s)#.*$", "", self.text).splitlines()
        return "\n".join(line.rstrip() for line in lines if line.strip())


def blocks(document: Path, *languages: str) -> list[Block]:
    """The blocks of a document, all of them or those of some languages, each with what it prints."""
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
    """The lines of a block of shell, without comments, those that go on in the next joined."""
    return block.code.replace("\\\n", " ").splitlines()


def placa_commands(line: str) -> Iterator[list[str]]:
    """What is typed after `placa` in a line of shell, each time that it is called there."""
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
    """A document without its blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", document.read_text(encoding="utf-8"))


def inline(document: Path) -> list[str]:
    """The pieces of code in a document's prose."""
    return re.findall(r"`([^`\n]+)`", prose(document))


def compiled(block: Block) -> ast.Module:
    """The syntax of a block of Python; `…` may stand for arguments left out, and an entry of a dictionary be alone."""
    text = re.sub(r",\s*…\)", ")", block.text).replace("…", "...")
    try:
        return ast.parse(text, block.name)
    except SyntaxError:
        return ast.parse(f"{{{text}}}", block.name)


def run_block(block: Block, place: Path) -> str:
    """Run a block as it stands, with the virtual environment active, and give back what it wrote to stdout.

    Lines that set the project up are left out: a test is what they have set up.
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
    """Whether a line of shell is `make …`, or makes the virtual environment active, or both."""
    return all(part.split()[0] in {"make", "."} for part in line.split("&&"))


def differences(block: Block, output: str, other_machine: bool = False) -> str:
    """Where what was printed is not what the document says, as a diff to read and to paste from; empty where it is.

    Args:
        block: A block with something printed below it.
        said: What it printed.
        other_machine: Whether figures may be others: words, counts and order are compared, and that shares are shares.
    """
    assert block.printed is not None
    expected, actual = _lines(block.printed), _lines(output)
    parse = _shape if other_machine else str
    if _found([parse(line) for line in expected], [parse(line) for line in actual]):
        return ""
    name = block.name
    return "\n".join(difflib.unified_diff(expected, actual, f"{name} says", f"{name} prints", n=99, lineterm=""))


def _lines(text: str) -> list[str]:
    # What fills a line up to the width of a table is not to be seen.
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _shape(line: str) -> str:
    """A line with its decimals replaced by what any of them would do, and an answer by either of the two."""
    decimals = _NUMBER.sub(lambda number: "0.0" if "." in number[0] else number[0], line)
    return re.sub(r"\b(?:positive|negative) *$", "class", decimals)


def _found(expected: list[str], actual: list[str]) -> bool:
    """Whether `actual` is `expected`, in which a line of `…` stands for any number of lines."""
    if not expected:
        return not actual
    if expected[0] == LEFT_OUT:
        return any(_found(expected[1:], actual[start:]) for start in range(len(actual) + 1))
    return bool(actual) and expected[0] == actual[0] and _found(expected[1:], actual[1:])
