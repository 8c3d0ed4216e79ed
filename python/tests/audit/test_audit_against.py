"""Images that two data sets share."""

import shutil
from pathlib import Path

import pandas as pd

from placa.audit.against import compare_sets
from placa.dataset.prepared import read_prepared
from placa.sources.overlaps import shared_images
from placa.workflows.audit import audit_against


def test_a_copy_of_a_set_shares_all_images_and_patients(prepared: Path, tmp_path: Path) -> None:
    first, copy = tmp_path / "first", tmp_path / "copy"
    for directory in (first, copy):
        shutil.copytree(prepared, directory, ignore=shutil.ignore_patterns("images"))
    overlap, path = audit_against(first, copy)
    manifest = pd.read_parquet(prepared / "manifest.parquet")
    assert overlap.pairs["image_id"].tolist() == overlap.pairs["other_image_id"].tolist()
    assert len(overlap.pairs) == len(manifest)
    assert set(overlap.pairs["kind"]) == {"exact"}
    assert len(overlap.patients) == manifest["patient_id"].nunique()
    written = pd.read_csv(path)
    assert path.name == "overlap-copy.csv"
    assert written["image_id"].tolist() == overlap.pairs["image_id"].tolist()
    assert compare_sets(read_prepared(first), read_prepared(copy)).known is None


def test_sets_of_the_same_images_are_known_by_name() -> None:
    assert shared_images("rsna", "nih") == shared_images("nih", "rsna") is not None
    assert shared_images("nih", "nih") is None
    assert shared_images("nih", "padchest") is None
