"""``placa download nlm-tb`` and ``openi``: public sets of the U.S. National Library of Medicine.

Two other projects publish the sizes of the two ZIP archives. torchxrayvision 1.5.7 contains the reports of Open-I, from
which their size and checksum are. The server states the size of the images of Open-I. No other checksum was found, so
the other archives are verified by their own CRC-32 and by the number of their files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from placa.core.progress import SILENT, Progress
from placa.sources.download.download import DEFAULT_JOBS, download_files
from placa.sources.download.remote import Edition, Members, RemoteFile

if TYPE_CHECKING:
    from placa.sources.download.fetch import RetryPolicy

_SERVER = "the National Library of Medicine"
_COLLECTIONS = "https://openi.nlm.nih.gov/imgs/collections"
#: A radiograph of 4,892 × 4,020 pixels of 16 bits has 39 MB before compression.
_LARGEST = 64 << 20


def _hospital(archive: str, folder: str, letters: str, size: int, images: int) -> RemoteFile:
    pattern = rf"{folder}/((?:CXR_png/{letters}_\d{{4}}_[01]\.png)|(?:ClinicalReadings/{letters}_\d{{4}}_[01]\.txt))"
    return RemoteFile(
        name=archive,
        url=f"{_COLLECTIONS}/{archive}",
        editions=(Edition(size, None),),
        images=images,
        members=Members(pattern, others=True, largest=_LARGEST),
        folder=folder,
        page="https://lhncbc.nlm.nih.gov/LHC-downloads/downloads.html",
    )


NLM_TB_FILES: tuple[RemoteFile, ...] = (
    _hospital("NLM-MontgomeryCXRSet.zip", "MontgomerySet", "MCUCXR", 616_853_875, 138),
    _hospital("ChinaSet_AllFiles.zip", "ChinaSet_AllFiles", "CHNCXR", 3_770_205_534, 662),
)
OPENI_FILES: tuple[RemoteFile, ...] = (
    RemoteFile(
        name="NLMCXR_reports.tgz",
        url=f"{_COLLECTIONS}/NLMCXR_reports.tgz",
        editions=(Edition(1_112_632, "sha256:8fb6de7eec73d8c3665067ad4bb003ccd57f971ae316d2642e1627ac7268667a"),),
        images=3_955,
        members=Members(r"(?:\./)?ecgen-radiology/(\d+\.xml)", counted=".xml", others=True),
        folder="ecgen-radiology",
        page="https://openi.nlm.nih.gov/faq",
    ),
    RemoteFile(
        name="NLMCXR_png.tgz",
        url=f"{_COLLECTIONS}/NLMCXR_png.tgz",
        editions=(),
        images=7_470,
        members=Members(r"(?:\./)?(?:NLMCXR_png/)?(CXR\d[\w-]*\.png)", others=True, largest=_LARGEST),
        page="https://openi.nlm.nih.gov/faq",
    ),
)


def download_nlm_tb(
    to: Path,
    base_url: str | None = None,
    only: str | Iterable[str] | None = None,
    jobs: int = DEFAULT_JOBS,
    keep_archives: bool = False,
    progress: Progress = SILENT,
    files: Sequence[RemoteFile] = NLM_TB_FILES,
    retry_policy: RetryPolicy | None = None,
) -> list[Path]:
    """Download the Shenzhen and Montgomery sets (Jaeger et al. 2014) in the layout of ``placa prepare nlm-tb``.

    The output is ``TO/MontgomerySet`` and ``TO/ChinaSet_AllFiles``, each with ``CXR_png`` and ``ClinicalReadings``;
    masks and other files are not extracted.
    Arguments, result and errors are those of `placa.sources.download.download.download_files`.
    """
    return download_files(to, base_url, only, jobs, keep_archives, progress, files, retry_policy, _SERVER)


def download_openi(
    to: Path,
    base_url: str | None = None,
    only: str | Iterable[str] | None = None,
    jobs: int = DEFAULT_JOBS,
    keep_archives: bool = False,
    progress: Progress = SILENT,
    files: Sequence[RemoteFile] = OPENI_FILES,
    retry_policy: RetryPolicy | None = None,
) -> list[Path]:
    """Download Open-I (Demner-Fushman et al. 2016) in the layout of ``placa prepare openi``.

    The output is ``TO/ecgen-radiology`` with 3,955 reports, and ``TO/NLMCXR_png`` with 7,470 images.
    Arguments, result and errors are those of `placa.sources.download.download.download_files`.
    """
    return download_files(to, base_url, only, jobs, keep_archives, progress, files, retry_policy, _SERVER)
