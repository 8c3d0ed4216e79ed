"""In how many bits a network computes while it learns; what is saved computes in 32, on any machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from placa.core.backend import accelerator, load_keras


def policy_for(mixed_precision: str) -> str:
    """Say which of Keras' dtype policies is meant.

    Args:
        mixed_precision: ``auto``: 16 bits where there is an accelerator; ``on``; or ``off``.

    Returns:
        ``float32``; ``mixed_float16`` on a GPU, for which Keras scales the loss, so that small gradients do not vanish
        (Micikevicius et al. 2018); ``mixed_bfloat16`` elsewhere, which has the range of 32 bits and needs no scaling.
        Weights are 32 bits in all of them.
    """
    device = accelerator()
    if mixed_precision == "off" or (mixed_precision == "auto" and device is None):
        return "float32"
    return "mixed_bfloat16" if device is None or device.lower().startswith("tpu") else "mixed_float16"


@contextmanager
def precision(mixed_precision: str) -> Iterator[None]:
    """Build networks within this block in that precision; the policy of the process is what it was after it."""
    config = load_keras().config
    before = config.dtype_policy()
    config.set_dtype_policy(policy_for(mixed_precision))
    try:
        yield
    finally:
        config.set_dtype_policy(before)
