#!/usr/bin/env bash
# Expected: kripp_alpha() of pyirr returns Krippendorff's alpha for any number of categories: 1 if the readers agree on all images.
# What happens: the disagreements are taken from the wrong cells of the coincidence matrix, except with four or five categories.
#   With two or three, agreements are counted as disagreements: two readers who agree on all of 200 images, 100 of them
#   positive, have an alpha of -0.995. With five, ordinal and interval alpha are slightly wrong. There is no
#   warning. Six or more categories raise IndexError.
# Versions: pyirr 0.84.1.2, krippendorff 0.9.0, numpy 2.4.6, pandas 3.1.1.
# Source: not documented. pyirr's docstring says "the alpha coefficient of reliability proposed by Krippendorff".
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  pyirr==0.84.1.2 krippendorff==0.9.0 numpy==2.4.6 pandas==3.1.1

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import krippendorff
import numpy as np
from pyirr import kripp_alpha

print(", ".join(f"{name} {version(name)}" for name in ("pyirr", "krippendorff", "numpy", "pandas")))


def alphas(readings, level):
    """Alpha of images x readers, by pyirr and by krippendorff."""
    return kripp_alpha(readings, level).value, krippendorff.alpha(reliability_data=readings.T, level_of_measurement=level)


rng = np.random.default_rng(0)
found = {}
for categories in (2, 3, 4, 5):
    first = np.arange(200.0) % categories
    agreeing = np.column_stack([first, first])
    often = np.column_stack([first, np.where(rng.random(200) < 0.9, first, rng.integers(0, categories, 200))])
    for name, readings in (("agree on all images", agreeing), ("often agree", often)):
        for level in ("nominal", "ordinal"):
            found[categories, name, level] = pair = alphas(readings, level)
            print(f"{categories} categories, {name}, {level}: pyirr {pair[0]:.3f}, krippendorff {pair[1]:.3f}")

off = {key: abs(ours - other) for key, (ours, other) in found.items()}
as_seen = all(size > 0.5 for (categories, _, _), size in off.items() if categories < 4)
as_seen &= all(size < 1e-9 for (categories, _, level), size in off.items() if categories == 4 or categories == 5 and level == "nominal")
as_seen &= found[2, "agree on all images", "nominal"][0] < -0.9
sys.exit(0 if as_seen else "The behaviour changed.")
PYTHON
