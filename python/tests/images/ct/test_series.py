"""A DICOM series is a volume: the same squares as its MetaImage, or a reason."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from made_series import write_enhanced, write_series
from made_volumes import thorax, write_volume
from pydicom.uid import RLELossless, generate_uid
from raising import raises

from placa.images.by_rule import file_name, list_files, read_file
from placa.images.errors import NoFilesFoundError
from placa.images.read import ImageRejected
from placa.records.reading import slabs

EIGHT = slabs(8)
LEVELS = thorax()


def _squares(place: Path) -> np.ndarray:
    [path] = list_files(EIGHT, [place]).files
    return read_file(EIGHT, str(path), 32)


def _expected(tmp_path: Path) -> np.ndarray:
    return read_file(EIGHT, str(write_volume(tmp_path / "right.mha", LEVELS)), 32)


def _each(folder: Path, change: Callable[[pydicom.Dataset], None]) -> None:
    for path in folder.iterdir():
        data = pydicom.dcmread(path)
        change(data)
        data.save_as(path)


def _copy_slices(folder: Path) -> None:
    for number, path in enumerate(sorted(folder.iterdir())[:3]):
        data = pydicom.dcmread(path)
        if number:
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.save_as(folder / f"copy-{path.name}")


def _jitter(data: pydicom.Dataset) -> None:
    data.ImagePositionPatient[2] = float(data.ImagePositionPatient[2]) + 0.003 * (-1) ** int(data.InstanceNumber)


def _split_slope(data: pydicom.Dataset) -> None:
    """Give every second slice another slope, and the stored values that have the same HU."""
    if int(data.InstanceNumber) % 2:
        stored = np.frombuffer(data.PixelData, "<u2")
        data.RescaleSlope, data.BitsStored, data.HighBit = 0.5, 16, 15
        data.PixelData = (stored * 2).tobytes()


SAME: dict[str, Callable[[Path], object]] = {
    "as it is": lambda folder: None,
    "copies, of which two have other UIDs": _copy_slices,
    "jitter of positions": lambda folder: _each(folder, _jitter),
    "slopes that differ between slices": lambda folder: _each(folder, _split_slope),
    "compressed": lambda folder: _each(folder, lambda data: data.compress(RLELossless)),
    "a scout and a report beside it": lambda folder: write_series(
        folder, LEVELS[:1], prefix="scout", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], StudyInstanceUID="1.2.3"
    ),
}


@pytest.mark.parametrize("kind", SAME)
def test_a_series_has_the_squares_of_its_volume(tmp_path: Path, kind: str) -> None:
    folder = write_series(tmp_path / "scan", StudyInstanceUID="1.2.3")
    SAME[kind](folder)
    assert np.array_equal(_squares(folder), _expected(tmp_path))
    [path] = list_files(EIGHT, [folder]).files
    assert file_name(EIGHT, path) == "scan"


def test_frames_of_an_enhanced_ct_are_sorted(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(len(LEVELS)).tolist()
    path = write_enhanced(tmp_path / "enhanced" / "1.dcm", LEVELS, order)
    assert np.array_equal(_squares(path.parent), _expected(tmp_path))


def _second_phase(folder: Path) -> None:
    uid = pydicom.dcmread(next(folder.iterdir())).SeriesInstanceUID
    write_series(folder, LEVELS + 20, prefix="b", SeriesInstanceUID=uid, StudyInstanceUID="1.2.3", AcquisitionNumber=2)


SPOILT: dict[str, tuple[dict, Callable[[Path], object] | None, str]] = {
    "a gap": ({"places": [*range(0, 160, 20), *range(200, 280, 20)]}, None, "not evenly spaced"),
    "tilt": ({"tilt": 12.0}, None, "gantry tilt"),
    "two phases": ({}, _second_phase, "the same position at 12 of 12"),
    "a scout": ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, None, "scout"),
    "a MIP": ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "MIP"]}, None, "projection"),
    "no Hounsfield units": ({"RescaleType": "Z_EFF"}, None, "Z_EFF"),
    "no position": ({"ImagePositionPatient": None}, None, "no position"),
    "a truncated slice at the end": ({}, lambda folder: _cut(folder / "005.dcm"), "1 of its 12 slices are truncated"),
    "another size": ({}, lambda folder: _enlarge(next(folder.iterdir())), "several volumes"),
}


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def _enlarge(path: Path) -> None:
    data = pydicom.dcmread(path)
    data.PixelSpacing = [9.0, 9.0]
    data.save_as(path)


@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_series_is_rejected_with_a_reason(tmp_path: Path, kind: str) -> None:
    options, change, reason = SPOILT[kind]
    folder = write_series(tmp_path / "scan", **{"StudyInstanceUID": "1.2.3", **options})
    if change is not None:
        change(folder)
    with pytest.raises(ImageRejected, match=reason):
        _squares(folder)


def test_one_series_per_study_is_chosen_by_the_rule(tmp_path: Path) -> None:
    thick = LEVELS[::2]
    for name, number, levels, more in (
        ("sharp", 1, LEVELS, {"ConvolutionKernel": "B70f"}),
        ("soft", 2, LEVELS, {"ConvolutionKernel": "B31f"}),
        ("thick", 3, thick, {"places": list(range(0, 240, 40))}),
        ("abdomen", 0, LEVELS, {"SeriesDescription": "Abdomen"}),
    ):
        write_series(tmp_path / "study" / name, levels, SeriesNumber=number, StudyInstanceUID="1.2.3", **more)
    write_series(tmp_path / "study" / "other patient", patient="2", StudyInstanceUID="1.2.4")
    listing = list_files(EIGHT, [tmp_path / "study"])
    assert {file_name(EIGHT, path) for path in listing} == {"other patient", "soft"}
    left = {file_name(EIGHT, one.path): one.code for one in listing.skipped}
    assert left == dict.fromkeys(("sharp", "thick", "abdomen"), "other_series")


def test_a_series_in_several_folders_is_rejected_and_a_copy_is_not(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan" / "a")
    shutil.copytree(folder, tmp_path / "scan" / "b")
    assert np.array_equal(_squares(tmp_path / "scan"), _expected(tmp_path))
    for path in sorted((tmp_path / "scan" / "a").iterdir())[:6]:
        path.unlink()
    for path in sorted((tmp_path / "scan" / "b").iterdir())[6:]:
        path.unlink()
    with raises(NoFilesFoundError, places=[str(tmp_path / "scan")]) as caught:
        _squares(tmp_path / "scan")
    assert "in several folders" in str(caught.value)
