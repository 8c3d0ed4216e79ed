"""The parts of the slow tests, for `make test-slow PART=…`."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
#: The files and folders of each part, below python/tests; the last part has all others.
PARTS = {
    "accuracy": ("workflows/test_accuracy.py",),
    "readme": ("documents/test_readme_runs.py", "documents/test_wheel.py"),
    "kills": ("training/distributed", "workflows/test_resume_killed.py", "workflows/test_prepare_resume.py"),
    "pages": (
        "reporting",
        "documents/test_website.py",
        "documents/test_examples.py",
        "documents/test_notebooks.py",
        "documents/test_study.py",
    ),
    "fuzz": ("faults/test_fuzz.py",),
    "commands": ("faults/test_kills.py",),
    "disks": ("faults/test_full_disk.py",),
    "rest": (),
}


def part_of(file: Path) -> str:
    """Return the part to which a file of tests belongs."""
    return next((part for part, places in PARTS.items() if any(file.is_relative_to(TESTS / p) for p in places)), "rest")
