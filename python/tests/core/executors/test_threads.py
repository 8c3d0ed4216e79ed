"""The executor that uses the threads of this machine."""

import threading
from collections.abc import Iterator

import pytest

from placa.core.executors import Threads


def test_results_have_the_order_of_the_items() -> None:
    second_is_done = threading.Event()

    def slow_at_first(item: int) -> int:
        if item == 0:
            assert second_is_done.wait(10)
        if item == 1:
            second_is_done.set()
        return item * item

    assert list(Threads(2).map_in_order(slow_at_first, range(9))) == [i * i for i in range(9)]


def test_the_number_of_items_in_advance_is_limited() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(1000):
            taken.append(item)
            yield item

    results = Threads(2).map_in_order(str, items(), ahead=8)
    assert next(results) == "0" and len(taken) <= 9
    results.close()  # type: ignore[attr-defined]
    assert len(taken) <= 9


def test_an_error_is_raised_at_its_item() -> None:
    results = Threads(2).map_in_order(lambda item: 1 // item, [4, 2, 0, 1])
    assert [next(results), next(results)] == [0, 0]
    with pytest.raises(ZeroDivisionError):
        next(results)
