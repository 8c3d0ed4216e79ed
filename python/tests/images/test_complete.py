"""Pictures whose data are fewer than their header states are rejected; complete ones are not."""

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from made_dicom import write_dicom
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, JPEGLosslessSV1

from placa.images.grey import ImageRejected
from placa.images.headers import read_header
from placa.images.read import read_image

_LEVELS = np.random.default_rng(0).integers(0, 256, (96, 64), dtype=np.uint8)


def _png(levels: np.ndarray, height: int = 96, rows: int = 96, interlaced: bool = False) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    body = b"".join(b"\0" + row.tobytes() for row in levels[:rows])
    header = struct.pack(">IIBBBBB", levels.shape[1], height, 8, 0, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def _jpeg(levels: np.ndarray, **options: object) -> bytes:
    with io.BytesIO() as file:
        Image.fromarray(levels).save(file, "JPEG", quality=90, **options)
        return file.getvalue()


def _read(tmp_path: Path, content: bytes) -> np.ndarray:
    (tmp_path / "image").write_bytes(content)
    return read_image(tmp_path / "image", 32)


@pytest.mark.parametrize(("height", "rows", "interlaced"), [(96, 40, False), (960, 96, False), (96, 30, True)])
def test_a_png_with_fewer_rows_is_rejected(tmp_path: Path, height: int, rows: int, interlaced: bool) -> None:
    with pytest.raises(ImageRejected, match="fewer pixels"):
        _read(tmp_path, _png(_LEVELS, height, rows, interlaced))
    assert _read(tmp_path, _png(_LEVELS)).std() > 0


def test_a_png_with_a_wrong_checksum_is_rejected(tmp_path: Path) -> None:
    damaged = bytearray(_png(_LEVELS))
    damaged[-14] ^= 1
    with pytest.raises(ImageRejected, match="checksum"):
        _read(tmp_path, bytes(damaged))


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_may_have_padding_and_a_marker_without_a_length(tmp_path: Path, options: dict[str, bool]) -> None:
    jpeg = _jpeg(_LEVELS, **options)
    assert (_read(tmp_path, jpeg[:2] + b"\xff\xff\xd0" + jpeg[2:]) == _read(tmp_path, jpeg)).all()


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_that_was_cut_and_closed_is_rejected(tmp_path: Path, options: dict[str, bool]) -> None:
    whole = _jpeg(_LEVELS, **options)
    assert _read(tmp_path, whole).std() > 0
    # A complete image that ends in the grey of missing blocks.
    padded = _LEVELS.copy()
    padded[60:] = 128
    assert _read(tmp_path, _jpeg(padded, **options)).std() > 0
    for share in (0.5, 0.7, 0.9):
        cut = whole[: int(len(whole) * share)].rstrip(b"\xff") + b"\xff\xd9"
        with pytest.raises(ImageRejected, match=r"fewer pixels|last scans"):
            _read(tmp_path, cut)


def test_a_jpeg_turned_by_exif_that_was_cut_is_rejected(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    whole = _jpeg(_LEVELS, exif=turned)
    assert _read(tmp_path, whole).std() > 0
    with pytest.raises(ImageRejected, match="fewer pixels"):
        _read(tmp_path, whole[: len(whole) * 2 // 3] + b"\xff\xd9")


def test_a_progressive_jpeg_without_its_last_scan_is_rejected(tmp_path: Path) -> None:
    whole = _jpeg(_LEVELS, progressive=True)
    for scan in (whole.rindex(b"\xff\xda"), whole.index(b"\xff\xda", whole.index(b"\xff\xda") + 2)):
        with pytest.raises(ImageRejected, match="last scans"):
            _read(tmp_path, whole[:scan] + b"\xff\xd9")


def test_a_jpeg_without_a_part_between_restart_markers_is_rejected(tmp_path: Path) -> None:
    whole = _jpeg(_LEVELS, restart_marker_rows=1)
    assert _read(tmp_path, whole).std() > 0
    third, fourth = whole.index(b"\xff\xd2"), whole.index(b"\xff\xd3")
    with pytest.raises(ImageRejected, match="restart markers"):
        _read(tmp_path, whole[:third] + whole[fourth:])


@pytest.mark.parametrize("kind", ["baseline", "lossless"])
@pytest.mark.parametrize("share", [0.3, 0.9, 1.0])
def test_a_cut_jpeg_in_a_dicom_file_is_rejected(tmp_path: Path, kind: str, share: float) -> None:
    stream = imagecodecs.jpeg8_encode(_LEVELS, level=90) if kind == "baseline" else imagecodecs.ljpeg_encode(_LEVELS)
    syntax = JPEGBaseline8Bit if kind == "baseline" else JPEGLosslessSV1
    data = dcmread(write_dicom(tmp_path / "a.dcm", _LEVELS, bits=8))
    data.file_meta.TransferSyntaxUID = syntax
    for end in (b"", b"\xff\xd9"):
        part = stream if share == 1 else stream[: int(len(stream) * share)] + end
        data.PixelData = encapsulate([part])
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
        data.save_as(tmp_path / "b.dcm")
        if share == 1:
            assert read_image(tmp_path / "b.dcm", 32).std() > 0
        else:
            with pytest.raises(ImageRejected, match="fewer pixels"):
                read_image(tmp_path / "b.dcm", 32)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits"])
def test_a_tiff_whose_strips_do_not_fit_its_size_is_rejected(tmp_path: Path, compression: str | None) -> None:
    file = tmp_path / "image"
    tifffile.imwrite(file, _LEVELS, compression=compression, rowsperstrip=16)
    assert read_image(file, 32).std() > 0
    for tag, value, reason in [
        *(("ImageLength", 192, "missing"), ("ImageLength", 48, "more pixels"), ("RowsPerStrip", 8, "missing")),
        *(
            [("ImageWidth", 32, "more pixels"), ("StripByteCounts", [100] * 6, "missing")]
            if compression is None
            else []
        ),
    ]:
        tifffile.imwrite(file, _LEVELS, compression=compression, rowsperstrip=16)
        with tifffile.TiffFile(file, mode="r+") as opened:
            opened.pages[0].tags[tag].overwrite(value)
        with pytest.raises(ImageRejected, match=reason):
            read_image(file, 32)


def test_a_tiff_with_strips_for_one_of_its_planes_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "image.tif"
    tifffile.imwrite(file, np.stack([_LEVELS] * 3, axis=2), photometric="rgb")
    assert read_image(file, 32).std() > 0
    with tifffile.TiffFile(file, mode="r+") as opened:
        opened.pages[0].tags["PlanarConfiguration"].overwrite(165)
    with pytest.raises(ImageRejected, match="missing"):
        read_image(file, 32)


def test_the_header_of_a_tiff_with_two_widths_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "image.tif"
    # Pillow does not read this sample format.
    tifffile.imwrite(file, _LEVELS.astype(np.float16))
    assert read_header(str(file)).width == 64
    with tifffile.TiffFile(file, mode="r+") as opened:
        opened.pages[0].tags["ImageWidth"].overwrite((64, 64))
    assert np.isnan(read_header(str(file)).width)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM"])
def test_a_picture_with_more_rows_than_its_header_states_is_rejected(tmp_path: Path, kind: str) -> None:
    if kind == "PNG":
        content = _png(_LEVELS, height=48)
    else:
        with io.BytesIO() as file:
            Image.fromarray(_LEVELS).save(file, kind)
            content = file.getvalue()
        assert _read(tmp_path, content).std() > 0
        content = content.replace(b"64 96", b"64 48").replace(struct.pack("<ii", 64, 96), struct.pack("<ii", 64, 48))
    with pytest.raises(ImageRejected, match="more pixels"):
        _read(tmp_path, content)


def test_a_palette_without_the_colours_of_its_pixels_is_rejected(tmp_path: Path) -> None:
    image = Image.fromarray(_LEVELS // 16, "P")
    for colours in (16, 12):
        image.putpalette([level for number in range(colours) for level in (16 * number,) * 3])
        image.save(tmp_path / "a.png")
        if colours == 16:
            assert read_image(tmp_path / "a.png", 32).std() > 0
        else:
            with pytest.raises(ImageRejected, match="palette has 12 colours"):
                read_image(tmp_path / "a.png", 32)


def test_an_image_of_one_grey_level_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ImageRejected, match="same grey level"):
        _read(tmp_path, _png(np.full((96, 64), 7, dtype=np.uint8)))
    far = write_dicom(tmp_path / "a.dcm", _LEVELS.astype(np.uint16), RescaleIntercept="1e30", RescaleSlope="1")
    with pytest.raises(ImageRejected, match="same grey level"):
        read_image(far, 32)


def test_dicom_pixels_that_do_not_fit_the_columns_are_rejected(tmp_path: Path) -> None:
    levels = _LEVELS.astype(np.uint16) * 16
    with pytest.raises(ImageRejected, match="bytes of pixels"):
        read_image(write_dicom(tmp_path / "a.dcm", levels, Columns=63), 32)
    assert read_image(write_dicom(tmp_path / "b.dcm", levels), 32).std() > 0
