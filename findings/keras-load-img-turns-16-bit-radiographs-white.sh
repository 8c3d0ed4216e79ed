#!/usr/bin/env bash
# Expected: load_img() reads an image with the grey levels that image_dataset_from_directory() has for the same file, so
#   that a network is trained and used on the same pixels.
# What happens: of a 16-bit PNG, load_img(color_mode="rgb") clips every grey level above 255 to 255: 99.6 % of the
#   pixels of a ramp over all levels are white. color_mode="grayscale" returns 0 to 65535, and
#   image_dataset_from_directory() in both modes divides by 256. There is neither an error nor a warning.
# Versions: keras 3.15.1, tensorflow-cpu 2.21.0, pillow 13.0.0, numpy 2.4.6.
# Source: the guides of Keras train with image_dataset_from_directory() and predict with load_img(); its docstring says
#   "the desired image format" of color_mode.
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
# A radiograph of 16 bits; every grey level is in it once.
levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
for name in ("normal", "pneumonia"):
    Path("films", name).mkdir(parents=True)
    Image.fromarray(levels).save(f"films/{name}/film.png")

seen = {}
for mode in ("rgb", "grayscale"):
    trained = keras.utils.image_dataset_from_directory("films", color_mode=mode, shuffle=False, verbose=False)
    used = keras.utils.load_img("films/normal/film.png", color_mode=mode)
    for name, pixels in (
        ("image_dataset_from_directory", next(iter(trained))[0].numpy()[0]),
        ("load_img", keras.utils.img_to_array(used)),
    ):
        highest, white = pixels.max(), (pixels == 255).mean()
        seen[name, mode] = [float(pixels.mean()), float(highest), float(white)]
        print(f"  {name:29s} {mode:10s} mean {pixels.mean():8.1f}, highest {highest:6.0f}, equal to 255: {white:.1%}")

as_seen = (
    seen["load_img", "rgb"][2] > 0.99
    and seen["load_img", "grayscale"][1] == 65535
    and all(abs(seen["image_dataset_from_directory", mode][0] - 127.5) < 1 for mode in ("rgb", "grayscale"))
)
raise SystemExit(0 if as_seen else "The behaviour changed.")
PY
