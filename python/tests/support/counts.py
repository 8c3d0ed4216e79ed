"""After all tests, print the counts of the slow tests. Tests that passed in other processes are included."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the property ``counts`` of each test that recorded it."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, [])]
    lines = [str(value) for one in reports for name, value in one.user_properties if name == "counts"]
    if lines:
        terminalreporter.section("counts")
        for line in sorted(lines):
            terminalreporter.write_line(line)
