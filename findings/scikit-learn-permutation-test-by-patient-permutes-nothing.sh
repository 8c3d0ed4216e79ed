#!/usr/bin/env bash
# Expected: permutation_test_score(groups=patients, cv=GroupKFold()) permutes labels between patients, so a model with a
#   high AUROC has a small p-value.
# What happens: the argument that keeps patients in one fold also restricts the permutation: labels are permuted within
#   each patient only. If all images of a patient have the same label, nothing changes, every permutation has the score
#   of the model, and p is 1.0 for any model.
# Versions: scikit-learn 1.9.1.
# Source: the documentation of `groups` says that labels are permuted within groups, not what that means for patients.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score, permutation_test_score

print(f"scikit-learn {sklearn.__version__}")

rng = np.random.default_rng(0)
patients = np.repeat(np.arange(60), 2)
labels = patients % 2
features = (labels + rng.normal(0, 0.5, labels.size)).reshape(-1, 1)

score, permuted, p = permutation_test_score(
    LogisticRegression(), features, labels, groups=patients, cv=GroupKFold(5),
    scoring="roc_auc", n_permutations=99, random_state=0,
)
print(f"groups=patients: AUROC {score:.3f}, permuted {permuted.min():.3f} to {permuted.max():.3f}, p = {p:.2f}")

# One label per patient, permuted between patients: the test that was meant.
by_patient = labels.reshape(60, 2)[:, 0]
folds = list(GroupKFold(5).split(features, labels, patients))


def auroc(targets):
    return cross_val_score(LogisticRegression(), features, targets, cv=folds, scoring="roc_auc").mean()


null = np.array([auroc(np.repeat(rng.permutation(by_patient), 2)) for _ in range(99)])
p_between = (1 + (null >= score).sum()) / 100
print(f"between patients: permuted {null.min():.3f} to {null.max():.3f}, p = {p_between:.2f}")

expected = score > 0.9 and np.all(permuted == score) and p == 1.0 and p_between < 0.05
sys.exit(0 if expected else "The behaviour changed.")
PYTHON
