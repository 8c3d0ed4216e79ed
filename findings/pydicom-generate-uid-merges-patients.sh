#!/usr/bin/env bash
# Expected: pydicom's generate_uid(entropy_srcs=[patient, study]) gives each pair of patient and study a UID of its own.
# What happens: the strings are joined without a separator before they are hashed. Patient "1" with study "12" and
#   patient "11" with study "2" get the same UID. The studies of two patients become one study, without a warning.
# Versions: pydicom 3.0.2.
# Source: the documentation says "a SHA512 hash of the supplied list". It does not mention the joining.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pydicom==3.0.2

"$work/venv/bin/python" - <<'PYTHON'
import sys

import pydicom
from pydicom.uid import generate_uid

print(f"pydicom {pydicom.__version__}")

first = generate_uid(entropy_srcs=["1", "12"])
second = generate_uid(entropy_srcs=["11", "2"])
print(f"patient 1,  study 12: {first}")
print(f"patient 11, study 2:  {second}")

# A separator inside the strings keeps the pairs apart.
pairs = [(str(patient), str(study)) for patient in range(1, 101) for study in range(1, 101)]
as_documented = {generate_uid(entropy_srcs=list(pair)) for pair in pairs}
with_separator = {generate_uid(entropy_srcs=["|".join(pair)]) for pair in pairs}
print(f"{len(pairs)} studies of 100 patients: {len(as_documented)} UIDs, {len(with_separator)} with a separator")

expected = first == second and len(as_documented) < len(pairs) and len(with_separator) == len(pairs)
sys.exit(0 if expected else "The behaviour changed.")
PYTHON
