"""Check the options of foundation models as backbones."""

from __future__ import annotations

from typing import Any

from placa.models.foundation.folder import is_foundation
from placa.training.errors import OptionValueError

#: What is trained besides the head: nothing, low-rank adapters, or all weights but the positions.
TUNING = ("frozen", "lora", "full")


def require_foundation_options(backbone: Any, weights: str, tuning: str, input_size: int | None) -> None:
    """Check that a foundation model has no other weights, and another network none of its options.

    Raises:
        OptionValueError: An option does not fit the backbone.
    """
    if is_foundation(backbone):
        if weights not in ("none", backbone):
            raise _unfit("weights", weights, "are those of the folder in `backbone`")
        return
    for name, value, default in (("tuning", tuning, TUNING[0]), ("input_size", input_size, None)):
        if value != default:
            raise _unfit(name, value, "needs `backbone` hf:FOLDER")


def _unfit(option: str, value: Any, reason: str) -> OptionValueError:
    return OptionValueError(
        f"`{option}` {reason}, got {value!r}. Omit --{option.replace('_', '-')}.", option=option, value=value
    )
