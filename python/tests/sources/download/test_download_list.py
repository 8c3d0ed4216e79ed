"""The list of NIH files, and the command line with the real tables."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from loopback import Server
from small_nih import README, TABLE, RecordedDownload, small_set

from placa.cli.download import add_options, run
from placa.sources.download.nih import NIH_FILES
from placa.sources.download.plan import choose

FILES = small_set


def test_the_list_of_nih_files_is_complete() -> None:
    archives = [file for file in NIH_FILES if file.images]
    assert [file.name for file in archives] == [f"images_{i:03d}.tar.gz" for i in range(1, 13)]
    # ChestX-ray14 has 112,120 images.
    assert sum(file.images for file in archives) == 112_120
    assert len({file.url for file in NIH_FILES}) == len(NIH_FILES) == 17
    assert all(file.url.startswith("https://nihcc.") for file in NIH_FILES)
    digests = [edition.digest for file in NIH_FILES for edition in file.editions if edition.digest]
    assert len(set(digests)) == len(digests) == 17
    assert all(re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", digest) for digest in digests)
    assert [file.name for file in choose(NIH_FILES, "tables") if not file.optional] == [
        TABLE,
        "BBox_List_2017.csv",
        "train_val_list.txt",
        "test_list.txt",
    ]


def test_checksums_match_the_tables_of_nih(shared_data: Path) -> None:
    for file in NIH_FILES:
        if not file.images and not file.optional:
            assert file.matches(shared_data / "nih" / file.name), file.name


def test_the_table_of_nih_differs_from_its_mirrors_in_one_word(shared_data: Path, tmp_path: Path) -> None:
    mirrored = (shared_data / "nih" / TABLE).read_bytes()
    official = tmp_path / TABLE
    official.write_bytes(mirrored.replace(b"Patient Gender", b"Patient Sex", 1))
    [file] = choose(NIH_FILES, TABLE)
    assert file.matches(official) and official.stat().st_size == file.size


def test_the_command_line_passes_its_options(shared_data: Path, server: Server, to: Path) -> None:
    parser = argparse.ArgumentParser()
    parser.set_defaults(dataset="nih")
    add_options("nih", parser)
    options = parser.parse_args(["--to", str(to), "--only", "tables", "--base-url", server.url + "/", "--jobs", "2"])
    names = [file.name for file in choose(NIH_FILES, "tables")]
    server.files = {name: (shared_data / "nih" / name).read_bytes() for name in names if name != README}
    message = RecordedDownload()
    run(options, message)
    assert {name: (to / name).read_bytes() for name in server.files} == server.files
    assert f"{server.url}/{README}" in message.warned[0] and "404" in message.warned[0]
    assert message.messages == []
    server.asked.clear()
    server.files[README] = bytes(848_327)
    run(options, message)
    run(options, message)
    assert [name for name, _ in server.asked] == [README]
    assert len(message.messages) == 1 and str(to) in message.messages[0]
