"""A small data set in the layout of NIH that is fetched quickly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import RecordedProgress
from loopback import Server, images_archive, remote

from placa.core.progress import Advance
from placa.sources.download import RemoteFile, download_nih
from placa.sources.download.fetch import RetryPolicy

QUICK = RetryPolicy(attempts=3, pause=0.01, timeout=(5.0, 5.0))
COUNTS = {"images_001.tar.gz": 3, "images_002.tar.gz": 4, "images_003.tar.gz": 5}
TABLE = "Data_Entry_2017_v2020.csv"
README = "README_CHESTXRAY.pdf"
HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position\n"


class RecordedDownload(RecordedProgress):
    """Record messages, warnings and progress bars."""

    def __init__(self) -> None:
        super().__init__()
        self.bars: dict[str, list[int]] = {}
        self.lock = threading.Lock()

    @contextmanager
    def byte_bars(self, totals: dict[str, int]) -> Iterator[dict[str, Advance]]:
        self.bars = {title: [0, total] for title, total in totals.items()}

        def bar(title: str) -> Advance:
            def advance(steps: int = 1, remark: str = "") -> None:
                with self.lock:
                    self.bars[title][0] += steps

            return advance

        yield {title: bar(title) for title in totals}


def small_set() -> dict[str, bytes]:
    names = [f"{i:08d}_000.png" for i in range(101, 113)]
    labels = ["Pneumonia", "No Finding"] * 6
    rows = [f"{name},{label},0,{i},50,F,PA\n" for i, (name, label) in enumerate(zip(names, labels, strict=True))]
    return {
        TABLE: (HEADER + "".join(rows)).encode(),
        "BBox_List_2017.csv": b"Image Index,Finding Label,Bbox [x,y,w,h],,,\n",
        "train_val_list.txt": "\n".join(names[:8]).encode(),
        "test_list.txt": "\n".join(names[8:]).encode(),
        README: b"%PDF-1.4",
        "images_001.tar.gz": images_archive(3, 101),
        "images_002.tar.gz": images_archive(4, 104),
        "images_003.tar.gz": images_archive(5, 108),
    }


def listed(files: dict[str, bytes]) -> list[RemoteFile]:
    return [
        remote(name, body, COUNTS.get(name, 0), name == README, "md5" if name in COUNTS else "sha256")
        for name, body in files.items()
    ]


def get(server: Server, to: Path, **options: object) -> list[Path]:
    options = {"base_url": server.url, "retry_policy": QUICK, **options}
    return download_nih(to, files=listed(server.files), **options)  # type: ignore[arg-type]


def visible(to: Path) -> list[str]:
    return sorted(path.name for path in to.iterdir() if path.name != ".placa-download.lock")
