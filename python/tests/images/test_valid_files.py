"""Read valid files of every kind, and compare them with the arithmetic of their standards and with dcmtk."""

import itertools
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from made_dicom_pixels import dicom, dicoms
from made_pixels import Made, film, jpegs, others, pngs, stored, tiffs
from made_volume_files import body, meta_image, nifti, nrrd, volumes
from PIL import Image

from placa.images.ct.slabs import read_slabs
from placa.images.dicom.decode import decode
from placa.images.dicom.grey import TAILS
from placa.images.dicom.read import read_grey
from placa.images.grey import ImageRejected
from placa.images.read import read_image
from placa.records.reading import VOLUME_OPTIONS

#: Of the pydicom files, those that dcmtk shows in another way, and the largest difference.
EXPLAINED = {
    # dcmtk converts YCbCr to clipped RGB and back to grey; placa takes the luminance that the file has.
    "SC_rgb_dcmtk_+eb+cy+n1.dcm": 8,
    "SC_rgb_dcmtk_+eb+cy+np.dcm": 8,
    "SC_rgb_jpeg_lossy_gdcm.dcm": 8,
}


def made() -> Iterator[Made]:
    return itertools.chain(tiffs(), pngs(), jpegs(), others(), dicoms())


def outcome(one: Made, path: Path) -> str:
    """Return ``read``, ``refused``, or how the file is read wrongly."""
    path.write_bytes(one.data)
    try:
        found = read_image(path, 32).astype(int)
    except ImageRejected as rejected:
        by_name = one.right is None and "damaged" not in str(rejected)
        return "refused" if by_name else f"{one.name}: {rejected}"
    if one.right is None:
        return f"{one.name}: read, mean {found.mean():.1f}"
    film = Image.fromarray((one.right + 0.5).astype(np.uint8))
    apart = np.abs(np.asarray(film.resize((32, 32), Image.Resampling.BILINEAR)).astype(int) - found).max()
    return "read" if apart <= one.apart + 0.5 else f"{one.name}: differs by {apart}"


def count(files: Iterable[Made], path: Path) -> Counter[str]:
    return Counter(outcome(one, path) for one in files)


def test_valid_files_of_many_kinds_are_read_or_refused_by_name(tmp_path: Path) -> None:
    counts = count(itertools.islice(made(), 0, None, 9), tmp_path / "film")
    assert set(counts) == {"read", "refused"} and counts["read"] > 70, counts


@pytest.mark.slow
def test_no_valid_file_is_read_wrongly(tmp_path: Path) -> None:
    counts = count(made(), tmp_path / "film")
    print(f"valid images: {counts['read']} read, {counts['refused']} refused by name, {len(counts) - 2} wrong")
    assert set(counts) == {"read", "refused"}, counts
    assert counts["read"] >= 500 and counts["refused"] >= 30


def expected_squares(squares: int) -> np.ndarray:
    """Return the grey levels in the middle of each slab, on the patient's right and left."""
    levels = body().astype(float)
    depth, thick = levels.shape[2], 3
    starts = [int(np.floor((number + 0.5) * depth / squares - thick / 2 + 0.5)) for number in range(squares)]
    means = np.array([levels[:, :, start : start + thick].mean(-1) for start in starts])
    return np.clip((means[:, [6, 13], 9] + 1350) / 1500, 0, 1) * 255


def count_volumes(step: int, path: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    right = expected_squares(5)
    for name, ending, data in itertools.islice(volumes(), 0, None, step):
        file = path.with_name(f"scan{ending}")
        file.write_bytes(data)
        try:
            # The volume is 20 voxels wide and 18 high: at 20 pixels, a voxel is a pixel, with one pixel above.
            found = read_slabs(file, 20, 5, VOLUME_OPTIONS)[:, 10, [6, 13]]
            apart = np.abs(found - right).max()
            counts["read" if apart <= 1 else f"{name}: differs by {apart}"] += 1
        except ImageRejected as rejected:
            counts[f"{name}: {rejected}"] += 1
    return counts


def test_volumes_of_many_kinds_give_the_same_squares(tmp_path: Path) -> None:
    counts = count_volumes(4, tmp_path / "scan")
    assert set(counts) == {"read"}, counts


@pytest.mark.slow
def test_no_valid_volume_is_read_wrongly(tmp_path: Path) -> None:
    counts = count_volumes(1, tmp_path / "scan")
    print(f"valid volumes: {counts['read']} read, {len(counts) - 1} wrong")
    assert set(counts) == {"read"} and counts["read"] >= 100, counts


SHEAR = ((0.7, 0, 0), (0, 0.7, 0), (0, 0.4, 1.5))


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.nrrd", nrrd(body(), "LPS", "mm", 1, "raw", "<", SHEAR), "sheared by 14.9 degrees"),
        ("a.mha", meta_image(body(), True, "<", "1 0 0 0 1 0 0 0.258 0.966"), "sheared by 1"),
        ("a.nrrd", nrrd(body(), "LPS", "furlong", 1, "raw", "<", np.eye(3)), "unit of length is 'furlong'"),
        ("a.nrrd", nrrd(body(), "scanner-xyz", "mm", 1, "raw", "<", np.eye(3)), "patient's head"),
        (
            "a.nrrd",
            nrrd(body(), "LPS", "", 1, "raw", "<", np.eye(3)).replace(b"key:=value", b"data file: b.raw"),
            "another file",
        ),
        ("a.nii.gz", nifti(body(), 1, "<").replace(b"n+1\0", b"ni1\0"), "another file"),
    ],
)
def test_a_valid_volume_that_is_not_read_is_refused_by_name(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageRejected, match=reason) as rejected:
        read_slabs(tmp_path / name, 20, 5, VOLUME_OPTIONS)
    assert "damaged" not in str(rejected.value)


