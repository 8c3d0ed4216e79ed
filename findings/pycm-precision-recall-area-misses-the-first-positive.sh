#!/usr/bin/env bash
# Expected: the area under PyCM's precision-recall curve is 1.0 if all positive images rank above all others.
# What happens: the curve starts at the recall of the highest-ranked image, not at 0. The missing part of the area
#   counts as zero. The area of a perfect ranking is 1 - 1/positives: 0.80 for five positive images, 0.50 for two,
#   0.00 for one. Rare findings look worse than they are, and two test sets of different size cannot be compared.
#   There is no warning.
# Versions: PyCM 4.6, scikit-learn 1.9.1 for comparison.
# Source: not documented.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pycm==4.6 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

import numpy as np
from pycm import PRCurve, ROCCurve
from sklearn.metrics import average_precision_score

print(f"PyCM {version('pycm')}, scikit-learn {version('scikit-learn')}")
warnings.simplefilter("error")

as_seen = []
for positives in (1, 2, 5, 50):
    truth = np.repeat([1, 0], [positives, 200])
    probability = np.linspace(0.95, 0.05, truth.size)
    both = np.column_stack([1 - probability, probability])
    area = PRCurve(truth, both, classes=[0, 1]).area()[1]
    roc = ROCCurve(truth, both, classes=[0, 1]).area()[1]
    by_scikit_learn = average_precision_score(truth, probability)
    print(f"perfect ranking of {positives} positives: PyCM {area:.3f} (ROC {roc:.3f}), scikit-learn {by_scikit_learn:.3f}")
    as_seen.append(np.isclose(area, 1 - 1 / positives) and by_scikit_learn == 1)

sys.exit(0 if all(as_seen) else "The behaviour changed.")
PYTHON
