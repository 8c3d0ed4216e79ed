"""Fine-tune a ViT-B/14 at 224 pixels on a GPU: images per second, frozen, with adapters and fully.

    KERAS_BACKEND=jax benchmarks/gpu/finetune.py [--policy mixed_bfloat16] [--images 2048] [--batch 64]

The network is that of DINOv2 (base) with random weights, because its speed does not depend on them. Each of the three
ways is trained for two epochs on random images; the second is timed. It takes at most ten minutes on a current GPU. A
processor can try it out with ``--layers 3 --images 8 --batch 4``.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from placa.models.encoder_preprocessing import Preprocessing
from placa.models.foundation.folder import VisionTransformer
from placa.models.foundation.transformer import build_transformer
from placa.models.networks import set_trainable

BASE = VisionTransformer(
    folder=Path("random"), model_type="dinov2", size=224, patch=14, channels=3, width=768, layers=12, heads=12,
    hidden=3072, gated=False, activation="gelu", registers=0, epsilon=1e-6, base=None,
    preprocessing=Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
)  # fmt: skip
PARTS = {"frozen": "head", "lora": "adapters", "full": "all"}


def main() -> None:
    """Print one row per way of training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", default="mixed_bfloat16")
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--layers", type=int, default=BASE.layers)
    options = parser.parse_args()
    keras.config.set_dtype_policy(options.policy)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (options.images, BASE.size, BASE.size, 1), dtype=np.uint8)
    truth = random.integers(0, 2, (options.images, 1)).astype(np.float32)
    print(f"| {keras.backend.backend()}, {options.policy}, batch {options.batch} | images/s | trained numbers |")
    print("|---|---|---|")
    for tuning, part in PARTS.items():
        network = build_transformer(replace(BASE, layers=options.layers), BASE.size, 1, adapters=tuning == "lora")
        set_trainable(network, part)
        network.compile(keras.optimizers.AdamW(4e-5), loss=keras.losses.BinaryCrossentropy(from_logits=True))
        seconds = []
        for _ in range(2):
            start = time.perf_counter()
            network.fit(pixels, truth, batch_size=options.batch, epochs=1, verbose=0)
            seconds.append(time.perf_counter() - start)
        trained = sum(int(np.prod(one.shape)) for one in network.trainable_variables)
        print(f"| {tuning} | {options.images / seconds[-1]:.0f} | {trained:,} |", flush=True)


if __name__ == "__main__":
    main()
