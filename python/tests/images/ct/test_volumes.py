import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from made_volumes import thorax, to_image, write_volume
from raising import raises

from placa.core.errors import PathNotFoundError
from placa.dataset.pixel_cache import build_cache, open_pixels
from placa.images.by_rule import file_name, list_files, read_file
from placa.images.errors import NoFilesFoundError
from placa.images.read import ImageRejected
from placa.records.errors import UnknownReadingError
from placa.records.reading import Reading, slabs

EIGHT = slabs(8)


def _grey(hounsfield: np.ndarray) -> np.ndarray:
    # Level -600 and width 1500 map -1350 to black and 150 to white; air is the darkest.
    return np.clip((np.maximum(hounsfield, -1000) + 1350) / 1500, 0, 1) * 255


def test_axial_squares_have_the_radiological_orientation(tmp_path: Path) -> None:
    squares = read_file(EIGHT, str(write_volume(tmp_path / "1.mha", thorax())), 40)
    assert squares.shape == (8, 40, 40) and squares.dtype == np.uint8
    # From the feet up: the heart is inferior, anterior, and on the patient's left, the right of the square.
    assert squares[2, 12:18, 22:26].mean() > 200 > 100 > squares[2, 12:18, 10:16].mean()
    assert squares[6, 14:18, 26:30].mean() < 100
    # The spine is posterior, at the bottom of the square; air is dark and soft tissue is bright.
    assert squares[:, 29:32, 19:21].min() == 255
    assert np.abs(squares[:, :3].astype(float) - _grey(np.array(-1000))).max() < 25


@pytest.mark.parametrize("code", ["RAI", "LPI", "RAS", "ARS", "SLP", "PIR"])
@pytest.mark.parametrize("compress", [True, False])
def test_squares_are_axial_for_any_stored_orientation(tmp_path: Path, code: str, compress: bool) -> None:
    image = to_image(thorax())
    SimpleITK.WriteImage(image, str(tmp_path / "as-it-is.mha"))
    SimpleITK.WriteImage(SimpleITK.DICOMOrient(image, code), str(tmp_path / "turned.mha"), compress)
    # Seven squares of twelve slices: some centres are between two slices, where rounding could depend on the direction.
    expected, turned = (read_file(slabs(7), str(tmp_path / name), 40) for name in ("as-it-is.mha", "turned.mha"))
    assert np.array_equal(turned, expected)


def test_slabs_are_5_mm_means_at_the_centres_of_equal_parts(tmp_path: Path) -> None:
    levels = np.empty((100, 20, 20), np.int16)
    levels[:] = -990 + 10 * np.arange(100)[:, None, None]
    levels[:, :2] = 40
    image = to_image(levels, spacing=(1.0, 1.0, 1.0))
    SimpleITK.WriteImage(image, str(tmp_path / "thin.mha"))
    squares = read_file(slabs(10), str(tmp_path / "thin.mha"), 20)
    # Slices 3 to 7 of the first ten, whose mean is the value of slice 5; and so on.
    expected = np.floor(_grey(-990 + 10 * (5.0 + 10 * np.arange(10))) + 0.5)
    assert np.array_equal(squares[:, 10, 10], expected)
    assert (squares[:, 2:] == squares[:, 2:3, :1]).all()
    # If slices are thicker than a slab, single slices are used: 5, 15, ….
    image.SetSpacing((1.0, 1.0, 8.0))
    SimpleITK.WriteImage(image, str(tmp_path / "thick.mha"))
    assert np.array_equal(read_file(slabs(10), str(tmp_path / "thick.mha"), 20)[:, 9, 0], expected)
    # With more squares than slices, every slice is used, and no slice after the last one.
    image.SetSpacing((1.0, 1.0, 40.0))
    SimpleITK.WriteImage(image[:, :, 10:13], str(tmp_path / "few.mha"))
    few = read_file(slabs(6), str(tmp_path / "few.mha"), 20)[:, 9, 0]
    assert np.array_equal(few, np.floor(_grey(-890 + 10 * np.array([0.0, 0, 1, 1, 2, 2])) + 0.5))


