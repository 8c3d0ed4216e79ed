"""Read complete tables of public sets, and a table of a million rows that a user brings, with the images of 60 rows.

The real tables are those of torchxrayvision and mednet, where these or their wheels are (PLACA_WHEELS), and NIH's in
PLACA_DATA. MIMIC-CXR-JPG's are made up, with as many rows as the real ones. Each is read by a process of its own, from
its tables to the list of images to decode. On a busy machine, the CPU seconds count.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python" / "tests" / "support"))
import numpy as np
import pandas as pd
from real_tables import first_images, lay_out, set_of

from placa.sources.chexpert import FOURTEEN
from placa.sources.nih import read_nih
from placa.sources.public.load import read_public
from placa.sources.source import Source
from placa.sources.table import read_table

SETS = ("chexpert", "padchest", "vindr", "rsna", "siim", "openi", "nlm-tb")
#: A finding of each set, which is read with the defaults of the command line.
POSITIVE = {
    "chexpert": "Effusion",
    "mimic": "Edema",
    "padchest": "Pneumonia",
    "vindr": "Cardiomegaly",
    "rsna": "Lung Opacity",
    "siim": "Pneumothorax",
    "openi": "Cardiomegaly",
    "nlm-tb": "Tuberculosis",
}
ROWS, IMAGES = 1_000_000, 60
#: Images, studies and patients of MIMIC-CXR-JPG.
MIMIC_IMAGES, MIMIC_STUDIES, MIMIC_PATIENTS = 377_110, 227_835, 65_379


def read_set(kind: str, root: Path) -> Source:
    """Read a public set as its command does."""
    if kind == "nih":
        return read_nih(root, "Pneumonia")
    if kind == "table":
        return read_table(root / "labels.csv", "Mass")
    return read_public(set_of(kind), root, POSITIVE[kind])


def lay_out_set(kind: str, root: Path) -> Path | None:
    """Write the tables of a set and the files of some images; return None where the tables are not here."""
    if kind == "nih":
        nih = Path(os.environ.get("PLACA_DATA", "../shared/data")) / "nih"
        return nih if nih.is_dir() else None
    if kind in ("table", "mimic"):
        root.mkdir()
        files = write_users_table(root) if kind == "table" else write_mimic(root)
    elif lay_out(kind, root) is None:
        return None
    else:
        # All images of the tuberculosis sets are files already.
        files = [] if kind == "nlm-tb" else first_images(kind, root, IMAGES)
    for file in files[:IMAGES]:
        path = root / "files" / file if kind != "table" else root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def write_users_table(root: Path) -> list[str]:
    """Write a table with path, patient, sex, age and label; return the paths."""
    paths = [f"images/{n:07}.png" for n in range(ROWS)]
    with (root / "labels.csv").open("w", encoding="utf-8") as file:
        file.write("path,patient,sex,age,Mass\n")
        file.writelines(f"{path},P{n // 3},{'FM'[n % 2]},{n % 90},{n % 2}\n" for n, path in enumerate(paths))
    return paths


def write_mimic(root: Path) -> list[str]:
    """Write the tables of MIMIC-CXR-JPG 2.0.0 with made-up rows; return the files."""
    study = np.arange(MIMIC_IMAGES) * MIMIC_STUDIES // MIMIC_IMAGES
    subject = study * MIMIC_PATIENTS // MIMIC_STUDIES
    keys = pd.DataFrame(
        {
            "dicom_id": [f"{n:08x}-{n:08x}-{n:08x}-{n:08x}-{n:08x}" for n in range(MIMIC_IMAGES)],
            "subject_id": 10_000_000 + subject,
            "study_id": 50_000_000 + study,
        }
    )
    facts = keys.assign(
        PerformedProcedureStepDescription="CHEST (PA AND LAT)",
        ViewPosition=np.resize(["AP", "PA", "LATERAL", "AP", "LL"], MIMIC_IMAGES),
        Rows=3056,
        Columns=2544,
        StudyDate=21800506,
        StudyTime=213014.531,
        ProcedureCodeSequence_CodeMeaning="CHEST (PA AND LAT)",
        ViewCodeSequence_CodeMeaning="postero-anterior",
        PatientOrientationCodeSequence_CodeMeaning="Erect",
    )
    split = keys.assign(split=np.where(subject % 100 < 1, "test", np.where(subject % 100 < 2, "validate", "train")))
    labels = keys[["subject_id", "study_id"]].drop_duplicates()
    for number, name in enumerate(FOURTEEN):
        labels[name] = np.resize(np.roll(["1.0", "", "", "0.0", "-1.0", ""], number), len(labels))
    for table, name in ((facts, "metadata"), (split, "split"), (labels, "chexpert")):
        # A low level of compression, because writing is not measured.
        how = {"method": "gzip", "compresslevel": 1}
        table.to_csv(root / f"mimic-cxr-2.0.0-{name}.csv.gz", index=False, compression=how)
    return [f"{name}.png" for name in keys["dicom_id"]]


def main() -> None:
    """Print one row per table; with a name and a directory, read that set and print what it cost."""
    if len(sys.argv) == 3 and not sys.argv[1].startswith("--"):
        kind, root = sys.argv[1], Path(sys.argv[2])
        start, before = time.perf_counter(), time.process_time()
        source = read_set(kind, root)
        # getrusage() has the peak of the parent too.
        peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        used = int(peak.split()[1]) / 1024
        seconds = f"{time.perf_counter() - start:.1f} s ({time.process_time() - before:.1f} s of CPU)"
        rows = source.rows or len(source.images) + len(source.rejected) + source.missing + source.unused
        print(
            f"| read `{kind}`, {rows:,} images, of which {len(source.images):,} exist | {seconds}, {used:,.0f} MB | | |"
        )
        return
    for kind in (*SETS, "nih", "mimic", "table"):
        with TemporaryDirectory() as name:
            root = lay_out_set(kind, Path(name) / kind)
            if root is None:
                print(f"{kind}: the real table is not here (PLACA_WHEELS, PLACA_DATA)", file=sys.stderr)
                continue
            subprocess.run([sys.executable, __file__, kind, str(root)], check=True)


if __name__ == "__main__":
    main()
