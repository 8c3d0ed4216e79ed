#!/usr/bin/env bash
# Expected: image_dataset_from_directory() with the same validation_split and seed gives a "training" and a "validation"
#   subset without a common image, also if only the training images are shuffled.
# What happens: shuffle=True shuffles the files before they are divided, shuffle=False does not. With shuffle=False for
#   validation, so that predictions can be compared with labels, the two subsets are parts of two different orders: 84 %
#   of the validation images are training images. Their class is the last one of the alphabet alone: 0 % of the
#   validation images are normal where 50 % of the files are. There is neither an error nor a warning.
# Versions: keras 3.15.1, tensorflow-cpu 2.21.0, pillow 13.0.0, numpy 2.4.6.
# Source: the docstring says of seed "Optional random seed for shuffling and transformations", of shuffle "Whether to
#   shuffle the data. Defaults to True. If set to False, sorts the data in alphanumeric order".
# Needs: Python 3.11 to 3.13 and PyPI (274 MB for TensorFlow).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  keras==3.15.1 tensorflow-cpu==2.21.0 pillow==13.0.0 numpy==2.4.6

TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - 2>log <<'PY' || { cat log >&2; exit 1; }
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
from PIL import Image

print(*(f"{name} {version(name)}" for name in ("keras", "tensorflow-cpu", "pillow", "numpy")))
for name in ("normal", "pneumonia"):
    Path("films", name).mkdir(parents=True)
    for number in range(200):
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(f"films/{name}/{number:03}.png")


def files(subset, shuffle):
    images = keras.utils.image_dataset_from_directory(
        "films", validation_split=0.2, subset=subset, seed=1, shuffle=shuffle, color_mode="grayscale", verbose=False
    )
    return {str(Path(path).relative_to("films")) for path in images.file_paths}


training = files("training", shuffle=True)
seen = {}
for shuffle in (True, False):
    validation = files("validation", shuffle)
    shared = len(validation & training) / len(validation)
    normal = sum(path.startswith("normal") for path in validation) / len(validation)
    seen[shuffle] = shared, normal
    print(f"  {len(training)} training images; {len(validation)} validation images with shuffle={shuffle}:")
    print(f"    {shared:.0%} of them are training images, {normal:.0%} are normal")

as_seen = seen[True][0] == 0 and seen[False][0] > 0.7 and seen[False][1] == 0
raise SystemExit(0 if as_seen else "The behaviour changed.")
PY
