#!/usr/bin/env bash
# Expected: dca() of Python's dcurves leaves out images without a probability, or raises an error.
# What happens: an image whose probability is missing counts as one that the model would not treat, at every threshold, and stays in
#   the number of images. If a model has predicted half of the images, its net benefit is about half of that on these images,
#   while "treat all" has all images. No message, and the column n says 1,000.
# Versions: dcurves 1.1.7, pandas and numpy as printed.
# Source: the documentation of dca() does not mention missing values.
# Needs: Python 3.11 or newer and PyPI.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check dcurves==1.1.7
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from dcurves import dca

print(*(f"{name} {version(name)}" for name in ("dcurves", "pandas", "numpy")))

# 1,000 radiographs, 200 with pneumonia; then every second one of each class has no probability.
random = np.random.default_rng(0)
truth = np.repeat([1, 0], [200, 800])
images = pd.DataFrame({"pneumonia": truth, "probability": np.clip(random.beta(2, 6, 1000) + 0.3 * truth, 0, 1)})
half = images.assign(probability=images["probability"].where(np.arange(1000) % 2 == 0))


def net_benefit(table, threshold=0.2):
    """Return the net benefit of the model, of treating all, and the number of images."""
    found = dca(data=table, outcome="pneumonia", modelnames=["probability"], thresholds=[threshold])
    rows = found.set_index("model")
    return float(rows.loc["probability", "net_benefit"]), float(rows.loc["all", "net_benefit"]), int(rows["n"].iloc[0])


everything, missing, known = net_benefit(images), net_benefit(half), net_benefit(half.dropna())
for name, (model, treat_all, n) in (
    ("all predicted", everything), ("half predicted", missing), ("the predicted half alone", known)
):
    print(f"{name}: model {model:.4f}, treat all {treat_all:.4f}, n {n}")

# By hand: true positives less weighted false positives among the predicted images, over all images.
called = half["probability"] >= 0.2
by_hand = ((called & (truth == 1)).sum() - 0.25 * (called & (truth == 0)).sum()) / 1000
as_seen = np.isclose(missing[0], by_hand) and np.isclose(missing[0], known[0] / 2) and missing[2] == 1000
raise SystemExit(0 if as_seen else "The behaviour changed.")
PY
