"""Agreement of the networks of foundation models with transformers, by library, backend and size of the input.

    KERAS_BACKEND=tensorflow benchmarks/agreement.py                  # placa, against the stored outputs
    KERAS_BACKEND=tensorflow benchmarks/agreement.py OUTPUTS.npz      # placa and keras-hub, against these
    benchmarks/agreement.py --transformers OUTPUTS.npz [--store]      # write these outputs, with transformers and torch

It needs placa[hub], and for the last two keras-hub, transformers and torch. TensorFlow and torch are best imported in
separate processes. The networks have three layers and random weights (python/tests/support/made_foundation.py). Each
number is the largest difference of a token from that of transformers.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "python" / "tests" / "support"))

from made_foundation import KINDS, inputs_of, make_foundation  # noqa: E402

#: Outputs that the tests compare: the class token and the mean of the patches.
STORED = ROOT / "python" / "tests" / "models" / "foundation.npz"
#: Sizes of the input by architecture: its own first.
SIZES = {"dinov2": (70, 112), "dinov2_with_registers": (70, 112), "dinov3_vit": (64, 96)}


def cases() -> list[tuple[str, bool, int]]:
    """Return all networks and sizes: architecture, gated, size."""
    return [(kind, gated, size) for kind in KINDS for gated in (False, True) for size in SIZES[kind]]


def run_transformers(folder: Path) -> dict[str, np.ndarray]:
    """Return all tokens of all cases."""
    import torch
    import transformers

    outputs = {}
    for kind, gated, size in cases():
        model = transformers.AutoModel.from_pretrained(make_foundation(folder / f"{kind}-{gated}", kind, gated)).eval()
        with torch.inference_mode():
            tokens = model(torch.from_numpy(inputs_of(size).transpose(0, 3, 1, 2).copy())).last_hidden_state
        outputs[f"{kind}/{gated}/{size}"] = tokens.numpy()
    return outputs


def run_placa(folder: Path, kind: str, size: int) -> np.ndarray:
    """Return the tokens by placa's network."""
    import keras

    from placa.models import build

    network = build(f"hf:{folder}", size, 1, f"hf:{folder}", input_size=size)
    body = keras.Model(network.get_layer("patches").input, network.get_layer("norm").output)
    return np.asarray(body.predict_on_batch(inputs_of(size)))


def run_keras_hub(folder: Path, kind: str, size: int) -> np.ndarray | None:
    """Return the tokens by keras-hub; None if it cannot load the network."""
    import keras_hub

    try:
        network = keras_hub.models.Backbone.from_preset(str(folder), image_shape=(size, size, 3))
        return np.asarray(network.predict_on_batch(inputs_of(size)))
    except Exception as error:
        # Any exception is a network that it does not have.
        print(f"keras-hub: {kind}: {type(error).__name__}", file=sys.stderr)
        return None


def pooled(tokens: np.ndarray, kind: str) -> np.ndarray:
    """Return the class token and the mean of the patches, ``(n, 2, width)``."""
    return np.stack([tokens[:, 0], tokens[:, 1 + KINDS[kind][2] :].mean(axis=1)], axis=1)


def main() -> None:
    """Print a table, or write the outputs of transformers."""
    arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments[:1] == ["--transformers"]:
            outputs = run_transformers(folder)
            np.savez(arguments[1], **outputs)
            if "--store" in arguments:
                np.savez(STORED, **{name: pooled(one, name.split("/")[0]) for name, one in outputs.items()})
            return
        import keras

        stored = not arguments
        expected = np.load(STORED if stored else arguments[0])
        runs = {"placa": run_placa} if stored else {"placa": run_placa, "keras-hub": run_keras_hub}
        print(f"| architecture | size | {' | '.join(f'{name} on {keras.backend.backend()}' for name in runs)} |")
        print(f"|---|---|{'---|' * len(runs)}")
        for kind, gated, size in cases():
            path = make_foundation(folder / f"{kind}-{gated}", kind, gated)
            cells = []
            for run in runs.values():
                tokens, known = run(path, kind, size), expected[f"{kind}/{gated}/{size}"]
                if tokens is not None:
                    tokens = pooled(tokens, kind) if stored else tokens
                cells.append("not loaded" if tokens is None else f"{np.abs(tokens - known).max():.1g}")
            print(f"| {kind}{', gated' if gated else ''} | {size} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
