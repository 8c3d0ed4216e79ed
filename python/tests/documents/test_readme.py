"""Commands, options, files and names in the documents exist."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import re
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from documented import (
    DOCUMENTS,
    READMES,
    ROOT,
    Block,
    blocks,
    command_lines,
    compiled,
    differences,
    inline,
    placa_commands,
    prose,
)

import placa
from placa.cli import parser
from placa.core.arguments import LateParser

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
SHELL = ("sh", "bash", "")


@every_document
def test_each_command_is_accepted_by_placa(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(document, *SHELL):
        for command in [command for line in command_lines(block) for command in placa_commands(line)]:
            try:
                parser().parse_args(command)
            except SystemExit:
                pytest.fail(f"{block.name}: placa {' '.join(command)}\n{capsys.readouterr().err}")


@every_document
def test_each_command_in_the_prose_exists_with_its_options(document: Path) -> None:
    for code in inline(document):
        for command in placa_commands(code) if code.startswith("placa ") else ():
            one, words = parser(), list(command)
            while words and (deeper := _commands_of(one)) and not (words[0].isupper() or words[0].startswith("--")):
                name = words.pop(0)
                # Omitted arguments are not checked: `placa prepare … --size 256`.
                assert name in deeper or name == "…", f"{document.name}: `{code}`"
                one = deeper[name] if name in deeper else next(iter(deeper.values()))
            known = {option for action in one._actions for option in action.option_strings}
            assert {word for word in words if word.startswith("--")} <= known, f"{document.name}: `{code}`"


@every_document
def test_each_option_in_the_prose_exists(document: Path) -> None:
    typed = {word.split("=")[0] for block in blocks(document, *SHELL) for word in block.code.split()}
    for code in inline(document):
        if code.startswith("--"):
            named = {word.split("=")[0] for word in code.split() if word.startswith("--")}
            # Options of other programs, such as srun, are in a block.
            assert named <= _options() | typed, f"{document.name}: `{code}`"


@cache
def _options() -> set[str]:
    """Return every option of every command."""
    known, left = set(), [parser()]
    while left:
        one = left.pop()
        left += _commands_of(one).values()
        known |= {option for action in one._actions for option in action.option_strings}
    return known


def _commands_of(one: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    if isinstance(one, LateParser) and one.fill is not None:
        fill, one.fill = one.fill, None
        fill(one)
    groups = (action for action in one._actions if isinstance(action, argparse._SubParsersAction))
    return next((dict(group.choices) for group in groups), {})


@every_document
def test_each_file_and_link_exists(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(document))
    for link in [link for link in links if "://" not in link]:
        path, _, heading = link.partition("#")
        present = (document.parent / path).resolve() if path else document
        assert present.exists(), f"{document.name} links to {link}"
        assert not heading or heading in _anchors(present), f"{document.name} links to {link}"
    typed = [word for block in blocks(document, *SHELL) for line in command_lines(block) for word in line.split()]
    for code in [*inline(document), *typed]:
        if re.match(r"(docs|examples|reports|benchmarks|tools|python|R)/[\w./-]*$", code):
            assert (ROOT / code).exists(), f"{document.name} names {code}"
        elif re.match(r"[\w-]+\.(py|R|qmd|cff|lock)$", code):
            assert code in _files(), f"{document.name} names {code}"


def _anchors(document: Path) -> set[str]:
    titles = re.findall(r"(?m)^#+ (.*)$", prose(document))
    return {re.sub(r"[^\w\s-]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@cache
def _files() -> set[str]:
    places = ("benchmarks", "examples", "python", "R", "reports")
    inside = (file.name for place in places for file in (ROOT / place).rglob("*.*"))
    return {*inside, *(file.name for file in ROOT.iterdir())}


@every_document
def test_python_blocks_compile_and_use_existing_names(document: Path) -> None:
    for block in blocks(document, "python"):
        tree, known = compiled(block), {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for module in node.names:
                    assert find_spec(module.name), f"{block.name}: import {module.name}"
            elif isinstance(node, ast.ImportFrom):
                assert node.module and find_spec(node.module), f"{block.name}: from {node.module}"
                # Modules of other packages are not imported, because some take seconds.
                if node.module.split(".")[0] == "placa":
                    module = importlib.import_module(node.module)
                    known |= {name.asname or name.name: _of(module, name.name, block.name) for name in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in known:
                named = {keyword.arg: None for keyword in node.keywords if keyword.arg}
                try:
                    inspect.signature(known[node.func.id]).bind(*node.args, **named)
                except TypeError as error:
                    pytest.fail(f"{block.name}: {ast.unparse(node)}: {error}")


def _of(module: object, name: str, where: str) -> object:
    assert hasattr(module, name), f"{where}: {name} is not in {module}"
    return getattr(module, name)


@every_document
def test_modules_in_the_prose_exist(document: Path) -> None:
    for code in inline(document):
        # placa.json is a file.
        if re.match(r"placa(\.[A-Za-z_]\w*)+(\(\))?$", code) and code != "placa.json":
            first, *names = code.removesuffix("()").split(".")
            thing: object = importlib.import_module(first)
            for place, name in enumerate(names, start=1):
                inside = ".".join([first, *names[:place]])
                if not hasattr(thing, name) and hasattr(thing, "__path__") and find_spec(inside):
                    thing = importlib.import_module(inside)
                else:
                    thing = _of(thing, name, f"{document.name}: `{code}`")


#: R code that lists, for each file, the called functions that neither R nor an attached package has.
_CALLS = """
usual <- unlist(lapply(c("base", "stats", "utils", "graphics", "grDevices", "methods"), getNamespaceExports))
for (file in commandArgs(TRUE)) {
  tokens <- getParseData(parse(file, keep.source = TRUE))
  # A call with the name of its package, package::name(), is clear.
  named <- tokens$parent[tokens$token == "SYMBOL_PACKAGE"]
  calls <- tokens[tokens$token == "SYMBOL_FUNCTION_CALL" & !tokens$parent %in% named, ]
  others <- tokens$parent[tokens$token == "SYMBOL_PACKAGE" & tokens$text != "placa"]
  calls <- calls[!calls$parent %in% others, ]
  lines <- readLines(file, warn = FALSE)
  known <- usual
  for (row in seq_len(nrow(calls))) {
    if (calls$text[row] == "library") {
      package <- sub(".*library[(]([A-Za-z0-9.]+)[)].*", "\\\\1", lines[calls$line1[row]])
      if (package != "placa") known <- c(known, getNamespaceExports(package))
    } else if (!calls$text[row] %in% known) {
      cat(calls$text[row], "")
    }
  }
  cat("\\n")
}
"""


def test_each_function_called_in_r_is_exported(r: str, tmp_path: Path) -> None:
    exported = set(re.findall(r"^export\(([\w.]+)\)$", (ROOT / "R" / "NAMESPACE").read_text(), re.MULTILINE))
    documents = [document for document in DOCUMENTS if blocks(document, "r")]
    files = [tmp_path / f"{document.name}.R" for document in documents]
    for document, file in zip(documents, files, strict=True):
        file.write_text("\n".join(block.text for block in blocks(document, "r")), encoding="utf-8")
    (tmp_path / "calls.R").write_text(_CALLS)
    options = ["--no-echo", "--no-save", "--no-restore", f"--file={tmp_path / 'calls.R'}"]
    command = [r, *options, "--args", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for document, calls in zip(documents, done.stdout.splitlines(), strict=True):
        unknown = set(calls.split()) - exported
        assert not unknown, f"{document.name}: neither placa nor a package attached so far exports {unknown}"


def test_both_readmes_have_the_same_blocks() -> None:
    english, spanish = ([(b.language, b.code, b.printed) for b in blocks(readme) if b.typed] for readme in READMES)
    assert {language for language, _, printed in english if printed} == {"sh", "r"}
    # The audit is printed in the language of the page.
    same = [
        (one, other)
        for one, other in zip(english, spanish, strict=True)
        if other[:2] != (one[0], f"{one[1].rstrip()} --lang es")
    ]
    assert len(same) == len(english) - 1 and all(one == other for one, other in same)


def test_each_make_target_exists() -> None:
    # `make test` and `make demo` cannot run inside themselves; CI runs `make test` on a new machine.
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    code = [(document, code) for document in DOCUMENTS for code in inline(document)]
    code += [(document, line) for document in DOCUMENTS for block in blocks(document) for line in command_lines(block)]
    asked = {(name, document.name) for document, line in code for name in re.findall(r"^make ([a-z-]+)", line)}
    assert {("demo", "README.md"), ("test", "README.md"), ("setup", "start-python.md")} <= asked
    assert not {(name, document) for name, document in asked if name not in targets}


def test_the_citation_is_the_same_everywhere() -> None:
    output = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert output["version"] == placa.__version__ and output["license"] == "MIT"
    for readme in READMES:
        text = readme.read_text(encoding="utf-8")
        assert f"*{output['title']}* (" in text and output["authors"][0]["name"] in text and output["version"] in text


def test_printed_blocks_are_compared_exactly_or_by_words_and_counts() -> None:
    output = "first\nAUROC 0.819 (0.678 to 0.927) on 102 images\n a.png  0.948  positive  \nlast\n"
    block = Block(
        READMES[0], 1, "sh", "", "…\nAUROC 0.819 (0.678 to 0.927) on 102 images\n a.png  0.948  positive\n…\n"
    )
    assert not differences(block, output)
    figure, result, count, word, order = (
        output.replace("0.819", "0.818"),
        output.replace("0.948  positive", "0.127  negative"),
        output.replace("102", "103"),
        output.replace("images", "films"),
        "\n".join(reversed(output.splitlines())),
    )
    assert all(differences(block, other) for other in (figure, result, count, word, order))
    assert [bool(differences(block, other, True)) for other in (figure, result, count, word, order)] == [
        False,
        False,
        True,
        True,
        True,
    ]
