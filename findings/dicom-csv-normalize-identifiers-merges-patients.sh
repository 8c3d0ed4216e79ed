#!/usr/bin/env bash
# Expected: normalize_identifiers() of dicom-csv "converts PatientID to str" and changes nothing else.
# What happens: it converts each id to a float, then to an integer, then to text. "007", "7" and "7.5" become "7"; "1_2"
#   becomes "12"; "1E3" becomes "1000"; ids of 17 digits that differ in the last one become the same. Patients merge
#   without a warning.
# Versions: dicom-csv 0.5.1, pandas 2.3.3.
# Source: the documentation says "Converts PatientID to str". It does not mention the numbers.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check dicom-csv==0.5.1 pandas==2.3.3

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import pandas as pd
from dicom_csv import normalize_identifiers

print(f"dicom-csv {version('dicom-csv')}, pandas {pd.__version__}")

pairs = [
    ("7", "007"), ("7", "7.5"), ("12", "1_2"), ("1000", "1E3"), ("12345678901234567", "12345678901234568"),
]
merged = 0
for pair in pairs:
    found = normalize_identifiers(pd.DataFrame({"PatientID": list(pair)})).PatientID.tolist()
    print(f"patients {pair[0]} and {pair[1]} become {found[0]} and {found[1]}")
    merged += found[0] == found[1]

sys.exit(0 if merged == len(pairs) else "The behaviour changed.")
PYTHON
