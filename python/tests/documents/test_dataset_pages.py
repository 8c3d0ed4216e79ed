"""The worked command of each page in docs/datasets prints the lines that the page shows.

The complete tables are those of `real_tables`, with small images for their first rows.
"""

import os
import re
import shlex
from pathlib import Path

import pytest
from conftest import ROOT, Command
from made_public import draw_all, make_covidx, make_kermany, make_mimic
from real_tables import first_images, lay_out

pytestmark = pytest.mark.slow

PAGES = ROOT / "docs" / "datasets"
#: Images of the complete tables that exist in the example.
IMAGES = {"chexpert": 120, "padchest": 150, "vindr": 200, "rsna": 120, "siim": 120, "openi": 60}
LISTS = {
    "train_COVIDx9B.txt": ["P1 a.png positive cohen", "P2 b.png negative rsna", "P3 c.png positive rsna"]
    + [f"P{number} {number}.png {'positive cohen' if number % 2 else 'negative rsna'}" for number in range(10, 30)],
    "test_COVIDx9B.txt": ["P1 e.png positive ricord", "P9 f.png negative rsna"],
}
REAL = {"cohen": "figure1", "tbx11k": "tbx11k"}


def lay_out_page(kind: str, root: Path) -> Path | None:
    if kind in REAL:
        folder = Path(os.environ.get("PLACA_DATA", ROOT.parent / "shared" / "data")) / "other" / REAL[kind]
        return folder if folder.is_dir() else None
    if kind == "kermany":
        return make_kermany(root) / "chest_xray"
    if kind == "mimic":
        return make_mimic(root)
    if kind == "covidx":
        return make_covidx(root, LISTS)
    if lay_out(kind, root) is None:
        return None
    if kind in IMAGES:
        draw_all(root, first_images(kind, root, IMAGES[kind]))
    return root


@pytest.mark.parametrize("kind", sorted(page.stem for page in PAGES.glob("*.md") if "." not in page.stem))
def test_worked_command_prints_what_the_page_shows(kind: str, tmp_path: Path, placa: Command) -> None:
    page = (PAGES / f"{kind}.md").read_text("utf-8")
    command = re.findall(r"```sh\n(placa prepare .*)\n```", page)[-1]
    shown = re.findall(r"```text\n(.*?)```", page, re.DOTALL)[-1].splitlines()
    root = lay_out_page(kind, tmp_path / "set")
    if root is None:
        pytest.skip("neither the wheels of torchxrayvision and mednet (PLACA_WHEELS) nor PLACA_DATA are here")
    words = shlex.split(command)
    words[3], words[words.index("--out") + 1] = str(root), str(tmp_path / "out")
    done = placa(*words[1:], "--size", 32, COLUMNS="2000")
    printed = done.stdout + done.stderr
    for line in shown:
        # The page leaves some of a long line out.
        pattern = ".*".join(map(re.escape, line.split("…")))
        assert re.search(pattern, printed), (line, printed)
