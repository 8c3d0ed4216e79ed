"""The commands of the report and of the model card are executed with names full of quotation marks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from record_fixtures import good_record
from report_fixtures import run_r_script

from placa.core.text import r_string, shell_path, shell_word
from placa.reporting.model_card import model_card

NAMES = ["-x", "!!", "it's !!", "$(echo canary)", 'a"b', "a`b", "a\\b", "line1\nline2", "a\x1b[31m", "; echo canary"]
NAMES += [
    "```",
    "a ```` b",
    "~",
    "*",
    "a b",
    "=ls",
    "#c",
    "ñandú",
    "'",
    "\\'",
    "$x",
    "\\n",
    "a\\\nb",
    "%s",
    "plain-1.0",
]

SCRIPT = """
folder <- commandArgs(TRUE)[[1]]
names <- jsonlite::read_json(file.path(folder, "names.json"), simplifyVector = TRUE)
set_language("en")
blocks <- lapply(names, function(name) {
  options <- stats::setNames(list(name, "rows", c("a", paste0("v", name)), name, TRUE),
                             c("root", "path", "positive", "negative", paste0("flag", name)))
  run <- list(path = paste0("/runs/", name), info = list(
    data = list(kind = "nih", prepared = name, source_options = options),
    training = list(backbone = name, mirror = FALSE, augmentation = list(flip = 0.5))
  ))
  list(commands = commands_of(run), block = paste(capture.output(write_code(commands_of(run))), collapse = "\\n"))
})
texts <- list(words = vapply(names, shell_word, ""), paths = vapply(names, shell_path, ""), blocks = blocks)
writeLines(jsonlite::toJSON(texts, auto_unbox = TRUE), file.path(folder, "texts.json"), useBytes = TRUE)
"""


def execute(block: str, folder: Path) -> list[list[str]]:
    """Run a block in a shell whose `placa` writes down its arguments."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    record = folder / "arguments"
    # An interactive shell replaces !! in a line.
    script = f'set -o history -o histexpand\nplaca() {{ printf "%s\\0" "$@" "" >> {record}; }}\n{block}\n'
    record.unlink(missing_ok=True)
    done = subprocess.run([bash, "--norc"], input=script, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout == "" and done.stderr == "", done.stderr
    return [call.split("\0") for call in record.read_text("utf-8").removesuffix("\0\0").split("\0\0")]


def path_of(name: str) -> str:
    return f"./{name}" if name.startswith("-") else name


def fenced(text: str, language: str) -> str:
    """The code of the only fenced block of a language."""
    (found,) = re.findall(rf"(?ms)^(`{{3,}}){language}\n(.*?)\n\1$", text)
    return str(found[1])


@pytest.fixture(scope="module")
def texts(r: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("commands")
    (folder / "names.json").write_text(json.dumps(NAMES), "utf-8")
    return run_r_script(r, SCRIPT, folder)


def test_the_commands_of_the_report_are_executed_with_any_name(texts: dict[str, Any], tmp_path: Path) -> None:
    for name, one in zip(NAMES, texts["blocks"], strict=True):
        prepare, train, evaluate, report = execute("\n".join(one["commands"]), tmp_path)
        negative = ["--negative=-x"] if name == "-x" else ["--negative", name]
        backbone = ["--backbone=-x"] if name == "-x" else ["--backbone", name]
        options = ["--path", "rows", "--positive", "a", f"v{name}", *negative, f"--flag{name}".replace("_", "-")]
        assert prepare == ["prepare", "nih", path_of(name), *options, "--out", path_of(name)]
        out = ["--no-mirror", "--out", f"/runs/{name}"]
        assert train == ["train", path_of(name), *backbone, "--flip", "0.5", *out]
        assert evaluate == ["evaluate", f"/runs/{name}"] and report == ["report", f"/runs/{name}"]
        lines = one["block"].strip().split("\n")
        fence = lines[0].split(" ")[0]
        assert lines[-1] == fence and not any(fence in line for line in lines[1:-1])


def test_r_and_python_quote_alike(texts: dict[str, Any]) -> None:
    assert texts["words"] == [shell_word(name) for name in NAMES]
    assert texts["paths"] == [shell_path(name) for name in NAMES]


def cards(language: str) -> list[tuple[str, str]]:
    facts, thresholds = good_record("run"), good_record("thresholds")
    return [(name, model_card({**facts, "name": name}, thresholds, None, language)) for name in NAMES]


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_shell_block_of_the_card_is_executed_with_any_name(language: str, tmp_path: Path) -> None:
    for name, card in cards(language):
        (call,) = execute(fenced(card, "sh"), tmp_path)
        assert call[:2] == ["predict", path_of(name)] and len(call) == 3


def test_the_r_block_of_the_card_is_executed_with_any_name(r: str, tmp_path: Path) -> None:
    names = cards("en")
    for number, (_, card) in enumerate(names):
        (tmp_path / f"{number:02d}.R").write_text(fenced(card, "r"), "utf-8")
    script = """
    folder <- commandArgs(TRUE)[[1]]
    assignInNamespace("load_model", function(run) structure(list(run = run), class = "probe"), "placa")
    registerS3method("predict", "probe", function(object, ...) object$run)
    files <- sort(list.files(folder, "^[0-9]+[.]R$", full.names = TRUE))
    runs <- lapply(files, function(file) eval(parse(file, encoding = "UTF-8"), globalenv()))
    writeLines(jsonlite::toJSON(list(runs = runs), auto_unbox = TRUE), file.path(folder, "texts.json"), useBytes = TRUE)
    """
    assert run_r_script(r, script, tmp_path)["runs"] == [name for name, _ in names]
    assert r_string('a"\\\n') == r'"a\"\\\n"'