def test_the_field_of_view_keeps_its_aspect_ratio(tmp_path: Path) -> None:
    levels = np.full((4, 10, 40), 100, np.int16)
    levels[0] = -800
    # 40 columns of 2 mm and 10 rows of 4 mm: twice as wide as high.
    SimpleITK.WriteImage(to_image(levels, spacing=(2.0, 4.0, 25.0)), str(tmp_path / "wide.mha"))
    square = read_file(slabs(4), str(tmp_path / "wide.mha"), 32)[2]
    assert (square[8:24] == np.floor(_grey(np.array(100.0)) + 0.5)).all()
    assert (square[:8] == 60).all() and (square[24:] == 60).all(), "outside the field is air, -1000 HU"


def test_padding_outside_the_scan_field_is_black_like_air(tmp_path: Path) -> None:
    levels = thorax()
    levels[levels < -900] = -1000
    air = read_file(EIGHT, str(write_volume(tmp_path / "air.mha", levels)), 32)
    levels[:, :4, :4] = -3024
    assert np.array_equal(read_file(EIGHT, str(write_volume(tmp_path / "filled.mha", levels)), 32), air)


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".nhdr", ".mhd", ".MHA"])
def test_all_volume_formats_give_the_same_squares(tmp_path: Path, ending: str) -> None:
    image = to_image(thorax())
    SimpleITK.WriteImage(image, str(tmp_path / "1.mha"))
    expected = read_file(EIGHT, str(tmp_path / "1.mha"), 32)
    for compress in (True, False):
        SimpleITK.WriteImage(image, str(tmp_path / f"2{ending.lower()}"), compress)
        os.rename(tmp_path / f"2{ending.lower()}", tmp_path / f"2{ending}")
        assert np.array_equal(read_file(EIGHT, str(tmp_path / f"2{ending}"), 32), expected)


def _cut(path: Path, keep: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def _damage(path: Path, where: float) -> None:
    content = bytearray(path.read_bytes())
    start = int(len(content) * where)
    content[start : start + 50] = bytes(byte ^ 0x55 for byte in content[start : start + 50])
    path.write_bytes(bytes(content))


def _replace(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def _write(array: np.ndarray, **options: bool) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array, **options), str(path))

    return write


def _after(change: Callable[..., None], *arguments: object, compress: bool = True) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        SimpleITK.WriteImage(to_image(thorax()), str(path), compress)
        change(path, *arguments)

    return write


