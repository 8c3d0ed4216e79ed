#!/usr/bin/env bash
# Expected: cohen_kappa_score(weights="quadratic") of the grades 0, 1, 2, 3 uses the distance between the grades, so
#   1 against 3 is a disagreement of two grades.
# What happens: the distance is counted in the grades that occur. If no reader uses grade 2, then 1 and 3 are neighbours,
#   and the agreement is too high (0.88, not 0.78), without a warning. Two hospitals with the same readings of 0, 1 and 3
#   have different kappas if one of them has a single image of grade 2. labels=[0, 1, 2, 3] avoids this.
# Versions: scikit-learn 1.9.1.
# Source: the documentation says that `labels` defaults to those that occur, not that the weights depend on them.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import sklearn
from sklearn.metrics import cohen_kappa_score

print(f"scikit-learn {sklearn.__version__}")

first = np.array([0] * 30 + [1] * 20 + [3] * 10 + [1] * 5 + [3] * 5)
second = np.array([0] * 30 + [1] * 20 + [3] * 10 + [3] * 5 + [1] * 5)
found = cohen_kappa_score(first, second, weights="quadratic")
meant = cohen_kappa_score(first, second, weights="quadratic", labels=[0, 1, 2, 3])
one_more = cohen_kappa_score(np.append(first, 2), np.append(second, 2), weights="quadratic")

chance = ((first[:, None] - second[None, :]) ** 2).mean()
by_hand = 1 - ((first - second) ** 2).mean() / chance
print(f"no image of grade 2:      {found:.3f}")
print(f"one image of grade 2:     {one_more:.3f}")
print(f"labels=[0, 1, 2, 3]:      {meant:.3f}")
print(f"by hand, from the grades: {by_hand:.3f}")

expected = found > by_hand + 0.05 and np.isclose(meant, by_hand) and abs(one_more - by_hand) < 0.01
sys.exit(0 if expected else "The behaviour changed.")
PYTHON
