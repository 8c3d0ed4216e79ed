"""Leak 4: the file reveals the label.

This script predicts the label from the file size alone. It does not decode the image.

    python examples/leaks/file_size.py NIH FINDING
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from placa.sources.nih import read_nih


def main(root: Path, finding: str) -> None:
    images = read_nih(root, finding).images
    size = np.array([Path(path).stat().st_size for path in images["path"]])
    truth = images[finding].to_numpy(int)
    auroc = float(roc_auc_score(truth, size))
    print(
        f"{len(images)} images; median file {np.median(size[truth == 1]) / 1024:.0f} KiB with {finding}, "
        f"{np.median(size[truth == 0]) / 1024:.0f} KiB without"
    )
    print(f"AUROC of the file size alone {max(auroc, 1 - auroc):.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
