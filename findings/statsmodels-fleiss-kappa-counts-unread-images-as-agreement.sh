#!/usr/bin/env bash
# Expected: a reading that is missing (NaN) is left out of Fleiss' kappa, or raises an error.
# What happens: statsmodels' aggregate_raters() counts NaN as one more category. On images that no reader read, all
#   readers "agree" on it: kappa of readers who guess rises from about 0 to more than 0.5, without a warning.
# Versions: statsmodels 0.15.0, numpy 2.4.6.
# Source: not documented. The documentation says that an error is raised if the data cannot be converted to integers.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import statsmodels
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

print(f"statsmodels {statsmodels.__version__}, numpy {np.__version__}")

rng = np.random.default_rng(0)
read = rng.integers(0, 2, (600, 3)).astype(float)
unread = np.full((300, 3), np.nan)

counts, categories = aggregate_raters(read)
of_the_read = fleiss_kappa(counts)
print(f"600 images, three readers who guess: categories {categories}, kappa {of_the_read:.3f}")

counts, categories = aggregate_raters(np.vstack([read, unread]))
of_all = fleiss_kappa(counts)
print(f"and 300 images that nobody read:     categories {categories}, kappa {of_all:.3f}")

expected = abs(of_the_read) < 0.1 and of_all > 0.4 and np.isnan(categories).sum() == 1
sys.exit(0 if expected else "The behaviour changed.")
PYTHON
