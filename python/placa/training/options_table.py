"""Write the training options as a table, for ``docs/training.md``."""

from __future__ import annotations

from functools import partial

from placa.training.augment import Augmentation
from placa.training.option import default_text, options_of
from placa.training.options import TrainOptions, augmentation_default


def options_table() -> str:
    """Return all options as a table in Markdown, for ``docs/training.md``."""
    rows = ["| option | default | values | |", "|---|---|---|---|"]
    for record, default in ((TrainOptions, partial(default_text, TrainOptions)), (Augmentation, augmentation_default)):
        for name, one in options_of(record).items():
            kind = {int: "integer", float: "number", str: "text", bool: "yes or no"}[one.kind]
            values = ", ".join(f"`{choice}`" for choice in one.choices) or " ".join(filter(None, (kind, one.limits)))
            rows.append(f"| `{name}` | {default(name)} | {values} | {one.meaning} |")
    return "\n".join(rows)
