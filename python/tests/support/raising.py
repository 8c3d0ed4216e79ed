"""Assert which error is raised, by its class and its values, not by its wording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from placa.core.errors import PlacaError


@contextmanager
def raises(kind: type[PlacaError], /, **values: Any) -> Iterator[pytest.ExceptionInfo[PlacaError]]:
    """Expect an error of exactly this class with (at least) these values, and one line of message."""
    with pytest.raises(kind) as caught:
        yield caught
    assert type(caught.value) is kind
    found = caught.value.values
    assert {name: found.get(name) for name in values} == values
    assert str(caught.value).strip() not in {"", "None"} and "\n" not in str(caught.value)
