"""The parts of `make test-slow` have all slow tests once, and CONTRIBUTING.md lists them."""

import itertools
import re

from slow_parts import PARTS, TESTS, part_of

SLOW = [file for file in sorted(TESTS.rglob("test_*.py")) if re.search(r"\bmark\.slow\b", file.read_text("utf-8"))]


def test_every_slow_test_belongs_to_one_part() -> None:
    places = [TESTS / place for of_part in PARTS.values() for place in of_part]
    assert all(place.exists() for place in places)
    assert not any(one.is_relative_to(other) for one, other in itertools.permutations(places, 2))
    assert {part_of(file) for file in SLOW} == set(PARTS)


def test_contributing_lists_every_part() -> None:
    text = (TESTS.parents[1] / "CONTRIBUTING.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(PARTS)
