"""Agreement of the networks of foundation models with the original libraries, by backend and size of the input.

    KERAS_BACKEND=tensorflow benchmarks/agreement.py                  # placa, against the stored outputs
    KERAS_BACKEND=tensorflow benchmarks/agreement.py OUTPUTS.npz      # placa and keras-hub, against these
    benchmarks/agreement.py --originals OUTPUTS.npz [--store]         # write these outputs

The originals are transformers (vision transformers of three layers) and torchxrayvision (DenseNet-121), on torch, with
random weights (python/tests/support/made_foundation.py). It needs placa[hub], and for the last two keras-hub,
transformers, torchxrayvision and torch. TensorFlow and torch are best imported in separate processes. Each number is
the largest difference of a token or of a mean over the image from that of the original.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "python" / "tests" / "support"))

from made_foundation import KINDS, densenet_arrays, inputs_of, make_densenet, make_foundation  # noqa: E402

#: Outputs that the tests compare: the class token and the mean of the patches; the mean over the image.
STORED = ROOT / "python" / "tests" / "models" / "foundation.npz"
DENSENET = "densenet121"
#: Sizes of the input by architecture: its own first.
SIZES = {"dinov2": (70, 112), "dinov2_with_registers": (70, 112), "dinov3_vit": (64, 96), DENSENET: (64, 96)}


def cases() -> list[tuple[str, bool, int]]:
    """Return all networks and sizes: architecture, gated, size."""
    return [
        (kind, gated, size) for kind, sizes in SIZES.items() for gated in (False, True)[: 1 + (kind in KINDS)]
        for size in sizes
    ]  # fmt: skip


def inputs(kind: str, size: int) -> np.ndarray:
    """Return two inputs of a network."""
    return inputs_of(size, 1 if kind == DENSENET else 3)


def make(folder: Path, kind: str, gated: bool) -> Path:
    """Write the folder of a network."""
    place = folder / f"{kind}-{gated}"
    return make_densenet(place) if kind == DENSENET else make_foundation(place, kind, gated)


def run_originals(folder: Path) -> dict[str, np.ndarray]:
    """Return all tokens of all cases, or the means over the image."""
    import torch
    import torchxrayvision
    import transformers

    outputs = {}
    for kind, gated, size in cases():
        pixels = torch.from_numpy(inputs(kind, size).transpose(0, 3, 1, 2).copy())
        with torch.inference_mode():
            if kind == DENSENET:
                network = torchxrayvision.models.DenseNet().eval()
                weights = {name: torch.from_numpy(array) for name, array in densenet_arrays().items()}
                assert not network.load_state_dict(weights, strict=False).unexpected_keys
                found = network.features2(pixels)
            else:
                found = transformers.AutoModel.from_pretrained(make(folder, kind, gated)).eval()(pixels)
                found = found.last_hidden_state
        outputs[f"{kind}/{gated}/{size}"] = found.numpy()
    return outputs


def run_placa(folder: Path, kind: str, size: int) -> np.ndarray:
    """Return the outputs by placa's network."""
    import keras

    from placa.models.networks import build

    network = build(f"hf:{folder}", size, 1, f"hf:{folder}", input_size=size)
    if kind == DENSENET:
        return np.asarray(network.get_layer("features").predict_on_batch(inputs(kind, size))).mean(axis=(1, 2))
    body = keras.Model(network.get_layer("patches").input, network.get_layer("norm").output)
    return np.asarray(body.predict_on_batch(inputs(kind, size)))


def run_keras_hub(folder: Path, kind: str, size: int) -> np.ndarray | None:
    """Return the outputs by keras-hub; None if it cannot load the network."""
    import keras_hub

    pixels = inputs(kind, size)
    try:
        network = keras_hub.models.Backbone.from_preset(str(folder), image_shape=pixels.shape[1:])
        found = network.predict_on_batch(pixels)
        return np.asarray(found).mean(axis=(1, 2)) if kind == DENSENET else np.asarray(found)
    except Exception as error:
        # Any exception is a network that it does not have.
        print(f"keras-hub: {kind}: {type(error).__name__}", file=sys.stderr)
        return None


def pooled(tokens: np.ndarray, kind: str) -> np.ndarray:
    """Return the class token and the mean of the patches, ``(n, 2, width)``; the mean over the image as it is."""
    if tokens.ndim == 2:
        return tokens
    return np.stack([tokens[:, 0], tokens[:, 1 + KINDS[kind][2] :].mean(axis=1)], axis=1)


def main() -> None:
    """Print a table, or write the outputs of the originals."""
    arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments[:1] == ["--originals"]:
            outputs = run_originals(folder)
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
            path = make(folder, kind, gated)
            cells = []
            for run in runs.values():
                tokens, known = run(path, kind, size), expected[f"{kind}/{gated}/{size}"]
                if tokens is not None:
                    tokens = pooled(tokens, kind) if stored else tokens
                cells.append("not loaded" if tokens is None else f"{np.abs(tokens - known).max():.1g}")
            print(f"| {kind}{', gated' if gated else ''} | {size} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
