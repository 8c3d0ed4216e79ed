"""Simulated data sets for the tests of the audit: labels are random unless a test adds a shortcut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from placa.dataset.splits import assign_splits
from placa.records.manifest import complete

SIZE = 32


def make_manifest(images: int = 240, per_group: int = 2, seed: int = 0, finding: str = "Edema") -> pd.DataFrame:
    """Return a complete manifest of images that do not exist, with random labels by patient."""
    random = np.random.default_rng(seed)
    patients = np.arange(images) // per_group
    label = random.permutation(np.arange(patients[-1] + 1) % 2)[patients]
    table = pd.DataFrame(
        {
            "image_id": [f"{patient:05d}_{row % per_group:03d}.png" for row, patient in enumerate(patients)],
            "path": [f"/films/images/{patient:05d}_{row % per_group:03d}.png" for row, patient in enumerate(patients)],
            "patient_id": patients.astype(str),
            "sex": random.choice(["F", "M"], patients[-1] + 1)[patients],
            "age": random.integers(20, 90, patients[-1] + 1)[patients].astype(float),
            "view": random.choice(["PA", "AP"], images),
            finding: label,
        }
    )
    manifest = complete(table, [finding])
    manifest["split"] = assign_splits(manifest, [finding], seed)
    return manifest


def make_pixels(images: int, seed: int = 1) -> NDArray[np.uint8]:
    """Return smooth blobs with noise, shape (images, SIZE, SIZE)."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(60, 190, (images, 4, 4)).repeat(SIZE // 4, axis=1).repeat(SIZE // 4, axis=2)
    return (coarse + random.normal(0, 12, (images, SIZE, SIZE))).clip(0, 255).astype(np.uint8)


def truth_of(manifest: pd.DataFrame, finding: str = "Edema") -> NDArray[np.bool_]:
    return manifest[finding].to_numpy(dtype=bool)


def read_nih_table(shared_data: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the complete table of NIH and the adjudicated labels, as a source returns them."""
    rows = pd.read_csv(shared_data / "nih" / "Data_Entry_2017_v2020.csv")
    names = rows["Finding Labels"].str.split("|").map(set)
    test = set((shared_data / "nih" / "test_list.txt").read_text().split())
    table = pd.DataFrame(
        {
            "image_id": rows["Image Index"],
            "patient_id": rows["Patient ID"].astype(str),
            "sex": rows["Patient Gender"],
            "age": rows["Patient Age"].astype(float),
            "view": rows["View Position"],
            "official": np.where(rows["Image Index"].isin(test), "test", "train_val"),
        }
    )
    for finding in ("Pneumothorax", "Effusion", "Pneumonia", "Nodule", "Mass"):
        table[finding] = names.map(lambda found, finding=finding: int(finding in found))
    table["Nodule or mass"] = table[["Nodule", "Mass"]].max(axis=1)
    read = pd.read_csv(shared_data / "nih" / "adjudicated_labels_google2019.csv")
    findings = ["Pneumothorax", "Nodule or mass", "Fracture"]
    other = read.melt(["Image Index", "Patient ID", "Set Id"], findings, "finding")
    other = pd.DataFrame(
        {
            "image_id": other["Image Index"],
            "patient_id": other["Patient ID"].astype(str),
            "finding": other["finding"],
            "label_source": "radiologists",
            "subset": other["Set Id"],
            "truth": (other["value"] == "YES").astype(int),
        }
    )
    return table.drop(columns=["Nodule", "Mass"]), other