def test_a_nifti_whose_two_directions_disagree_is_refused(tmp_path: Path) -> None:
    data = bytearray(nifti(body(), 1, "<"))
    # The third row of the sform: head first instead of feet first.
    data[312:328] = np.array([0, 0, -1.5, 70], "<f4").tobytes()
    (tmp_path / "a.nii.gz").write_bytes(data)
    with pytest.raises(ImageRejected, match="contradict") as rejected:
        read_slabs(tmp_path / "a.nii.gz", 20, 5, VOLUME_OPTIONS)
    assert rejected.value.values == {"sform": "LPI", "qform": "LPS"}


def test_a_lossless_jpeg_is_read_at_every_size(tmp_path: Path) -> None:
    import imagecodecs

    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpeg8_encode(stored(film(), 8), lossless=True))
    for size in (8, 16, 64, 224):
        assert abs(read_image(tmp_path / "a.jpg", size).mean() - 255 * film().mean()) < 2


def test_the_stream_of_a_frame_must_agree_with_its_header(tmp_path: Path) -> None:
    for more, values in (
        ({"Columns": 52}, {"inside": 53, "outside": 52}),
        (
            {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0},
            {"inside": 1, "outside": 3},
        ),
        ({"BitsStored": 10, "HighBit": 9}, {"highest": 4095, "bits": 10}),
    ):
        (tmp_path / "a.dcm").write_bytes(dicom(stored(film(), 12), 12, pydicom.uid.JPEGLSLossless, **more))
        with pytest.raises(ImageRejected) as rejected:
            read_image(tmp_path / "a.dcm", 32)
        assert rejected.value.values in (values, {})


def by_dcmtk(path: Path, folder: Path) -> np.ndarray | None:
    """Return the grey levels that dcmtk shows, with the first window or with placa's; None if it reads no image."""
    data = pydicom.dcmread(path, force=True)
    options: list[str] = ["-O"]
    if "MONOCHROME" in data.PhotometricInterpretation:
        if data.get("WindowWidth"):
            options += ["+Wi", "1"]
        elif data.BitsStored > 8 or data.PixelRepresentation:
            values = decode(path) * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0))
            low, high = np.quantile(values, TAILS, method="inverted_cdf")
            options += ["+Ww", f"{(low + high) / 2 + 0.5:.6f}", f"{high - low + 1:.6f}"]
    plain = folder / "plain.dcm"
    for tool, source in (("dcmj2pnm", path), ("dcml2pnm", path), ("dcmj2pnm", plain)):
        if source == plain:
            subprocess.run(["gdcmconv", "--raw", path, plain], capture_output=True)
        done = subprocess.run([tool, "+F", "1", *options, "+op", source, folder / "shown.pgm"], capture_output=True)
        if done.returncode == 0:
            return np.asarray(Image.open(folder / "shown.pgm").convert("L")).astype(int)
    return None


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(shutil.which, ("dcmj2pnm", "dcml2pnm", "gdcmconv"))), reason="needs dcmtk and libgdcm-tools"
)
def test_the_files_of_pydicom_are_read_as_dcmtk_reads_them(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for path in sorted((Path(pydicom.__file__).parent / "data" / "test_files").rglob("*")):
        if path.is_dir():
            continue
        try:
            found = read_grey(path)
        except ImageRejected as rejected:
            # One file is made damaged: an item delimiter stands in the size of its stream.
            counts["refused" if "damaged" not in str(rejected) or "truncated" in path.name else path.name] += 1
            continue
        shown = by_dcmtk(path, tmp_path)
        assert shown is not None, path.name
        apart = np.abs(shown - found).max()
        counts["same" if apart <= EXPLAINED.get(path.name, 2) else f"{path.name}: {apart}"] += 1
    print(f"files of pydicom: {counts['same']} as dcmtk shows them, {counts['refused']} refused")
    assert set(counts) == {"same", "refused"} and counts["same"] >= 70, counts
