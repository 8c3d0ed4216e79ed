#!/usr/bin/env bash
# Expected: the p-value of mlxtend's proportion_difference() is that of the usual two-sided test, and does not depend on
#   which sensitivity comes first.
# What happens: it is the probability of a smaller z: 0.999 if the better model comes first ("no difference"), 0.001 if it
#   comes second. The two-sided value is 0.002.
# Versions: mlxtend 0.25.0, statsmodels 0.15.0 for comparison.
# Source: the docstring says "the p-value" and does not mention the side.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check mlxtend==0.25.0 statsmodels==0.15.0

"$work/venv/bin/python" - <<'PYTHON'
import sys

import mlxtend
import statsmodels
from mlxtend.evaluate import proportion_difference
from statsmodels.stats.proportion import test_proportions_2indep

print(f"mlxtend {mlxtend.__version__}, statsmodels {statsmodels.__version__}")

_, better_first = proportion_difference(0.90, 0.80, n_1=230, n_2=230)
_, better_second = proportion_difference(0.80, 0.90, n_1=230, n_2=230)
two_sided = test_proportions_2indep(207, 230, 184, 230, method="wald", correction=False).pvalue
print(f"sensitivity 0.90 against 0.80: p = {better_first:.4f}")
print(f"sensitivity 0.80 against 0.90: p = {better_second:.4f}")
print(f"two-sided, statsmodels:        p = {two_sided:.4f}")

expected = better_first > 0.99 and better_second < 0.01 and abs(better_second * 2 - two_sided) < 1e-6
sys.exit(0 if expected else "The behaviour changed.")
PYTHON
