"""Embed radiographs with a ViT-B/14: `placa embed`, bare ONNX Runtime, the pipeline of transformers, and keras-hub.

    python benchmarks/embed.py --make MODEL [--size 224]                  # a random network and its ONNX file
    python benchmarks/embed.py MODEL IMAGES [--count 12] [--with NAME …]  # in turns, in one process
    python benchmarks/embed.py MODEL IMAGES --with NAME                   # one of them alone, for its memory
    taskset -c 0 python benchmarks/embed.py MODEL IMAGES --cpu            # in CPU seconds, on a busy machine

MODEL is a folder as transformers stores it. It needs placa, torch and transformers; onnx with --make; keras-hub with
--with keras-hub, whose backend is KERAS_BACKEND. All read PNG files and write nothing, but for the bare runtime, which
has normalised pixels in memory, and `placa embed`, which writes its parquet file. Embeddings are one row per image.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from pairs import core_seconds, in_turns, rate, row, seconds
from PIL import Image

BATCH = 4
NORMALISATION = {"image_mean": [0.5307] * 3, "image_std": [0.2583] * 3}


def make(folder: Path, size: int) -> None:
    """Write a random DINOv2 (base) as RAD-DINO is stored, and ``encoder.onnx`` with an input of `size`."""
    import torch
    import transformers

    torch.manual_seed(0)
    model = (
        transformers.Dinov2Model(transformers.Dinov2Config(image_size=518, patch_size=14)).eval().requires_grad_(False)
    )
    model.save_pretrained(folder)
    sides = {"crop_size": {"height": size, "width": size}, "size": {"shortest_edge": size}}
    steps = {f"do_{step}": True for step in ("resize", "center_crop", "rescale", "normalize")}
    config = {"image_processor_type": "BitImageProcessor", "resample": 3, "rescale_factor": 1 / 255}
    (folder / "preprocessor_config.json").write_text(json.dumps(config | sides | steps | NORMALISATION))

    class Pooled(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return model(pixels).pooler_output

    torch.onnx.export(
        Pooled(), (torch.zeros(2, 3, size, size),), str(folder / "encoder.onnx"), input_names=["pixel_values"],
        output_names=["pooler_output"], dynamic_axes={"pixel_values": {0: "n"}, "pooler_output": {0: "n"}},
        opset_version=17, dynamo=False,
    )  # fmt: skip


def by_placa(folder: Path, paths: list[Path]) -> Callable[[], np.ndarray]:
    """Return what `placa embed` does after the network is opened: read, embed, write."""
    import pyarrow.parquet as pq

    from placa.inference.embed import embed
    from placa.inference.encoder import open_encoder

    encoder = open_encoder(folder / "encoder.onnx")

    def work() -> np.ndarray:
        with tempfile.TemporaryDirectory() as out:
            embed(encoder, paths, Path(out, "embeddings.parquet"))
            table = pq.read_table(Path(out, "embeddings.parquet"))
        return np.stack(table["embedding"].to_numpy())

    return work


def by_runtime(folder: Path, paths: list[Path]) -> Callable[[], np.ndarray]:
    """Return the bare network on pixels in memory."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    session = onnxruntime.InferenceSession(folder / "encoder.onnx", options, providers=["CPUExecutionProvider"])
    pixels = np.ascontiguousarray(normalised(folder, paths).transpose(0, 3, 1, 2))
    return lambda: np.concatenate(
        [session.run(None, {"pixel_values": pixels[i : i + BATCH]})[0] for i in range(0, len(paths), BATCH)]
    )


def by_transformers(folder: Path, paths: list[Path], batch: int = BATCH) -> Callable[[], np.ndarray]:
    """Return the pipeline of transformers on files."""
    import transformers

    pipeline = transformers.pipeline("image-feature-extraction", model=str(folder), device="cpu", pool=True)
    names = [str(path) for path in paths]
    return lambda: np.stack([np.ravel(one) for one in pipeline(names, batch_size=batch)])


def by_keras_hub(folder: Path, paths: list[Path]) -> Callable[[], np.ndarray]:
    """Return keras-hub on files; it reads no processor, so the pixels are normalised here."""
    import keras_hub

    side = side_of(folder)
    network = keras_hub.models.Backbone.from_preset(str(folder), image_shape=(side, side, 3))
    return lambda: np.asarray(network.predict(normalised(folder, paths), BATCH, verbose=0))[:, 0]


def side_of(folder: Path) -> int:
    """Return the side of the input in pixels."""
    return int(json.loads((folder / "preprocessor_config.json").read_text())["crop_size"]["height"])


def normalised(folder: Path, paths: list[Path]) -> np.ndarray:
    """Return the images as an input, channels last."""
    side = side_of(folder)
    mean, deviation = (np.array(values, np.float32) for values in NORMALISATION.values())
    grey = np.stack([np.asarray(Image.open(path).convert("L").resize((side, side), 3)) for path in paths])
    return ((grey[..., None].repeat(3, -1) / np.float32(255) - mean) / deviation).astype(np.float32)


WAYS = {
    "placa": by_placa,
    "runtime": by_runtime,
    "transformers": by_transformers,
    # As one calls it who names no size of a batch.
    "transformers-default": partial(by_transformers, batch=1),
    "keras-hub": by_keras_hub,
}


def main() -> None:
    """Print one row per other way, or the memory of a single one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path, nargs="?")
    parser.add_argument("--make", action="store_true")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--cpu", action="store_true", help="compare CPU seconds: for a busy machine, with one core")
    parser.add_argument("--with", dest="ways", nargs="+", choices=WAYS, default=["placa", "runtime", "transformers"])
    options = parser.parse_args()
    if options.make:
        return make(options.model, options.size)
    paths = sorted(options.images.glob("*.png"))[: options.count]
    works = {name: WAYS[name](options.model, paths) for name in options.ways}
    times = in_turns(works, options.pairs, core_seconds if options.cpu else seconds)
    for name, others in times.items():
        if name != "placa" and "placa" in times:
            row(
                f"embed {len(paths)} images at {side_of(options.model)}²",
                times["placa"],
                others,
                rate(len(paths)),
                name,
            )
    if len(works) == 1:
        [(name, taken)] = times.items()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {name} at {side_of(options.model)}² | {rate(len(paths))(min(taken))} | {peak:,.0f} MiB |")
    return None


if __name__ == "__main__":
    main()
