"""Foundation models with random weights, in the layouts in which transformers and timm store them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEADS, LAYERS, HIDDEN, CHANNELS = 32, 4, 3, 128, 3
#: By `model_type`: side of a patch and of the images, and registers.
KINDS = {"dinov2": (14, 70, 0), "dinov2_with_registers": (14, 70, 4), "dinov3_vit": (16, 64, 4)}
PREPROCESSOR = {
    "do_resize": True,
    "size": {"shortest_edge": 256},
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "image_processor_type": "BitImageProcessor",
}


def config_of(kind: str, gated: bool = False, layers: int = LAYERS) -> dict[str, Any]:
    """Return the content of ``config.json``."""
    patch, size, registers = KINDS[kind]
    config: dict[str, Any] = {
        "model_type": kind,
        "hidden_size": WIDTH,
        "num_hidden_layers": layers,
        "num_attention_heads": HEADS,
        "image_size": size,
        "patch_size": patch,
        "num_channels": CHANNELS,
        "hidden_act": "gelu",
        "layerscale_value": 1.0,
        "drop_path_rate": 0.0,
    }
    if kind == "dinov3_vit":
        config |= {"intermediate_size": HIDDEN, "use_gated_mlp": gated, "layer_norm_eps": 1e-5, "rope_theta": 100.0}
        config |= {f"{part}_bias": part != "key" for part in ("query", "key", "value", "proj", "mlp")}
        config |= {"attention_dropout": 0.0}
    else:
        config |= {"mlp_ratio": 4, "use_swiglu_ffn": gated, "layer_norm_eps": 1e-6, "qkv_bias": True}
        config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return config | ({"num_register_tokens": registers} if registers else {})


def arrays_of(kind: str, gated: bool = False, seed: int = 0, layers: int = LAYERS) -> dict[str, np.ndarray]:
    """Return random weights by their names in ``model.safetensors``."""
    patch, size, registers = KINDS[kind]
    random, three = np.random.default_rng(seed), kind == "dinov3_vit"
    arrays: dict[str, np.ndarray] = {}

    def add(name: str, *shape: int, scale: float = 0.15, centre: float = 0.0) -> None:
        arrays[name] = (centre + scale * random.standard_normal(shape)).astype(np.float32)

    def linear(name: str, units: int, inputs: int, bias: bool = True) -> None:
        add(f"{name}.weight", units, inputs)
        if bias:
            add(f"{name}.bias", units, scale=0.3)

    def norm(name: str) -> None:
        add(f"{name}.weight", WIDTH, scale=0.3, centre=1.0)
        add(f"{name}.bias", WIDTH, scale=0.3)

    add("embeddings.cls_token", 1, 1, WIDTH, scale=0.3)
    add("embeddings.mask_token", *((1, 1, WIDTH) if three else (1, WIDTH)))
    if registers:
        add("embeddings.register_tokens", 1, registers, WIDTH, scale=0.3)
    if not three:
        add("embeddings.position_embeddings", 1, 1 + (size // patch) ** 2, WIDTH, scale=0.3)
    place = "embeddings.patch_embeddings" + ("" if three else ".projection")
    add(f"{place}.weight", WIDTH, CHANNELS, patch, patch, scale=0.05)
    add(f"{place}.bias", WIDTH)
    two = int(HIDDEN * 2 / 3 + 7) // 8 * 8
    for number in range(layers):
        block = f"{'layer' if three else 'encoder.layer'}.{number}."
        norm(f"{block}norm1")
        norm(f"{block}norm2")
        for part in (1, 2):
            add(f"{block}layer_scale{part}.lambda1", WIDTH, scale=0.3, centre=1.0)
        names = ("q_proj", "k_proj", "v_proj") if three else ("attention.query", "attention.key", "attention.value")
        for name in names:
            linear(f"{block}attention.{name}", WIDTH, WIDTH, bias=name != "k_proj")
        linear(f"{block}attention.{'o_proj' if three else 'output.dense'}", WIDTH, WIDTH)
        if gated and not three:
            linear(f"{block}mlp.weights_in", 2 * two, WIDTH)
            linear(f"{block}mlp.weights_out", WIDTH, two)
        else:
            up, down = ("up_proj", "down_proj") if three else ("fc1", "fc2")
            linear(f"{block}mlp.{up}", HIDDEN, WIDTH)
            linear(f"{block}mlp.{down}", WIDTH, HIDDEN)
            if gated:
                linear(f"{block}mlp.gate_proj", HIDDEN, WIDTH)
    norm("norm" if three else "layernorm")
    return arrays


def make_foundation(folder: Path, kind: str, gated: bool = False, seed: int = 0, layers: int = LAYERS) -> Path:
    """Write the folder of a foundation model; needs safetensors."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config_of(kind, gated, layers)))
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    save_file(arrays_of(kind, gated, seed, layers), folder / "model.safetensors", {"format": "pt"})
    return folder


def densenet_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Return random weights of torchxrayvision's DenseNet by their names in `state_dict`, without the classifier."""
    random = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}

    def conv(name: str, planes: int, inputs: int, side: int) -> None:
        scale = (2 / (inputs * side**2)) ** 0.5
        arrays[f"features.{name}.weight"] = scale * random.standard_normal((planes, inputs, side, side))

    def norm(name: str, planes: int) -> None:
        for part, centre in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0)):
            arrays[f"features.{name}.{part}"] = centre + 0.1 * random.standard_normal(planes)
        arrays[f"features.{name}.running_var"] = random.uniform(0.8, 1.2, planes)

    conv("conv0", 64, 1, 7)
    norm("norm0", 64)
    planes = 64
    for block, layers in enumerate((6, 12, 24, 16), start=1):
        for layer in range(1, layers + 1):
            place = f"denseblock{block}.denselayer{layer}"
            norm(f"{place}.norm1", planes)
            conv(f"{place}.conv1", 128, planes, 1)
            norm(f"{place}.norm2", 128)
            conv(f"{place}.conv2", 32, 128, 3)
            planes += 32
        if block < 4:
            norm(f"transition{block}.norm", planes)
            conv(f"transition{block}.conv", planes // 2, planes, 1)
            planes //= 2
    norm("norm5", planes)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def make_densenet(folder: Path, size: int = 224) -> Path:
    """Write the folder of torchxrayvision's DenseNet as docs/foundation-models.md does; needs safetensors."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    input_of = {"input_size": [1, size, size], "mean": [0.5], "std": [0.5 / 1024]}
    (folder / "config.json").write_text(json.dumps({"architecture": "densenet121", "pretrained_cfg": input_of}))
    save_file(densenet_arrays(), folder / "model.safetensors")
    return folder


def inputs_of(size: int, channels: int = CHANNELS) -> np.ndarray:
    """Return two inputs of a network, normalised, channels last."""
    return np.random.default_rng(size).standard_normal((2, size, size, channels)).astype(np.float32)
