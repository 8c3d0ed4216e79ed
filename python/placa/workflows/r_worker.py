"""Answer R: a process that R starts once, and that calls the functions of `placa.workflows.r_calls`.

R writes the path of a file per call to stdin. The file is JSON: ``function`` and ``arguments``. Its content is replaced
by ``value``, or by ``error``, the class of an exception, and ``message``; then a line on stdout says that it is there.
The process ends when R closes stdin, as it does when R ends.
"""

from __future__ import annotations

import json
import math
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from placa.core.processes import restart_without_r_libraries


def answer(call: dict[str, Any]) -> dict[str, Any]:
    """Call a function, and return what R reads.

    Args:
        call: ``function``, a name in `placa.workflows.r_calls`, and ``arguments``.
    """
    from placa.workflows import r_calls

    try:
        return {"value": getattr(r_calls, call["function"])(*call["arguments"])}
    except Exception as error:
        # R has a class for the errors of placa, and reports any other with its message.
        return {"error": f"{type(error).__module__}.{type(error).__qualname__}", "message": str(error)}


def _as_json(reply: dict[str, Any]) -> str:
    try:
        return json.dumps(reply, allow_nan=False)
    except ValueError:
        return json.dumps(_with_names(reply))


def _with_names(value: Any) -> Any:
    """Write numbers that JSON does not have by the names that R's jsonlite reads as numbers."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    if isinstance(value, dict):
        return {name: _with_names(one) for name, one in value.items()}
    return [_with_names(one) for one in value] if isinstance(value, list) else value


def main() -> None:
    """Answer the calls on stdin until it ends."""
    restart_without_r_libraries()
    # What libraries print must not be taken for an answer.
    answered = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # R asks for something at once.
    import_module("placa.workflows.r_calls")
    try:
        for line in sys.stdin:
            file = Path(line.rstrip("\n"))
            reply = answer(json.loads(file.read_text(encoding="utf-8")))
            file.write_text(_as_json(reply), encoding="utf-8")
            print("answered", file=answered, flush=True)
    except KeyboardInterrupt:
        # Ctrl-C in R reaches this process, too. R starts another one.
        sys.exit(130)


if __name__ == "__main__":
    main()
