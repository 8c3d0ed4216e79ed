"""Write the training options as a table, for ``docs/training.md``."""

from __future__ import annotations

from functools import partial

from placa.core.language import translate
from placa.training.augment import Augmentation
from placa.training.option import default_text, options_of
from placa.training.options import TrainOptions, augmentation_default


def options_table() -> str:
    """Return all options as a table in Markdown, in the language of the terminal, for ``docs/training.md``."""
    rows = [translate("| option | default | values | |"), "|---|---|---|---|"]
    for record, default in ((TrainOptions, partial(default_text, TrainOptions)), (Augmentation, augmentation_default)):
        for name, one in options_of(record).items():
            kind = {int: "integer", float: "number", str: "text", bool: "yes or no"}[one.kind]
            limits = one.limits.replace(" and ", translate(" and "))
            values = ", ".join(f"`{choice}`" for choice in one.choices) or f"{translate(kind)} {limits}".rstrip()
            # A choice is typed as it is.
            value = default(name) if one.choices else translate(default(name))
            rows.append(f"| `{name}` | {value} | {values} | {translate(one.meaning)} |")
    return "\n".join(rows)
