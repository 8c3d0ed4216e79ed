"""Every source there is, one row each: what `placa sources` prints and `placa prepare` offers."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from placa.core.errors import unknown_name


@dataclass(frozen=True)
class Row:
    """A source by name.

    Attributes:
        name: As it is typed: ``placa prepare NAME``.
        summary: What it is, in half a line.
        layout: What lies where.
        patients: How the patients are known.
    """

    name: str
    summary: str
    layout: str
    patients: str

    def module(self) -> ModuleType:
        """Load the source's module, with ``add_arguments`` and ``from_options``."""
        return import_module(f"placa.sources.{self.name}")


# This module loads nothing heavy, for `placa --help` reads it.
SOURCES = (
    Row("phantom", "synthetic radiographs, drawn here", "nothing needed", "drawn too"),
    Row("nih", "NIH ChestX-ray14 (Wang et al. 2017)", "Data_Entry_2017*.csv, images*/", "in the table"),
    Row("folders", "one folder a class", "COVID/, non-COVID/, …", "unknown; groups are found"),
    Row("stoic", "STOIC2021 CT volumes", "data/mha/*.mha, metadata/reference.csv", "one a volume"),
    Row("dicom", "DICOM files, labelled by a table or by folders", "any", "keyed hash of the tag"),
    Row("table", "a CSV or parquet table with paths and labels", "any", "a column, if there is one"),
)


def source_row(name: str) -> Row:
    """Find a source by name.

    Raises:
        PlacaError: There is none of that name.
    """
    for row in SOURCES:
        if row.name == name:
            return row
    raise unknown_name("source", name, [row.name for row in SOURCES])
