"""Set the precision of training: 16 or 32 bits. Saved models compute in 32 bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from placa.core.backend import accelerator, load_keras


def policy_for(mixed_precision: str) -> str:
    """Return the dtype policy of Keras for an option.

    Args:
        mixed_precision: ``auto``: 16 bits on an accelerator; ``on``; or ``off``.

    Returns:
        ``float32``; ``mixed_float16`` on a GPU, where Keras scales the loss, so that small gradients do not vanish
        (Micikevicius et al. 2018); ``mixed_bfloat16`` on other devices, which has the range of 32 bits and needs no
        scaling. Weights are always float32.
    """
    device = accelerator()
    if mixed_precision == "off" or (mixed_precision == "auto" and device is None):
        return "float32"
    return "mixed_bfloat16" if device is None or device.lower().startswith("tpu") else "mixed_float16"


@contextmanager
def precision(mixed_precision: str) -> Iterator[None]:
    """Set the precision of networks built in this block, and restore the dtype policy afterwards."""
    config = load_keras().config
    before = config.dtype_policy()
    config.set_dtype_policy(policy_for(mixed_precision))
    try:
        yield
    finally:
        config.set_dtype_policy(before)