LEVELS = thorax()
NAN = LEVELS.astype(np.float32)
NAN[:, 5, 5] = np.nan
BAD = {
    "missing": ("1.mha", lambda path: None, "does not exist"),
    "directory": ("1.mha", Path.mkdir, "directory"),
    "pipe": ("1.mha", os.mkfifo, "pipe"),
    "empty": ("1.mha", Path.touch, "empty"),
    "text": ("1.mha", lambda path: path.write_text("hello\nworld\n"), "header"),
    "header cut": ("1.mha", _after(_cut, 0.004), "header"),
    "cut": ("1.mha", _after(_cut, 0.5, compress=False), "truncated"),
    "cut, compressed": ("1.mha", _after(_cut, 0.5), "truncated"),
    "damaged, compressed": ("1.mha", _after(_damage, 0.6), "damaged"),
    "voxels elsewhere": ("1.mha", _after(_replace, b"LOCAL", b"/etc/passwd"), "in another file"),
    "voxels as text": ("1.mha", _after(_replace, b"BinaryData = True", b"BinaryData = False"), "as text"),
    "a bomb": ("1.mha", lambda path: _write_bomb(path), "more than the"),
    "too large": ("1.mha", _after(_replace, b"DimSize = 40 40", b"DimSize = 40000 40000"), "more than the limit"),
    "a header that would end the process": ("1.mha", _after(_replace, b"NDims = 3", b"NDims = 300"), "NDims"),
    "a header damaged": ("1.mha", _after(_replace, b"BinaryData", b"Bina\x00\x01Data"), "damaged in line 3"),
    "a field twice": ("1.mha", _after(_replace, b"Element", b"NDims = 3\nElement"), "damaged in line"),
    "spacing": ("1.mha", _after(_replace, b"ElementSpacing = 8 8 20", b"ElementSpacing = 8 8 0"), "ElementSpacing"),
    "spacing in metres": ("1.mha", _after(_replace, b"Spacing = 8 8 20", b"Spacing = .008 .008 .02"), "spacing of"),
    "no direction": ("1.mha", _after(_replace, b"Matrix = 1 0 0 0 1", b"Matrix = 0 0 0 0 1"), "determinant is 0"),
    "another size than in the header": (
        "1.mha",
        _after(_replace, b"CompressedDataSize = ", b"CompressedDataSize = 1"),
        "its header has 1",
    ),
    "no size in the header": ("1.mha", _after(_replace, b"CompressedDataSize", b"Comment"), "its header has no bytes"),
    "direction": ("1.mha", _after(_replace, b"Matrix = 1 0 0 0 1", b"Matrix = 1 0 0 0 nan"), "TransformMatrix"),
    "sizes lacking": ("1.mha", _after(_replace, b"DimSize = 40 40 12", b"DimSize = 40 40"), "DimSize = 40 40"),
    "nii.gz cut": ("1.nii.gz", _after(_cut, 0.5), "truncated"),
    "nii.gz damaged": ("1.nii.gz", _after(_damage, 0.9), "damaged"),
    "nii with nine axes": ("1.nii", _after(_replace, b"\3\0\x28\0", b"\x09\0\x28\0", compress=False), "dim"),
    "nrrd cut": ("1.nrrd", _after(_cut, 0.5), "truncated"),
    "nrrd cut, not compressed": ("1.nrrd", _after(_cut, 0.5, compress=False), "truncated"),
    "wrong ending": ("1.png", lambda path: path.write_bytes(b"\x89PNG"), "not one of .mha"),
    "a png of another name": ("1.mha", lambda path: path.write_bytes(b"\x89PNG" + bytes(500)), "not an .mha volume"),
    "one image": ("1.mha", _write(LEVELS[0]), "2 dimensions"),
    "one slice": ("1.mha", _write(LEVELS[:1]), "one slice"),
    "four dimensions": ("1.mha", lambda path: _write_4d(path), "4 dimensions"),
    "colours": ("1.mha", _write(np.stack([LEVELS] * 3, axis=-1), isVector=True), "ElementNumberOfChannels = 3"),
    "8 bits": ("1.mha", _write((LEVELS > 0).astype(np.uint8)), "8-bit unsigned integer"),
    "no numbers": ("1.mha", _write(NAN), "NaN"),
    "blank": ("1.mha", _write(np.full((12, 40, 40), -1000, np.int16)), "blank"),
    "too short": ("1.mha", _write(np.tile(LEVELS, (6, 1, 1))), "72 mm long"),
    "fewer slices than squares": ("1.mha", lambda path: _write_few(path), "3 slices for 8"),
    "not in Hounsfield units": ("1.mha", _write((LEVELS.astype(np.int32) + 1100).astype(np.uint16)), "Hounsfield"),
}


def _write_bomb(path: Path) -> None:
    write_volume(path, np.tile(LEVELS, (4, 2, 2)))
    _replace(path, b"DimSize = 80 80 48", b"DimSize = 8 8 8")


def _write_few(path: Path) -> None:
    SimpleITK.WriteImage(to_image(LEVELS[4:7], spacing=(8, 8, 40)), str(path))


def _write_4d(path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.JoinSeries([to_image(LEVELS)] * 2), str(path))


@pytest.mark.parametrize("stated", [5.0, 10 / 3, 2.5, 2.0, 10 / 7, 1.25, 2 / 3, 0.4])
def test_the_last_digits_of_the_distance_do_not_change_the_squares(tmp_path: Path, stated: float) -> None:
    levels = np.repeat(thorax(shape=(60, 40, 33)), 2, axis=1)
    levels = np.tile(levels, (1 + int(120 / stated / 60), 1, 1))
    squares = []
    for number, factor in enumerate((1, 1 - 3e-7, 1 + 3e-7, np.float64(np.float32(stated)) / stated)):
        path = tmp_path / f"{number}.mha"
        # 80 rows and 33 columns: the width of the square is 9.9 pixels and 3 x 33 of 80 half pixels.
        SimpleITK.WriteImage(to_image(levels, spacing=(3.0 * factor, 3.0, stated * factor)), str(path))
        squares.append(read_file(EIGHT, str(path), 40))
    assert all(np.array_equal(one, squares[0]) for one in squares)


