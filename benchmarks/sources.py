"""Read complete tables of public sets without images, and a table of a million rows that a user brings.

The real tables are those of torchxrayvision and mednet, where these or their wheels are (PLACA_WHEELS). Each is read in
a process of its own, so that its memory is that of this table. On a busy machine, the CPU seconds count.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python" / "tests" / "support"))
from real_tables import lay_out

from placa.core.progress import SILENT

SETS = ("chexpert", "padchest", "vindr", "rsna", "siim", "openi", "nlm-tb")
ROWS = 1_000_000


def read_set(kind: str, root: Path) -> int:
    """Read the tables of a set; return the number of images."""
    name = kind.replace("-", "_")
    spec = getattr(import_module(f"placa.sources.{name}"), name.upper())
    return len(spec.read(root, spec.defaults, SILENT).images)


def read_users_table(root: Path) -> int:
    """Read a table of a million rows whose images are one file."""
    from placa.sources.tables import read_text_table

    return len(read_text_table(root / "labels.csv"))


def write_users_table(root: Path) -> Path:
    """Write a table with path, patient, sex, age and label."""
    with (root / "labels.csv").open("w", encoding="utf-8") as file:
        file.write("path,patient,sex,age,Mass\n")
        file.writelines(f"images/{n:07}.png,P{n // 3},{'FM'[n % 2]},{n % 90},{n % 2}\n" for n in range(ROWS))
    return root


def main() -> None:
    """Print one row per table; with a name and a directory, read that table and print what it cost."""
    if len(sys.argv) == 3 and not sys.argv[1].startswith("--"):
        kind, root = sys.argv[1], Path(sys.argv[2])
        start = time.perf_counter()
        images = read_users_table(root) if kind == "table" else read_set(kind, root)
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds = f"{time.perf_counter() - start:.1f} s ({time.process_time():.1f} s of CPU)"
        print(f"| read the tables of `{kind}`, {images:,} rows | {seconds}, {used:,.0f} MB | | |")
        return
    for kind in (*SETS, "table"):
        with TemporaryDirectory() as name:
            root = write_users_table(Path(name)) if kind == "table" else lay_out(kind, Path(name) / kind)
            if root is None:
                print(f"{kind}: the real table is not here (PLACA_WHEELS)", file=sys.stderr)
                continue
            subprocess.run([sys.executable, __file__, kind, str(root)], check=True)


if __name__ == "__main__":
    main()
