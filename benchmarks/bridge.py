"""100,000 rows of predictions to R, by placa's converter and by rpy2's own for pandas, the median of five pairs."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from placa.core.errors import PlacaError
from placa.evaluation.bridge import start_r
from placa.evaluation.r_frames import to_r

ROWS, PAIRS = 100_000, 5


def predictions() -> pd.DataFrame:
    """Invent predictions: one row an image, about three images a patient, all columns of predictions.parquet."""
    random = np.random.default_rng(1)
    number = pd.Series(np.arange(ROWS))
    patient = (number // 3).astype("string")
    return pd.DataFrame(
        {
            "image_id": "imagen-" + number.astype("string") + ".png",
            "patient_id": patient,
            "group_id": patient,
            "split": pd.Series(random.choice(["train", "validation", "test"], ROWS), dtype="string"),
            "finding": pd.Series(["Neumonía"] * ROWS, dtype="string"),
            "truth": pd.Series(random.integers(0, 2, ROWS), dtype="Int8").mask(random.random(ROWS) < 0.1),
            "probability": random.random(ROWS),
            "score": random.random(ROWS),
            "sex": pd.Series(random.choice(["F", "M"], ROWS), dtype="string").mask(random.random(ROWS) < 0.1),
            "age": random.integers(0, 90, ROWS).astype("float64"),
            "view": pd.Series(random.choice(["PA", "AP"], ROWS), dtype="string"),
            "site": pd.Series([None] * ROWS, dtype="string"),
        }
    )


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def main() -> None:
    """Print the row of the table."""
    start_r()
    import rpy2.robjects as robjects
    from rpy2.robjects import pandas2ri

    converter = robjects.default_converter + pandas2ri.converter

    def by_rpy2(frame: pd.DataFrame) -> Any:
        with converter.context():
            return converter.py2rpy(frame)

    frame = predictions()
    pairs = [(seconds(lambda: to_r(frame)), seconds(lambda: by_rpy2(frame))) for _ in range(PAIRS)]
    ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratios = [other / own for own, other in pairs]
    print(
        f"| {ROWS:,} rows of predictions to R | {ours:.2f} s | {theirs:.2f} s (rpy2's own) "
        f"| {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}) |",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except PlacaError as reason:
        print(f"the bridge's benchmark was skipped: {reason}", file=sys.stderr)
