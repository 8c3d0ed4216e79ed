"""What a source records about acquisition and reading is probed, if it does."""

import numpy as np
import pandas as pd

from placa.audit.label_quality import count_policies
from placa.audit.shortcuts import find_shortcuts

N = 240


def made(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, N)
    names = [f"{number}.png" for number in range(N)]
    manifest = pd.DataFrame(
        {"image_id": names, "path": names, "group_id": names, "view": "PA", "sex": "F", "age": 50.0}
    )
    manifest["Mass"] = pd.array(truth, dtype="Int8")
    readers = np.where(truth == 1, "R10 R8 R9", "R1 R2 R8")
    follow_up = np.where(random.random(N) < 0.9, 5 * truth, random.integers(0, 9, N))
    acquisition = pd.DataFrame({"image_id": names[::-1], "reader": readers[::-1], "follow_up": follow_up[::-1]})
    return manifest, acquisition.assign(maker="Philips")


def test_readers_and_follow_up_number_predict_a_label() -> None:
    manifest, acquisition = made()
    found = {row["probe"]: row for row in find_shortcuts(manifest, ["Mass"], None, acquisition=acquisition)["probes"]}
    assert found["reader"]["auroc"] == 1.0
    assert found["reader"]["verdict"] == "strong"
    assert (found["follow_up"]["auroc"] or 0) > 0.85
    assert found["maker"]["reason"] == {"code": "constant", "values": {}}


def test_without_records_the_probes_are_those_of_every_image() -> None:
    manifest, _ = made()
    probes = {row["probe"] for row in find_shortcuts(manifest, ["Mass"], None)["probes"]}
    assert probes == {"view_age_sex", "file", "dimensions", "histogram", "frame", "thumbnail"}


def test_labels_are_counted_under_each_policy() -> None:
    written = {"finding": "Edema", "positive": 5, "negative": 3, "uncertain": 2, "blank": 90, "unknown": 1}
    rows = count_policies({"uncertain": "unknown", "blank": "negative", "written": [written]})
    assert len(rows) == 8
    assert all(row["positive"] + row["negative"] + row["unknown"] == 101 for row in rows)
    (used,) = [row for row in rows if row["used"]]
    assert (used["positive"], used["negative"], used["unknown"]) == (5, 93, 3)
    positive = next(row for row in rows if (row["uncertain"], row["blank"]) == ("positive", "unknown"))
    assert (positive["positive"], positive["negative"], positive["unknown"]) == (7, 3, 91)
