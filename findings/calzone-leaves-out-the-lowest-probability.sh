#!/usr/bin/env bash
# Expected: the calibration errors and the Hosmer-Lemeshow test of calzone use all images.
# What happens: each bin leaves out its lower edge. With bins of equal counts (ECE-C, MCE-C, HL-C) the lowest edge is the lowest
#   probability, and all images with that probability are in no bin. With bins of equal width (ECE-H, MCE-H, HL-H) it is 0,
#   as in probabilities rounded to two decimals. A model that gives 800 of 1,000 images, 200 positive ones
#   among them, the probability 0 has a calibration error of 0.000 where 0.200 is right.
# Versions: calzone-tool 0.1.0, numpy 2.4.6, scipy 1.17.1.
# Source: not documented.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  calzone-tool==0.1.0 numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from calzone.metrics import CalibrationMetrics
from calzone.utils import reliability_diagram

print(", ".join(f"{name} {version(name)}" for name in ("calzone-tool", "numpy", "scipy")))


def errors(groups):
    """Calibration errors of groups of (images, positive images, probability): of calzone, and computed per group."""
    truth = np.concatenate([np.repeat([1, 0], [positive, images - positive]) for images, positive, _ in groups])
    probability = np.concatenate([np.full(images, value) for images, _, value in groups])
    both = np.column_stack([1 - probability, probability])
    found = CalibrationMetrics(class_to_calculate=1).calculate_metrics(truth, both, ["ECE-H", "ECE-C"])
    used = [
        int(reliability_diagram(truth, both, class_to_plot=1, is_equal_freq=counts)[3].sum()) for counts in (False, True)
    ]
    right = sum(abs(positive - images * value) for images, positive, value in groups) / len(truth)
    return found["ECE-H"], found["ECE-C"], used, right


calibrated = [(100, 55, 0.55), (40, 30, 0.75), (60, 57, 0.95)]
as_seen = True
for lowest in (0.00, 0.01):
    equal_width, equal_counts, used, right = errors([(800, 200, lowest), *calibrated])
    print(f"800 images (200 positive) with probability {lowest:.2f}, 200 calibrated ones: error by hand {right:.3f}")
    print(f"  bins of equal width  (ECE-H): {equal_width:.3f} from {used[0]} of 1000 images")
    print(f"  bins of equal counts (ECE-C): {equal_counts:.3f} from {used[1]} of 1000 images")
    as_seen &= right > 0.19 and equal_counts < 0.001 and used[1] == 200
    as_seen &= (equal_width < 0.001 and used[0] == 200) if lowest == 0 else (equal_width > 0.19 and used[0] == 1000)

sys.exit(0 if as_seen else "The behaviour changed.")
PYTHON
