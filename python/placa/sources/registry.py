"""The list of sources, as shown by `placa sources` and offered by `placa prepare`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from placa.core.errors import unknown_name


@dataclass(frozen=True)
class SourceEntry:
    """Describe a source.

    Attributes:
        name: The name on the command line: ``placa prepare NAME``.
        summary: A short description.
        layout: The files that it needs.
        patients: The origin of the patient ids.
    """

    name: str
    summary: str
    layout: str
    patients: str

    def module(self) -> ModuleType:
        """Import the source's module, with ``add_arguments`` and ``from_options``."""
        return import_module(f"placa.sources.{self.name.replace('-', '_')}")


# This module imports nothing heavy: `placa --help` reads it.
SOURCES = (
    SourceEntry("phantom", "synthetic radiographs, drawn by placa", "nothing needed", "drawn too"),
    SourceEntry("nih", "NIH ChestX-ray14 (Wang et al. 2017)", "Data_Entry_2017*.csv, images*/", "in the table"),
    SourceEntry("chexpert", "CheXpert (Irvin et al. 2019)", "train.csv, valid.csv, test.csv, train/, …", "in the path"),
    SourceEntry("mimic", "MIMIC-CXR-JPG 2 (Johnson et al. 2019)", "mimic-cxr-2*.csv.gz, files/", "in the tables"),
    SourceEntry("padchest", "PadChest (Bustos et al. 2020)", "PADCHEST_chest_x_ray_*.csv, 0/ … 54/", "in the table"),
    SourceEntry("vindr", "VinDr-CXR (Nguyen et al. 2022)", "annotations/ or train.csv, train/", "groups are found"),
    SourceEntry("rsna", "RSNA (Shih et al. 2019)", "stage_2_train_labels.csv, *.dcm", "by the mapping to NIH"),
    SourceEntry("siim", "SIIM-ACR pneumothorax", "train-rle.csv, *.dcm", "by the mapping to NIH"),
    SourceEntry("kermany", "chest_xray (Kermany et al. 2018)", "train/NORMAL, train/PNEUMONIA, …", "in the file name"),
    SourceEntry("openi", "Open-I (Demner-Fushman et al. 2016)", "ecgen-radiology/*.xml, images", "in the report"),
    SourceEntry("nlm-tb", "Shenzhen and Montgomery (Jaeger et al. 2014)", "CXR_png/*.png", "one per image"),
    SourceEntry("tbx11k", "TBX11K (Liu et al. 2020)", "imgs/, lists/, annotations/", "groups are found"),
    SourceEntry("covidx", "COVIDx CXR (Wang et al. 2020)", "train_COVIDx*.txt, train/, test/", "in the lists"),
    SourceEntry("cohen", "covid-chestxray-dataset, Figure 1, Actualmed", "metadata.csv, images/", "in the table"),
    SourceEntry("folders", "one folder per class", "COVID/, non-COVID/, …", "unknown; groups are found"),
    SourceEntry("stoic", "STOIC2021 CT volumes", "data/mha/*.mha, metadata/reference.csv", "one per volume"),
    SourceEntry("dicom", "DICOM files, labelled by a table or by folders", "any", "keyed hash of the tag"),
    SourceEntry("table", "a CSV or parquet table with paths and labels", "any", "a column, if there is one"),
)


def find_source(name: str) -> SourceEntry:
    """Return a source by name.

    Raises:
        UnknownNameError: No source has that name.
    """
    for row in SOURCES:
        if row.name == name:
            return row
    raise unknown_name("source", name, [row.name for row in SOURCES])
