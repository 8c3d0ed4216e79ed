"""Check the options of foundation models as backbones."""

from __future__ import annotations

from typing import Any

from placa.models.foundation.folder import is_foundation
from placa.training.option import unsuited

#: What is trained besides the head: nothing, low-rank adapters, or all weights but the positions.
TUNING = ("frozen", "lora", "full")


def require_foundation_options(backbone: Any, weights: str, tuning: str, input_size: int | None) -> None:
    """Check that a foundation model has no other weights, and another network none of its options.

    Raises:
        OptionValueError: An option does not fit the backbone.
    """
    if is_foundation(backbone):
        if weights not in ("none", backbone):
            raise unsuited("weights", weights, "are those of the folder in `backbone`")
        return
    for name, value, default in (("tuning", tuning, TUNING[0]), ("input_size", input_size, None)):
        if value != default:
            raise unsuited(name, value, "needs `backbone` hf:FOLDER")
