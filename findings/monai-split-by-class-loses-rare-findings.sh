#!/usr/bin/env bash
# Expected: partition_dataset_classes() of MONAI with ratios 0.7, 0.15, 0.15 puts each image in one part
#   and keeps the share of each class.
# What happens: the number of images is rounded for each class and part. Of three positive images two are in training, none
#   in validation, none in test, and one is in no part. With 30 classes of three images (site by finding), 30 of 90
#   images are lost and validation and test are empty. There is no warning.
# Versions: MONAI 1.6.1, torch 2.13.0 (a large download).
# Source: not documented. The examples of the documentation lose no image.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check monai==1.6.1 torch==2.13.0 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import monai
import torch
from monai.data import partition_dataset_classes

print(f"MONAI {monai.__version__}, torch {torch.__version__}")
warnings.simplefilter("error")


def split(classes, positive=None):
    """Sizes of training, validation and test, or those of one class."""
    parts = partition_dataset_classes(
        list(range(len(classes))), classes, ratios=[0.7, 0.15, 0.15], shuffle=True, seed=0
    )
    return [sum(positive is None or classes[image] == positive for image in part) for part in parts]


rare = [0] * 97 + [1] * 3
images, positives = split(rare), split(rare, positive=1)
print(f"100 images, 3 positive:    parts {images} hold {sum(images)} images; positives {positives}")
by_site = split([number // 3 for number in range(90)])
print(f"30 classes of three images: parts {by_site} hold {sum(by_site)} of 90 images")

as_seen = sum(images) == 99 and positives == [2, 0, 0] and by_site == [60, 0, 0]
sys.exit(0 if as_seen else "The behaviour changed.")
PYTHON