@pytest.mark.parametrize(
    ("distance", "slices"), [(8.0, 1), (3.6, 1), (3.5, 2), (2.1, 2), (2.0, 3), (1.0, 5), (0.5, 10)]
)
def test_slabs_have_the_number_of_slices_closest_to_5_mm(tmp_path: Path, distance: float, slices: int) -> None:
    levels = np.full((240, 4, 4), 40, np.int16)
    levels[:, :2] = -600
    # One slice of the slab in the middle of the scan is darker.
    levels[120, :2] = -900
    SimpleITK.WriteImage(to_image(levels, spacing=(2.0, 2.0, distance)), str(tmp_path / "1.mha"))
    square = read_file(slabs(1), str(tmp_path / "1.mha"), 4)[0]
    assert square[0, 0] == np.floor(_grey(np.array(-600 - 300 / slices)) + 0.5)


@pytest.mark.parametrize("kind", BAD)
def test_an_unusable_volume_is_rejected_with_a_reason(tmp_path: Path, kind: str) -> None:
    name, make, reason = BAD[kind]
    make(tmp_path / name)
    with pytest.raises(ImageRejected, match=reason) as caught:
        read_file(EIGHT, str(tmp_path / name), 32)
    assert "\n" not in str(caught.value) and "ITK" not in str(caught.value)


def test_the_cache_contains_the_squares_of_readable_volumes(tmp_path: Path) -> None:
    good = [write_volume(tmp_path / f"{seed}.mha", thorax(seed)) for seed in range(2)]
    bad = tmp_path / "bad.mha"
    bad.write_text("no volume")
    paths = [str(good[0]), str(bad), str(good[1])]
    kept, reasons = build_cache(paths, tmp_path / "pixels-32.npy", 32, reading=EIGHT)
    assert kept.tolist() == [True, False, True] and [bool(reason) for reason in reasons] == [False, True, False]
    pixels = open_pixels(tmp_path)
    assert pixels.shape == (16, 32, 32)
    assert np.array_equal(pixels[8:], read_file(EIGHT, str(good[1]), 32))


def test_volumes_are_found_by_their_suffixes(tmp_path: Path) -> None:
    for name in ("10.mha", "9.mha", "a/1.nii.gz", "a/2.nrrd", "note.txt", ".hidden.mha", "scan.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list_files(EIGHT, [tmp_path, tmp_path / "scan.png"])
    assert [path.name for path in found] == ["9.mha", "10.mha", "1.nii.gz", "2.nrrd", "scan.png"]
    assert [file_name(EIGHT, path) for path in found] == ["9", "10", "1", "2", "scan.png"]
    with raises(
        NoFilesFoundError,
        kind="CT volume",
        places=[],
        endings=[".mha", ".mhd", ".nii.gz", ".nii", ".nrrd", ".nhdr", ".dcm"],
    ):
        list_files(EIGHT, [tmp_path / "a" / ".."][:0])
    with raises(PathNotFoundError, path=str(tmp_path / "nowhere")):
        list_files(EIGHT, [tmp_path / "nowhere"])


def test_an_unknown_reading_rule_is_an_error() -> None:
    assert Reading.from_record(EIGHT.as_record()) == EIGHT
    for change in ({"rule": "ct-cubes"}, {"options": {}}, {"options": {**EIGHT.options, "orientation": "RAS"}}):
        stored = {**EIGHT.as_record(), **change}
        with raises(UnknownReadingError, **stored):
            Reading.from_record(stored)
    narrow = {**EIGHT.as_record(), "options": {**EIGHT.options, "window_width_hu": 1000.0}}
    assert Reading.from_record(narrow).options["window_width_hu"] == 1000.0


_PEAK = """
import resource, sys
from pathlib import Path
from placa.dataset.pixel_cache import build_cache
from placa.records.reading import slabs
path, count, target = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
kept, _ = build_cache([path] * count, target, 32, reading=slabs(4))
assert kept.all()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_number_of_volumes(tmp_path: Path) -> None:
    volume = write_volume(tmp_path / "1.mha", np.tile(thorax(), (6, 6, 6)))

    def peak(count: int) -> float:
        arguments = [sys.executable, "-c", _PEAK, str(volume), str(count), str(tmp_path / "pixels.npy")]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        return int(done.stdout) / 1024

    size = 2 * np.prod(np.array([72, 240, 240])) / 2**20
    assert peak(24) - peak(4) < 2 * size, "twenty more volumes must need less memory than two volumes"
