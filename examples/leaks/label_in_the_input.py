"""Leak 1: the label is one of the inputs.

The notebook that placa is based on built a matrix with one row per image and 100 x 100 grey levels. It added the label
as the first column and did not remove it. The network was trained on 10,001 numbers, and one of them was the label.
This script trains the same dense network with and without this column, on the same patient-wise folds.

    python examples/leaks/label_in_the_input.py NIH FINDING
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from placa.core.backend import load_keras
from placa.dataset.pixel_cache import decode
from placa.sources.nih import read_nih

SIDE = 48
EPOCHS = 60


def network(inputs: int):
    """Build a dense network like the one of the notebook."""
    keras = load_keras()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-4), loss="binary_crossentropy")
    return model


def predict_in_folds(columns: np.ndarray, truth: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Predict each image with a network that was trained on the patients of the other four folds."""
    scores = np.zeros(len(truth))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for fold, (learn, test) in enumerate(folds.split(columns, truth, patients)):
        load_keras().utils.set_random_seed(fold)
        model = network(columns.shape[1])
        model.fit(columns[learn], truth[learn], epochs=EPOCHS, batch_size=32, verbose=0)
        scores[test] = np.asarray(model(columns[test]))[:, 0]
    return scores


def auroc(columns: np.ndarray, truth: np.ndarray, patients: np.ndarray) -> float:
    """Compute the AUROC of the pooled predictions of five patient-wise folds."""
    return float(roc_auc_score(truth, predict_in_folds(columns, truth, patients)))


def main(root: Path, finding: str) -> None:
    images = read_nih(root, finding).images
    grey = np.stack([levels[0] for levels, _ in decode(images["path"].tolist(), SIDE)]).reshape(len(images), -1)
    truth = images[finding].to_numpy(int)
    patients = images["patient_id"].astype(str).to_numpy()
    pixels = grey.astype("float32") / 127.5 - 1
    leaking = np.column_stack([truth.astype("float32"), pixels])
    print(f"{len(images)} images of {len(set(patients))} patients, five patient-wise folds")
    print(f"with the label in the input     AUROC {auroc(leaking, truth, patients):.3f}")
    print(f"without the label in the input  AUROC {auroc(pixels, truth, patients):.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
