"""Memory and time of a head on the embeddings of 112,120 images (768 numbers, fourteen findings); head or `small`.

    .venv/bin/python benchmarks/embeddings.py [IMAGES] [EPOCHS]
    .venv/bin/python benchmarks/embeddings.py --head ENCODER.onnx PREPARED [ELSEWHERE]

Random embeddings are written to a temporary file. Keras is warmed up on a few of them, so that the increase of the
resident memory is that of reading the file and of training.

With --head: time of all cores, and AUROC on the test images of PREPARED and on ELSEWHERE, of one pass of an encoder
with a head on its embeddings, and of `small` on the same images. Training is complete, with the predictions of the run.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from placa.core.progress import SILENT
from placa.dataset.embeddings import Embeddings, read_embeddings
from placa.records.reading import STRETCH
from placa.training.data import TrainingData
from placa.training.embedding_options import suited_to_embeddings
from placa.training.fitting import fit_network
from placa.training.options import TrainOptions

LENGTH, FINDINGS, BLOCK = 768, 14, 4096
PROVENANCE = {
    "library": "benchmark",
    "version": "1",
    "checkpoint": f"sha256:{'0' * 64}",
    "input_size": "224",
    "resize": "none",
    "dtype": "float32",
    "backend": "none",
}


def peak() -> float:
    """Return the largest resident memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write(path: Path, images: int) -> None:
    """Write random embeddings, block by block."""
    kind = pa.list_(pa.float32(), LENGTH)
    schema = pa.schema([("image_id", pa.string()), ("embedding", kind)])
    random = np.random.default_rng(0)
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, images, BLOCK):
            n = min(BLOCK, images - start)
            numbers = pa.array(random.standard_normal((n, LENGTH), dtype=np.float32).ravel())
            names = pa.array([f"{start + row:08d}.png" for row in range(n)])
            writer.write_table(pa.table([names, pa.FixedSizeListArray.from_arrays(numbers, LENGTH)], schema=schema))


def fit(embeddings: Embeddings, images: int, epochs: int) -> float:
    """Train a linear head on 70 % of the images; return the seconds per epoch."""
    truth = (np.random.default_rng(1).random((images, FINDINGS)) < 0.1).astype(np.float32)
    data = TrainingData(
        Path("."), pd.DataFrame(), pd.DataFrame(), Mock(), truth, [f"F{i}" for i in range(FINDINGS)], STRETCH, Mock(),
        embeddings,
    )  # fmt: skip
    rows = np.random.default_rng(2).permutation(images)
    part = int(0.7 * images)
    options = suited_to_embeddings(TrainOptions(epochs=epochs, patience=epochs), part)
    start = time.perf_counter()
    fit_network(data, np.sort(rows[:part]), np.sort(rows[part : part + images * 15 // 100]), options, SILENT)
    return (time.perf_counter() - start) / epochs


def compare(encoder: Path, prepared: Path, elsewhere: Path | None) -> None:
    """Print a row for the embeddings, one for the head, and one for `small`."""
    from placa.inference.embed import embed
    from placa.inference.encoder import open_encoder

    sets = [prepared, elsewhere] if elsewhere else [prepared]
    print("| | seconds of all cores | AUROC, test | AUROC, elsewhere |\n|---|--:|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        files, runs = [Path(folder, f"{number}.parquet") for number in range(len(sets))], Path(folder)
        before = time.process_time()
        opened = open_encoder(encoder)
        counts = [embed(opened, [one], file)[0] for one, file in zip(sets, files, strict=True)]
        print(f"| embed {sum(counts):,} images | {time.process_time() - before:.0f} | | |", flush=True)
        for name, features in (("a head on embeddings", files), ("`small`", [])):
            # Each in a process of its own, which starts Keras.
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.apply(train_and_test, (name, sets, runs / name.strip("`"), features)), flush=True)


def train_and_test(name: str, sets: list[Path], run: Path, features: list[Path]) -> str:
    """Train on the first set, evaluate there and on the others, and return a row."""
    from placa.workflows.evaluate import evaluate
    from placa.workflows.train import train
    from placa.workflows.validate import validate

    train(sets[0], run, progress=False, features=features[:1])
    seconds = time.process_time()
    summaries = [evaluate(run, progress=False)]
    for number, one in enumerate(sets[1:], start=1):
        summaries.append(validate(run, one, progress=False, features=features[number : number + 1]))
    areas = [next(iter(one["headline"].values())) for one in summaries]
    shown = [f"{one['auroc']:.3f} ({one['auroc_lower']:.3f} to {one['auroc_upper']:.3f})" for one in areas]
    return f"| {name} | {seconds:.0f} | {' | '.join([*shown, ''][:2])} |"


def main() -> None:
    """Print the increase of memory, and the time; or compare a head with `small`."""
    if sys.argv[1:2] == ["--head"]:
        encoder, *sets = map(Path, sys.argv[2:])
        return compare(encoder, sets[0], sets[1] if len(sets) > 1 else None)
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 112_120
    epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.parquet"), Path(folder, "large.parquet")
        write(small, 4096)
        write(large, images)
        found, _ = read_embeddings([small], given=PROVENANCE)
        fit(found, 4096, 2)
        ids = [f"{row:08d}.png" for row in range(images)]
        before, start = peak(), time.perf_counter()
        found, _ = read_embeddings([large], ids, PROVENANCE)
        read, seconds = peak(), time.perf_counter() - start
        each = fit(found, images, epochs)
        fitted = peak()
    print(f"| embeddings | {found.vectors.nbytes / 1e6:.0f} MB in 32 bits |")
    print(f"| read | + {read - before:.0f} MiB, {seconds:.1f} s |")
    print(f"| fit | + {fitted - read:.0f} MiB, {each:.1f} s per epoch |")
    return None


if __name__ == "__main__":
    main()
