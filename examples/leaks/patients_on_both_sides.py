"""Leak 2: the same patient in training and test.

NIH's table contains 112,120 images of 30,805 patients. After a random split by image, most test images share a patient
with training. After a split by patient, none do. This script needs only the table.

    python examples/leaks/patients_on_both_sides.py NIH/Data_Entry_2017_v2020.csv
"""

import sys
from pathlib import Path

import numpy as np

from placa.sources.nih.tables import read_entries


def shared(patients: np.ndarray, test: np.ndarray) -> float:
    """Compute the proportion of test images whose patient is also in training."""
    return float(np.isin(patients[test], patients[~test]).mean())


def assign_test_images(patients: np.ndarray) -> dict[str, np.ndarray]:
    """Select the test images: a fifth of the images, or all images of a fifth of the patients."""
    random = np.random.default_rng(0)
    by_image = np.zeros(len(patients), dtype=bool)
    by_image[random.permutation(len(patients))[: len(patients) // 5]] = True
    everyone = np.unique(patients)
    by_patient = np.isin(patients, random.choice(everyone, len(everyone) // 5, replace=False))
    return {"by_image": by_image, "by_patient": by_patient}


def main(table: Path) -> None:
    patients = read_entries(table).table["patient_id"].to_numpy(str)
    share = {way: shared(patients, test) for way, test in assign_test_images(patients).items()}
    print(f"{len(patients):,} images of {len(np.unique(patients)):,} patients, 20% for testing")
    print(f"split by image    {share['by_image']:6.1%} of the test images share a patient with training")
    print(f"split by patient  {share['by_patient']:6.1%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
