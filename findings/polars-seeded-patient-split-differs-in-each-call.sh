#!/usr/bin/env bash
# Expected: images["patient_id"].unique().sample(fraction=0.2, seed=0) draws the same patients each time.
# What happens: the order of unique() and group_by() changes from call to call, and the seed fixes positions, not patients.
#   Two calls share about 20 % of their patients, as by chance. A test set that is drawn again for evaluation
#   holds mostly patients of the training set. unique(maintain_order=True) avoids this.
# Versions: polars 2.1.0.
# Source: polars documents that unique() does not keep the order. It does not mention what that does to a seed.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0

"$work/venv/bin/python" - <<'PYTHON'
import sys

import polars as pl

print(f"polars {pl.__version__}")

images = pl.DataFrame({"patient_id": [f"p{number % 5000}" for number in range(50000)]})
ways = {
    "unique()": lambda: images["patient_id"].unique(),
    "group_by().len()": lambda: images.group_by("patient_id").len()["patient_id"],
    "unique(maintain_order=True)": lambda: images["patient_id"].unique(maintain_order=True),
}
shared = {}
for name, patients in ways.items():
    first, second = (set(patients().sample(fraction=0.2, seed=0)) for _ in range(2))
    shared[name] = len(first & second) / len(first)
    print(f"{name}: two test sets of {len(first)} patients share {shared[name]:.0%}")

unordered = max(shared["unique()"], shared["group_by().len()"])
expected = unordered < 0.9 and shared["unique(maintain_order=True)"] == 1
sys.exit(0 if expected else "The behaviour changed.")
PYTHON
