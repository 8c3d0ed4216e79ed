"""Leak 3: slices of the same scan in training and test.

Class folders of CT slices do not identify the patients, but neighbouring slices of a scan are nearly identical. A
nearest neighbour can only recognise similar slices, so its accuracy measures recognition. This script compares three
splits: random slices, blocks of neighbouring file numbers, and the groups that placa finds.

    python examples/leaks/slices_as_strangers.py CT COVID
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier

from placa.dataset.groups.group_images import group_images
from placa.dataset.pixel_cache import decode
from placa.sources.folders import read_folders

BLOCK = 25


def accuracy(pixels: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> float:
    """Compute the accuracy of a nearest neighbour in five-fold cross-validation by group, averaged over ten seeds."""
    rows = pixels.reshape(len(pixels), -1).astype("float32")
    right = []
    for seed in range(10):
        for learn, test in StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(rows, truth, groups):
            neighbour = KNeighborsClassifier(1).fit(rows[learn], truth[learn])
            right.append(float((neighbour.predict(rows[test]) == truth[test]).mean()))
    return float(np.mean(right))


def blocks_of(paths: list[str]) -> np.ndarray:
    """Assign each file to a block of `BLOCK` consecutive files of its folder, in the order of `paths`."""
    folders = np.array([Path(path).parent.name for path in paths])
    places = np.concatenate([np.arange((folders == name).sum()) for name in dict.fromkeys(folders)])
    return np.array([f"{name} {place // BLOCK}" for name, place in zip(folders, places, strict=True)])


def main(root: Path, positive: str) -> None:
    images = read_folders(root, positive).images
    paths = images["path"].tolist()
    pixels = np.stack([levels[0] for levels, _ in decode(paths, 96)])
    small = pixels[:, ::2, ::2]
    truth = images[positive].to_numpy(int)
    found, grouping = group_images(paths, pixels)
    print(f"{len(images)} slices, {truth.mean():.0%} of them {positive}; accuracy of a nearest neighbour")
    print(f"random slices                      {accuracy(small, truth, np.arange(len(images))):.3f}")
    print(f"blocks of {BLOCK} neighbouring slices    {accuracy(small, truth, blocks_of(paths)):.3f}")
    print(f"the {grouping['groups']} groups found by placa        {accuracy(small, truth, found):.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
