"""One window for all CT slices of a set, and a remark where the files have several."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_dicom import write_dicom
from PIL import Image
from pydicom.uid import CTImageStorage
from raising import raises

from placa.audit.probes import all_features
from placa.images.by_rule import read_file
from placa.images.grey import ImageRejected
from placa.records.errors import UnknownReadingError
from placa.records.reading import Reading, slabs, stretch
from placa.sources.dicom import read_dicom, read_window
from placa.sources.dicom.patient_key import PatientKey
from placa.sources.errors import InvalidWindowError

_KEY = PatientKey(b"0123456789abcdef")
#: Air, lung, water, bone in HU.
_HU = np.repeat(np.repeat([[-1000, -600], [0, 500]], 8, axis=0), 8, axis=1)


def _slice(path: Path, window: tuple[float, float] = (50, 350), patient: str = "A1", **tags: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    standard = {
        **{"SOPClassUID": CTImageStorage, "Modality": "CT", "PatientID": patient, "ImageType": ["ORIGINAL", "PRIMARY"]},
        **{"RescaleSlope": "1", "RescaleIntercept": "-1024", "RescaleType": "HU"},
        **{"WindowCenter": str(window[0]), "WindowWidth": str(window[1])},
    }
    return write_dicom(path, (_HU + 1024).astype(np.uint16), **{**standard, **tags})


def _levels(path: Path, reading: Reading) -> list[int]:
    square = read_file(reading, str(path), 16)[0]
    return [int(square[row, column]) for row in (2, 13) for column in (2, 13)]


def test_a_window_is_that_of_hounsfield_units_whatever_the_file_has(tmp_path: Path) -> None:
    for number, own in enumerate([(50, 350), (-600, 1500), (0, 1)]):
        path = _slice(tmp_path / f"{number}.dcm", own)
        assert _levels(path, stretch((-600, 1500))) == [60, 128, 230, 255]
        assert _levels(path, stretch((50, 350))) == [0, 0, 91, 255]
    assert _levels(tmp_path / "0.dcm", stretch()) != _levels(tmp_path / "1.dcm", stretch())
    # Neither a table of display nor the polarity changes the window.
    inverse = _slice(tmp_path / "inverse.dcm", PhotometricInterpretation="MONOCHROME1")
    assert _levels(inverse, stretch((-600, 1500))) == [60, 128, 230, 255]


@pytest.mark.parametrize("tags", [{"RescaleType": "US"}, {"RescaleSlope": None, "RescaleIntercept": None}])
def test_a_slice_without_hounsfield_units_is_rejected(tmp_path: Path, tags: dict[str, object]) -> None:
    path = _slice(tmp_path / "a.dcm", **tags)
    assert read_file(stretch(), str(path), 16).shape == (1, 16, 16)
    with pytest.raises(ImageRejected, match="Hounsfield"):
        read_file(stretch((-600, 1500)), str(path), 16)


def test_a_picture_has_no_window(tmp_path: Path) -> None:
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(tmp_path / "a.png")
    with pytest.raises(ImageRejected, match="not a DICOM file"):
        read_file(stretch((-600, 1500)), str(tmp_path / "a.png"), 16)


def test_windows_are_named_or_numbers() -> None:
    assert read_window("lung") == (-600, 1500) and read_window(" Mediastinum") == (50, 350)
    assert read_window("-600,1500") == read_window((-600, 1500)) == (-600, 1500)
    for wrong in ("bone", "1", "1,2,3", "40,0", "nan,5", "40,inf", (1, -1), ""):
        with raises(InvalidWindowError, window=wrong):
            read_window(wrong)


def test_the_window_is_stored_with_the_rule() -> None:
    for reading in (stretch((-600.0, 1500.0)), slabs(4, (50.0, 350.0))):
        again = Reading.from_record(json.loads(json.dumps(reading.as_record())))
        assert again == reading and again.window == reading.window
    assert stretch().window is None and stretch().options == {}
    for options in ({"window_level_hu": 1.0}, {"window_width_hu": 1.0}, {**stretch((1, 2)).options, "other": 1}):
        with raises(UnknownReadingError):
            Reading.from_record({"rule": "stretch", "squares": 1, "options": options})
    for level, width in ((0.0, 0.0), (0.0, "1500"), (None, 10.0)):
        with raises(UnknownReadingError):
            Reading.from_record(
                {"rule": "stretch", "squares": 1, "options": {"window_level_hu": level, "window_width_hu": width}}
            )


def test_slices_in_several_windows_are_said_and_probed(tmp_path: Path) -> None:
    for number in range(6):
        name = "COVID" if number % 2 else "other"
        _slice(tmp_path / name / f"{number}.dcm", (-600, 1500) if number % 2 else (50, 350), f"A{number}")
    _slice(tmp_path / "COVID" / "scout.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    source = read_dicom(tmp_path, positive="COVID", modalities="CT", key=_KEY)
    note = next(note for note in source.notes if note.code == "windows_differ")
    assert note.values["windows"] == 2 and len(source.images) == 6
    assert any(note.code == "scout" and note.values["files"] == 1 for note in source.notes)
    manifest = source.images.assign(age=np.nan)
    columns = all_features(manifest, None, np.arange(6), acquisition=source.acquisition)["window"].columns
    assert columns is not None and len(np.unique(columns, axis=0)) == 2
    windowed = read_dicom(tmp_path, positive="COVID", window="lung", key=_KEY)
    assert windowed.acquisition is None and windowed.reading == stretch((-600.0, 1500.0))
    assert windowed.options["window"] == [-600.0, 1500.0] and len(windowed.images) == 6
    assert not any(note.code == "windows_differ" for note in windowed.notes)
