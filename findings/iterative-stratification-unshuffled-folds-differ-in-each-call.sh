#!/usr/bin/env bash
# Expected: MultilabelStratifiedKFold(5) with its defaults (shuffle=False, random_state=None) makes the same folds each
#   time, as scikit-learn's KFold and StratifiedKFold do.
# What happens: ties are broken at random without a seed, so each call makes other folds. A cluster job per fold, or a
#   second call to evaluate, shares about 20 % of a test fold with the first: images of the test fold were in
#   training. random_state=0 with shuffle=False is an error; shuffle=True with random_state=0 avoids this.
# Versions: iterative-stratification 0.1.9, scikit-learn 1.9.1.
# Source: the docstring says that ties are broken at random and that random_state is always used. Its own example,
#   random_state=0 without shuffle=True, raises an error with this scikit-learn.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  iterative-stratification==0.1.9 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold
from sklearn.model_selection import KFold, StratifiedKFold

print(f"iterative-stratification {version('iterative-stratification')}, scikit-learn {version('scikit-learn')}")

findings = (np.random.default_rng(0).random((300, 5)) < 0.2).astype(int)


def shared(splitter, labels):
    """Share of the test folds of a first call that the same folds of a second call hold."""
    first, second = ([set(test) for _, test in splitter.split(findings, labels)] for _ in range(2))
    return sum(len(one & other) for one, other in zip(first, second)) / len(findings)


found = {
    "KFold(5)": shared(KFold(5), None),
    "StratifiedKFold(5)": shared(StratifiedKFold(5), findings[:, 0]),
    "MultilabelStratifiedKFold(n_splits=5)": shared(MultilabelStratifiedKFold(n_splits=5), findings),
    "the same with shuffle=True, random_state=0": shared(
        MultilabelStratifiedKFold(n_splits=5, shuffle=True, random_state=0), findings
    ),
}
for name, share in found.items():
    print(f"{name}: two calls share {share:.0%} of their test folds")

unshuffled = found.pop("MultilabelStratifiedKFold(n_splits=5)")
sys.exit(0 if unshuffled < 0.5 and all(share == 1 for share in found.values()) else "The behaviour changed.")
PYTHON
