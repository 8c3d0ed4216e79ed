"""The vocabulary of cells, in English and Spanish, and the normal form in which cells are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

#: The number of letters of a value, and of values, that a message shows.
SHOWN_LETTERS, SHOWN_VALUES = 60, 12

#: Dashes that mean a hyphen.
DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")

#: Excel's error cells in English and Spanish.
_EXCEL_ERRORS = """#n/a #n/d #value! #¡valor! #ref! #¡ref! #div/0! #¡div/0! #name? #¿nombre? #null! #¡nulo! #num! #¡num!
    #getting_data #spill! #calc!"""
_UNKNOWN_PHRASES = """unknown|not known|not available|not recorded|not reported|not specified|not stated|unspecified
    |missing|no data|desconocido|desconocida|no disponible|no consta|no conocido|no especificado|no especificada
    |no informado|no registrado|sin dato|sin datos|sin informacion|ignorado|se desconoce|pendiente"""
#: Texts that mean "unknown", folded (see `fold`).
UNKNOWN = frozenset(
    {"", "na", "nan", "n/a", "n.a.", "null", "none", "<na>", "nd", "n/d", "n.d.", "s/d", "s.d.", "?", "??", "-", "--"}
    | {"---", ".", "nil", "nat", "unk"}
    | set(_EXCEL_ERRORS.split())
    | {phrase.strip() for phrase in _UNKNOWN_PHRASES.split("|")}
)
#: CheXpert and MIMIC-CXR write -1 for an uncertain label (Irvin et al. 2019).
UNCERTAIN = frozenset(
    {"-1", "uncertain", "equivocal", "indeterminate", "possible", "dudoso", "dudosa", "incierto", "incierta"}
    | {"indeterminado", "indeterminada", "posible"}
)
YES = frozenset(
    {"1", "+", "yes", "true", "positive", "pos", "present", "si", "verdadero", "cierto", "positivo", "positiva"}
    | {"presente", "presencia"}
)
NO = frozenset(
    {"0", "no", "false", "negative", "neg", "absent", "falso", "negativo", "negativa", "ausente", "ausencia"}
)
#: Letters mean yes or no only in a column that has nothing else.
YES_LETTERS, NO_LETTERS = frozenset("ytsvp"), frozenset("nf")
#: Names of the class without any finding.
NORMAL = frozenset(
    {"normal", "no finding", "no findings", "nofinding", "no_finding", "healthy", "sin hallazgos", "sin hallazgo"}
    | {"sano", "sana"}
)


def normal(value: str) -> str:
    """Return the form in which values are compared: Unicode NFKC, without case, plain dashes, whole numbers as such.

    ``1.0``, ``1,0``, ``+1`` and ``1`` are the same value.
    """
    text = " ".join(unicodedata.normalize("NFKC", value).translate(DASHES).casefold().split())
    # Case folding can produce letters that are not in normal form.
    text = unicodedata.normalize("NFKC", text)
    number = re.fullmatch(r"([+-]?)0*(\d+)(?:[.,]0*)?", text, re.ASCII)
    if number is None:
        return text
    sign = "-" if number[1] == "-" and number[2] != "0" else ""
    return sign + number[2]


def fold(value: str) -> str:
    """Return `normal` without accents, to compare with the words of this module."""
    decomposed = unicodedata.normalize("NFD", normal(value))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def shown(value: str) -> str:
    """Return a value in quotation marks, cut to `SHOWN_LETTERS` letters."""
    text = " ".join(str(value).split())
    return repr(text if len(text) <= SHOWN_LETTERS else text[: SHOWN_LETTERS - 1] + "…")


def shown_counts(counts: Mapping[str, int] | Iterable[tuple[str, int]]) -> str:
    """Return values with their counts, the most frequent first: ``'Mass' (20), 'Edema' (3)``."""
    pairs = sorted(dict(counts).items(), key=lambda pair: (-pair[1], pair[0]))
    text = ", ".join(f"{shown(value)} ({count:,})" for value, count in pairs[:SHOWN_VALUES])
    return text + (f", and {len(pairs) - SHOWN_VALUES:,} other values" if len(pairs) > SHOWN_VALUES else "")
