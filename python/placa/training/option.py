"""A training option, written once: its field carries range, choices and meaning.

The checks, ``placa train --help``, the TOML file, the docstring of `placa.training.options.TrainOptions` and the table
in ``docs/training.md`` come from it.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, field, fields
from typing import Any

from placa.training.errors import OptionValueError


@dataclass(frozen=True)
class Option:
    """The metadata of an option.

    Attributes:
        kind: The type of its values; a float option takes integers too.
        meaning: What it is, as a phrase.
        least, most: Smallest and largest value.
        exclusive: Whether these two are excluded.
        choices: All values of an option with fixed values.
        default_words: The default in words, if it depends on the network; the field is then None.
    """

    kind: type
    meaning: str
    least: float = -math.inf
    most: float = math.inf
    exclusive: bool = False
    choices: tuple[str, ...] = ()
    default_words: str | None = None

    @property
    def limits(self) -> str:
        """The range in words; empty without one."""
        low, high = (">", "<") if self.exclusive else ("≥", "≤")
        parts = [f"{low} {self.least:.10g}"] if self.least > -math.inf else []
        return " and ".join(parts + ([f"{high} {self.most:.10g}"] if self.most < math.inf else []))

    def check(self, name: str, value: Any) -> None:
        """Check a value.

        Raises:
            OptionValueError: It has the wrong type, is out of range, or is not one of the choices.
        """
        if self.choices and value not in self.choices:
            raise OptionValueError(
                f"`{name}` must be one of {', '.join(self.choices)}, got {value!r}.",
                option=name,
                value=value,
                choices=list(self.choices),
            )
        if self.kind not in (int, float):
            return
        typed = isinstance(value, int if self.kind is int else (int, float)) and not isinstance(value, bool)
        inside = typed and (self.least < value < self.most if self.exclusive else self.least <= value <= self.most)
        if not inside:
            needed = f"an integer {self.limits}" if self.kind is int else f"a number {self.limits}"
            most = None if math.isinf(self.most) else self.most
            raise out_of_range(name, value, needed, self.least, most, not self.exclusive)


def out_of_range(
    name: str, value: Any, needed: str, least: float, most: float | None, inclusive: bool = True
) -> OptionValueError:
    """Return the error for a number of an option; `needed` is the range in words."""
    message = f"`{name}` must be {needed}, got {value!r}."
    return OptionValueError(message, option=name, value=value, least=least, most=most, inclusive=inclusive)


def unsuited(name: str, value: Any, reason: str) -> OptionValueError:
    """Return the error for an option that does not fit the others, for the `reason`."""
    message = f"`{name}` {reason}, got {value!r}. Omit --{name.replace('_', '-')}."
    return OptionValueError(message, option=name, value=value)


def option(default: Any, kind: type, meaning: str, **limits: Any) -> Any:
    """Return a dataclass field for an option; `limits` are further attributes of `Option`."""
    return field(default=default, metadata={"option": Option(kind, meaning, **limits)})


def options_of(record: type) -> dict[str, Option]:
    """Return the options of a dataclass by name."""
    return {one.name: one.metadata["option"] for one in fields(record) if "option" in one.metadata}


def default_text(record: type, name: str) -> str:
    """Return the default of an option in words."""
    (one,) = (one for one in fields(record) if one.name == name)
    described: Option = one.metadata["option"]
    if described.default_words is not None:
        return described.default_words
    if described.kind is bool:
        return "yes" if one.default else "no"
    return str(one.default)


def documented(record: type) -> str:
    """Return the docstring of a dataclass, with its options in the place of ``{attributes}``."""
    lines = ["Attributes:"]
    for name, one in options_of(record).items():
        limits = f"; {one.limits}" if one.limits else ""
        lines.append(f"    {name}: {one.meaning[0].upper()}{one.meaning[1:]}{limits}.")
    return inspect.cleandoc(record.__doc__ or "").replace("{attributes}", "\n".join(lines))
