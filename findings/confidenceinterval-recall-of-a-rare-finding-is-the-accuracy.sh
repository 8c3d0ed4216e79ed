#!/usr/bin/env bash
# Expected: recall_score(), precision_score() and f1_score() of confidenceinterval are those of scikit-learn with an
#   interval: "the standard scikit-learn naming convention and interface".
# What happens: the default is average="micro", in scikit-learn it is "binary". Of two classes, the micro average of all
#   three is the accuracy, and so are the intervals. A model that finds none of 50 pneumonias among 1,000 images has a
#   recall of 0.95 (0.936 to 0.964). tpr_score() and average="binary" give 0; with precision and recall, "binary" needs
#   method="wilson" as well, otherwise it is an error.
# Versions: confidenceinterval 1.0.5, scikit-learn 1.9.1, numpy 2.4.6.
# Source: the README of the package on PyPI; the docstrings have "by default 'micro'".
# Needs: Python 3.11 or newer and PyPI.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check confidenceinterval==1.0.5 scikit-learn==1.9.1 numpy==2.4.6

venv/bin/python - <<'PY'
from importlib.metadata import version

import confidenceinterval
import numpy as np
from sklearn import metrics

print(*(f"{name} {version(name)}" for name in ("confidenceinterval", "scikit-learn", "numpy")))


def both(name, truth, called, **options):
    value, (lower, upper) = getattr(confidenceinterval, name)(truth, called, **options)
    theirs = getattr(metrics, name)(truth, called, zero_division=0)
    print(f"  {name:16s} {value:.3f} ({lower:.3f} to {upper:.3f}); scikit-learn {theirs:.3f}")
    return float(value), float(theirs)


truth = np.repeat([1, 0], [50, 950])
print("A model that calls no image positive:")
nothing = [both(name, truth, np.zeros(1000, int)) for name in ("recall_score", "f1_score")]

print("A model with sensitivity 0.60 and specificity 0.98:")
called = np.repeat([1, 0, 1, 0], [30, 20, 19, 931])
names = ("recall_score", "precision_score", "f1_score")
usual = [both(name, truth, called) for name in names]
print("The same with average='binary', method='wilson':")
binary = [both(name, truth, called, average="binary", method="wilson") for name in names[:2]]

as_seen = (
    np.allclose([ours for ours, _ in nothing], 0.95) and not any(theirs for _, theirs in nothing)
    and np.allclose([ours for ours, _ in usual], metrics.accuracy_score(truth, called))
    and np.allclose(*zip(*binary))
)
raise SystemExit(0 if as_seen else "The behaviour changed.")
PY
