"""``placa download nlm-tb`` and ``openi`` from a server on loopback, and their archives."""

from __future__ import annotations

import inspect
import io
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from loopback import Server, archive, drop_after, member, radiograph, reply_with
from raising import raises
from small_nih import QUICK

from placa.sources.download import Edition, RemoteFile, download_nih, download_nlm_tb, download_openi
from placa.sources.download.errors import DamagedArchiveError, HttpStatusError, TransferError, UnsafeArchiveError
from placa.sources.download.extract import extract
from placa.sources.download.nlm import NLM_TB_FILES, OPENI_FILES
from placa.sources.nlm_tb import read_nlm_tb
from placa.sources.openi import read_openi

TEXT = b"Patient's Sex: F\nPatient's Age: 026Y\nnormal\n"
REPORT = (
    "<eCitation><uId id='CXR{0}'/><MeSH><major>{1}</major></MeSH><parentImage id='CXR{0}_IM-0001-{0}'/></eCitation>"
)


def zipped(members: dict[str, bytes], mode: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, body)
    return out.getvalue()


def hospital(folder: str, letters: str, count: int) -> dict[str, bytes]:
    members = {f"{folder}/CXR_png/Thumbs.db": b"x", f"{folder}/ManualMask/{letters}_0001_0.png": b"mask"}
    for number in range(1, count + 1):
        name = f"{letters}_{number:04}_{number % 2}"
        members[f"{folder}/CXR_png/{name}.png"] = radiograph(number)
        members[f"{folder}/ClinicalReadings/{name}.txt"] = TEXT
    return members


def small_sets() -> dict[str, bytes]:
    reports = [
        member(f"ecgen-radiology/{n}.xml", REPORT.format(n, "normal" if n % 2 else "Cardiomegaly").encode())
        for n in range(1, 5)
    ]
    return {
        "NLM-MontgomeryCXRSet.zip": zipped(hospital("MontgomerySet", "MCUCXR", 4)),
        "ChinaSet_AllFiles.zip": zipped(hospital("ChinaSet_AllFiles", "CHNCXR", 6)),
        "NLMCXR_reports.tgz": archive(*reports),
        "NLMCXR_png.tgz": archive(*(member(f"./CXR{n}_IM-0001-{n}.png", radiograph(n)) for n in range(1, 5))),
    }


FILES = small_sets
COUNTS = {"NLM-MontgomeryCXRSet.zip": 4, "ChinaSet_AllFiles.zip": 6, "NLMCXR_reports.tgz": 4, "NLMCXR_png.tgz": 4}


def small(files: tuple[RemoteFile, ...]) -> list[RemoteFile]:
    """Return files with the number of images and the size of the small archives."""
    made = small_sets()
    return [
        replace(
            file,
            images=COUNTS[file.name],
            editions=(Edition(len(made[file.name]), None),) if file.editions else (),
        )
        for file in files
    ]


def test_the_lists_have_the_published_numbers() -> None:
    assert [file.images for file in NLM_TB_FILES] == [138, 662]
    assert [(file.images, file.size) for file in OPENI_FILES] == [(3955, 1_112_632), (7470, 0)]
    assert all(file.url.startswith("https://openi.nlm.nih.gov/") for file in NLM_TB_FILES + OPENI_FILES)


def test_both_hospitals_are_downloaded_and_can_be_prepared(server: Server, to: Path) -> None:
    made = download_nlm_tb(to, server.url, files=small(NLM_TB_FILES), retry_policy=QUICK)
    assert [path.name for path in made] == ["MontgomerySet", "ChinaSet_AllFiles"]
    assert not list(to.rglob("*Mask*")) and not list(to.rglob("Thumbs.db")) and not list(to.glob("*.zip"))
    source = read_nlm_tb(to, "Tuberculosis")
    assert len(source.images) == 10 and source.images["sex"].eq("F").all() and source.images["age"].eq(26).all()
    server.asked.clear()
    assert download_nlm_tb(to, server.url, files=small(NLM_TB_FILES)) == [] and server.asked == []


def test_open_i_is_downloaded_with_the_size_that_the_server_states(server: Server, to: Path) -> None:
    server.will("NLMCXR_png.tgz", lambda handler, body, start: handler.reply(200, body), drop_after(0.5))
    download_openi(to, server.url, files=small(OPENI_FILES), retry_policy=QUICK)
    assert any(asked for asked in server.ranges("NLMCXR_png.tgz")), "an interrupted transfer is resumed"
    source = read_openi(to, "Cardiomegaly")
    assert len(source.images) == 4 and source.missing == 0
    (to / "ecgen-radiology" / "2.xml").unlink()
    server.asked.clear()
    download_openi(to, server.url, files=small(OPENI_FILES), retry_policy=QUICK)
    assert {name for name, _ in server.asked} == {"NLMCXR_reports.tgz"}
    assert (to / "ecgen-radiology" / "2.xml").is_file()


def test_a_server_without_the_file_or_its_size_is_an_error(server: Server, to: Path) -> None:
    server.will("NLMCXR_png.tgz", reply_with(404), reply_with(200, b"x", Content_Type="text/html"))
    for error, code in ((HttpStatusError, {"status": 404}), (TransferError, {"reason": "web page"})):
        with raises(error, file="NLMCXR_png.tgz", url=f"{server.url}/NLMCXR_png.tgz", **code):
            download_openi(to, server.url, "NLMCXR_png", files=small(OPENI_FILES), retry_policy=QUICK)


GOOD = hospital("MontgomerySet", "MCUCXR", 1)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (zipped(GOOD, stat.S_IFLNK | 0o777), UnsafeArchiveError),
        (zipped(GOOD | hospital("MontgomerySet", "MCUCXR", 2)), UnsafeArchiveError),
        (zipped({"MontgomerySet/CXR_png/../../MCUCXR_0001_1.png": b"x"}), UnsafeArchiveError),
        (zipped({"MontgomerySet/CXR_png/MCUCXR_0001_1.png": b"\0" * (70 << 20)}), UnsafeArchiveError),
        (zipped({"MontgomerySet/CXR_png/MCUCXR_0001_1.png": b"\0" * (9 << 20)}), UnsafeArchiveError),
        (zipped(GOOD)[:-40], DamagedArchiveError),
        (None, DamagedArchiveError),
    ],
    ids=["link", "one more image", "parent", "large file", "bomb", "cut", "changed byte"],
)
def test_unsafe_and_damaged_zip_archives_leave_no_file(
    tmp_path: Path, body: bytes | None, error: type[Exception]
) -> None:
    if body is None:
        # A byte of the compressed image is changed: its CRC-32 is wrong.
        whole = zipped(GOOD)
        place = whole.index(b"CXR_png/MCUCXR_0001_1.png") + 60
        body = whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
    where = tmp_path / "NLM-MontgomeryCXRSet.zip"
    where.write_bytes(body)
    with pytest.raises(error):
        extract(where, tmp_path / "MontgomerySet", replace(NLM_TB_FILES[0], images=1))
    assert [path.name for path in tmp_path.iterdir()] == [where.name]


def test_each_download_has_a_help_page_with_its_arguments() -> None:
    for download in (download_nih, download_nlm_tb, download_openi):
        assert inspect.isfunction(download) and inspect.getdoc(download)
        assert [*inspect.signature(download).parameters][:5] == ["to", "base_url", "only", "jobs", "keep_archives"]
