"""A small data set in the layout of NIH: a table, two image folders, one missing image."""

from __future__ import annotations

from pathlib import Path

from conftest import draw

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n"
)
ROWS = [
    ("00000001_000.png", "Mass", "1", "58", "M", "PA"),
    ("00000001_001.png", "Mass|Effusion", "1", "058Y", "M", "AP"),
    ("00000002_000.png", "No Finding", "2", "006M", "F", "PA"),
    ("00000003_000.png", "Effusion", "3", "414", "F", "PA"),
    ("00000004_000.png", "No Finding", "4", "40", "F", "PA"),
    ("00000005_000.png", "No Finding", "5", "70", "M", "AP"),
]


def write_nih(root: Path) -> Path:
    """Write the table and all images except the last."""
    root.mkdir()
    lines = [
        f"{name},{labels},0,{patient},{age},{sex},{view},2500,2048,0.17,0.17"
        for name, labels, patient, age, sex, view in ROWS
    ]
    (root / "Data_Entry_2017_v2020.csv").write_text(HEADER + "\n".join(lines) + "\n")
    for i, row in enumerate(ROWS[:-1]):
        draw(root / f"images_00{1 + i % 2}" / "images" / row[0], seed=i)
    return root
