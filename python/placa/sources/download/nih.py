"""``placa download nih``: ChestX-ray14 from the NIH Clinical Center's public Box folder, 45 GB.

Origin of the data below: the addresses of the archives are from NIH's ``batch_download_zips.py``; their MD5 checksums
are from NIH's ``FAQ_CHESTXRAY.pdf`` (question 7), and several other projects publish the same ones; their sizes are
those that Box reports, published by two other projects. The Box folder has no such links for the tables: their
addresses are built from their page numbers. The sizes and SHA-256 checksums of the tables were computed from copies,
and two or more other projects publish the same ones. The README has only a size, because no two independent sources
publish a checksum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from placa.core.progress import SILENT, Progress
from placa.sources.download.download import DEFAULT_JOBS, download_files
from placa.sources.download.remote import Edition, RemoteFile

if TYPE_CHECKING:
    from placa.sources.download.fetch import RetryPolicy


def _archive(number: int, link: str, size: int, md5: str, images: int = 10_000) -> RemoteFile:
    return RemoteFile(
        name=f"images_{number:03d}.tar.gz",
        url=f"https://nihcc.box.com/shared/static/{link}.gz",
        editions=(Edition(size, f"md5:{md5}"),),
        images=images,
    )


def _table(name: str, number: int, *editions: Edition, optional: bool = False) -> RemoteFile:
    page = "https://nihcc.app.box.com/index.php?rm=box_download_shared_file&vanity_name=ChestXray-NIHCC"
    return RemoteFile(name=name, url=f"{page}&file_id=f_{number}", editions=editions, optional=optional)


NIH_FILES: tuple[RemoteFile, ...] = (
    _table(
        "Data_Entry_2017_v2020.csv",
        219760887468,
        Edition(9_003_496, "sha256:c69a6daca3549af707ca9cacbdf9f9a7b6a9188e8c61157df653520bb72d8eb1"),
        # The version of the mirrors: its header has "Patient Gender" for "Patient Sex", the rows are the same.
        Edition(9_003_499, "sha256:dc1d2df67fdc1c5a7601d48699cda2b13dc2c4841488b4183dcf04884dbaca11"),
    ),
    _table(
        "BBox_List_2017.csv",
        219760940956,
        Edition(92_416, "sha256:0bbfea9d4c4e9771481b3023b1bc9f0df9dea924453b12986beb29b0c4d0c95b"),
    ),
    _table(
        "train_val_list.txt",
        256056636701,
        Edition(1_470_907, "sha256:61fbe896321c1c1c8b75f3e4f3a08e4fef6486d95ef8a667c31d4d60dca6cb81"),
    ),
    _table(
        "test_list.txt",
        256055473534,
        Edition(435_131, "sha256:38ca5ef7f756092946f57c1a59faca882ed589a1ab1f72590b45dc06c6d5e1cc"),
    ),
    _table("README_CHESTXRAY.pdf", 220660789610, Edition(848_327, None), optional=True),
    _archive(1, "vfk49d74nhbxq3nqjg0900w5nvkorp5c", 2_008_470_987, "fe8ed0a6961412fddcbb3603c11b3698", 4_999),
    _archive(2, "i28rlmbvmfjbl8p2n3ril0pptcmcu9d1", 3_952_623_504, "ab07a2d7cbe6f65ddd97b4ed7bde10bf"),
    _archive(3, "f1t00wrtdk94satdfb9olcolqx20z2jp", 3_929_234_850, "2301d03bde4c246388bad3876965d574"),
    _archive(4, "0aowwzs5lhjrceb3qp67ahp0rd1l1etg", 3_838_903_983, "9f1b7f5aae01b13f4bc8e2c44a4b8ef6"),
    _archive(5, "v5e3goj22zr6h8tzualxfsqlqaygfbsn", 3_935_496_531, "1861f3cd0ef7734df8104f2b0309023b"),
    _archive(6, "asi7ikud9jwnkrnkj99jnpfkjdes7l6l", 3_986_301_172, "456b53a8b351afd92a35bc41444c58c8"),
    _archive(7, "jn1b4mw4n6lnh74ovmcjb8y48h8xj07n", 4_016_328_426, "1075121ea20a137b87f290d6a4a5965e"),
    _archive(8, "tvpxmn7qyrgl0w8wfh9kqfjskv6nmm1j", 4_018_347_353, "b61f34cec3aa69f295fbb593cbd9d443"),
    _archive(9, "upyy3ml7qdumlgk2rfcvlb9k6gvqq2pj", 4_111_327_929, "442a3caa61ae9b64e61c561294d1e183"),
    _archive(10, "l6nilvfa9cg3s28tqv1qc1olm3gnz54p", 4_181_556_296, "09ec81c4c31e32858ad8cf965c494b74"),
    _archive(11, "hhq8fkdgvcari67vfhs7ppg2w6ni4jze", 4_187_084_020, "499aefc67207a5a97692424cf5dbeed5"),
    _archive(12, "ioqwiy20ihqwyr8pf4c24eazhh281pbu", 2_914_187_733, "dc9fda1757c2de0032b63347a7d2895c", 7_121),
)


def download_nih(
    to: Path,
    base_url: str | None = None,
    only: str | Iterable[str] | None = None,
    jobs: int = DEFAULT_JOBS,
    keep_archives: bool = False,
    progress: Progress = SILENT,
    files: Sequence[RemoteFile] = NIH_FILES,
    retry_policy: RetryPolicy | None = None,
) -> list[Path]:
    """Download NIH ChestX-ray14 (Wang et al. 2017) in the layout that ``placa prepare nih`` reads.

    The output is ``TO/Data_Entry_2017_v2020.csv``, the other tables, and the folders ``TO/images_001/images`` to
    ``TO/images_012/images``. NIH publishes only MD5 checksums for the archives: they detect damage, not forgery.
    Arguments, result and errors are those of `placa.sources.download.download.download_files`.
    """
    return download_files(
        to, base_url, only, jobs, keep_archives, progress, files, retry_policy, "the NIH Clinical Center"
    )
