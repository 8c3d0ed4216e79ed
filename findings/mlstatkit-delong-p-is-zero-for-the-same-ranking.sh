#!/usr/bin/env bash
# Expected: DeLong's test of a model before and after recalibration has p = 1: both rank the images in the same order,
#   and both AUROCs are equal. Or the test is undefined.
# What happens: p = 0. The variance of the difference is 0, so Delong_test() uses a bootstrap; each of its differences
#   is 0, and so is the p-value. info["messages"] is empty. A third model whose scores differ by a little has p = 0.36.
#   pROC 1.18.0 of R gives p = 1 for such a pair.
# Versions: MLstatkit 0.1.91, numpy 2.4.6, scikit-learn 1.9.1.
# Source: the docstring of Delong_test() describes the bootstrap where the variance is not positive. It does not say
#   which p-value follows.
# Needs: Python 3.11 or newer and PyPI.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check MLstatkit==0.1.91 numpy==2.4.6 scikit-learn==1.9.1

venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
from MLstatkit import Delong_test
from sklearn.metrics import roc_auc_score

print(*(f"{name} {version(name)}" for name in ("MLstatkit", "numpy", "scikit-learn")))
random = np.random.default_rng(0)
truth = random.binomial(1, 0.3, 400)
logit = 2 * truth - 1 + random.normal(size=400)


def probability(logit):
    return 1 / (1 + np.exp(-logit))


def compare(name, other):
    before = probability(logit)
    z, p, *_, info = Delong_test(truth, before, other, random_state=0, n_boot=1000)
    areas = roc_auc_score(truth, before), roc_auc_score(truth, other)
    print(f"{name}: AUROC {areas[0]:.4f} and {areas[1]:.4f}, z = {z:.3f}, p = {p:.3f}, {info['method']}, {info['messages']}")
    return areas, z, p


same, z, p = compare("recalibrated (slope 0.7, intercept -0.4)", probability(0.7 * logit - 0.4))
twice, z_twice, p_twice = compare("the same probabilities                  ", probability(logit))
_, _, p_noise = compare("with a little noise                     ", probability(logit + random.normal(0, 0.1, 400)))
as_seen = same[0] == same[1] and z == z_twice == 0 and p == p_twice == 0 and p_noise > 0.05
raise SystemExit(0 if as_seen else "The behaviour changed.")
PY
